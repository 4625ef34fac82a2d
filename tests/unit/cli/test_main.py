"""The command line as a whole: what is listed, what is loaded, what is refused."""

from __future__ import annotations

import subprocess
import sys

import pytest

from bridge.cli import main
from bridge.cli.main import COMMANDS


def loaded_after(code: str) -> set[str]:
    """The modules that a Python of its own holds after running the code."""
    told = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}\nprint(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(told.stdout.split())


def test_when_help_is_asked_for_then_every_command_is_listed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines() if "    " in line]
    assert set(COMMANDS) <= set(listed)


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_given_a_command_when_its_help_is_asked_for_then_it_is_that_commands(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: bridge {command}")


@pytest.mark.parametrize("arguments", [[], ["dance"], ["config"], ["message", "show", "twelve"]])
def test_given_no_such_command_then_it_is_refused_with_the_usage(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage: bridge" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("module", "spared"),
    [
        ("main", {"sqlalchemy", "pynetdicom", "pydicom", "fastapi", "httpx2", "pydantic"}),
        ("serve", {"alembic", "hl7apy", "bridge.simulate"}),
        ("records", {"alembic", "pynetdicom", "fastapi", "httpx2"}),
        ("patients", {"alembic", "pynetdicom", "fastapi", "httpx2"}),
        ("mapping", {"sqlalchemy", "pynetdicom", "fastapi"}),
    ],
)
def test_given_one_command_then_what_only_others_need_is_not_loaded(
    module: str, spared: set[str]
) -> None:
    assert loaded_after(f"import bridge.cli.{module}") & spared == set()

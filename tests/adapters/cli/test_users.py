"""Given a bridge, when accounts are managed by command, then passwords are nowhere to be read."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from bridge.cli import main
from bridge.settings import load
from bridge.store import schema
from bridge.store.database import Database

PASSWORD = "correct horse battery"


@pytest.fixture
def configuration(tmp_path: Path) -> Path:
    file = tmp_path / "bridge.yaml"
    file.write_text(f"var: {tmp_path}\n", encoding="utf-8")
    database = Database(str(load(file, {}).database))
    schema.upgrade(database)
    database.close()
    return file


def run(
    monkeypatch: pytest.MonkeyPatch, configuration: Path, *arguments: str, stdin: str = ""
) -> int:
    monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
    return main(["user", *arguments, "--config", str(configuration)])


def test_given_a_password_on_stdin_when_an_account_is_added_then_it_is_listed_without_it(
    configuration: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    added = run(monkeypatch, configuration, "add", "anh", "--role", "admin", stdin=f"{PASSWORD}\n")
    run(monkeypatch, configuration, "list")

    assert added == 0
    assert capsys.readouterr().out.split("\t")[:4] == ["anh", "admin", "enabled", "password"]
    kept = b"".join(file.read_bytes() for file in configuration.parent.glob("bridge.db*"))
    assert PASSWORD.encode() not in kept
    assert b"$argon2id$" in kept


def test_given_an_account_when_changed_then_each_change_is_seen(
    configuration: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, configuration, "add", "anh", "--link", "--display-name", "Ánh") == 0
    assert "/sign-in/link?code=" in capsys.readouterr().out

    for arguments in (("role", "anh", "operator"), ("disable", "anh"), ("link", "anh")):
        assert run(monkeypatch, configuration, *arguments) == 0
    run(monkeypatch, configuration, "list")
    shown = capsys.readouterr().out.splitlines()[-1]
    assert shown == "anh\toperator\tdisabled\tlink\tÁnh"
    assert run(monkeypatch, configuration, "enable", "anh") == 0
    assert run(monkeypatch, configuration, "password", "anh", stdin=PASSWORD) == 0


@pytest.mark.parametrize(
    ("arguments", "stdin", "words"),
    [
        (("add", "anh"), "short\n", "at least 10 characters"),
        (("add", "anh"), "", "at least 10 characters"),
        (("add", "a:b"), PASSWORD, "no colon"),
        (("password", "nobody"), PASSWORD, "no account nobody"),
        (("disable", "nobody"), "", "no account nobody"),
        (("link", "nobody"), "", "no account nobody"),
    ],
)
def test_given_what_cannot_be_when_asked_then_a_sentence_says_why(
    configuration: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    stdin: str,
    words: str,
) -> None:
    assert run(monkeypatch, configuration, *arguments, stdin=stdin) == 1
    assert words in capsys.readouterr().err


def test_given_a_password_as_an_argument_then_the_command_does_not_know_it(
    configuration: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SystemExit):
        run(monkeypatch, configuration, "add", "anh", "--password", PASSWORD)

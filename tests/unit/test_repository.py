"""Given this repository, when a stranger clones it, then what is promised about it holds."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = {name: ROOT / "requirements" / f"{name}.txt" for name in ("run", "dev")}
ROOMS = sorted(path.parent.name for path in (ROOT / "bridge").glob("*/__init__.py"))


def entries_of(lock: str) -> list[str]:
    """One string for each pinned package, its continuation lines joined."""
    text = LOCKS[lock].read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    return "\n".join(lines).replace("\\\n", " ").splitlines()


def pins_of(lock: str) -> set[str]:
    return {entry.split(" --hash=")[0].strip() for entry in entries_of(lock)}


def normal(requirement: str) -> str:
    """The name of a requirement, as the package index spells it."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\[<>=~!; ]", requirement)[0]).lower()


@pytest.mark.parametrize("lock", LOCKS)
def test_given_a_lock_when_read_then_each_package_is_pinned_and_hashed(lock: str) -> None:
    for entry in entries_of(lock):
        assert re.match(r"^[a-z0-9-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", entry), entry


@pytest.mark.parametrize("lock", LOCKS)
def test_given_a_lock_when_read_then_it_names_no_address_and_no_option(lock: str) -> None:
    text = LOCKS[lock].read_text(encoding="utf-8")

    assert "://" not in text
    assert not re.search(r"^-", text, re.MULTILINE)


def test_given_both_locks_when_compared_then_what_runs_is_what_was_tested() -> None:
    assert pins_of("run") < pins_of("dev")


def test_given_the_project_when_compared_with_its_locks_then_nothing_is_missing() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    locked = {lock: {normal(pin) for pin in pins_of(lock)} for lock in LOCKS}

    assert {normal(each) for each in project["dependencies"]} <= locked["run"]
    assert {normal(each) for each in project["optional-dependencies"]["build"]} <= locked["run"]
    assert {normal(each) for each in project["optional-dependencies"]["dev"]} <= locked["dev"]


@pytest.mark.parametrize("room", ROOMS)
def test_given_a_room_when_opened_then_it_says_what_enters_and_leaves(room: str) -> None:
    source = (ROOT / "bridge" / room / "__init__.py").read_text(encoding="utf-8")

    assert ast.get_docstring(ast.parse(source)), f"bridge/{room}/__init__.py has no docstring"


def test_given_ci_when_it_runs_then_it_runs_the_command_of_the_readme() -> None:
    assert "make test" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "make test" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert "make run" in (ROOT / "README.md").read_text(encoding="utf-8")

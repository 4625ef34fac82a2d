"""What is wrong with a configuration, where, and what to write instead."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from bridge.domain.errors import BridgeError

_LONGEST_QUOTE = 60


class Source(StrEnum):
    """The three places a value can come from."""

    DEFAULT = "default"
    FILE = "file"
    ENVIRONMENT = "environment"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value came from: a default, a line of a file, or an environment variable."""

    source: Source
    name: str = ""
    line: int | None = None

    def __str__(self) -> str:
        """Return the origin as a person would look it up, such as ``bridge.yaml:12``."""
        if self.source is Source.DEFAULT:
            return "default"
        if self.source is Source.ENVIRONMENT:
            return f"environment variable {self.name}"
        return self.name if self.line is None else f"{self.name}:{self.line}"


DEFAULT = Origin(Source.DEFAULT)


@dataclass(frozen=True, slots=True)
class Problem:
    """One error in a configuration.

    ``path`` is the key as written in documentation (``hl7.listeners[0].port``; empty when the
    whole file is meant), ``what`` continues it into a sentence, ``fix`` says what to write.
    """

    origin: Origin
    path: str
    what: str
    fix: str

    def __str__(self) -> str:
        """Return the two lines shown to a person."""
        subject = f"{self.path}: " if self.path else ""
        return f"{self.origin}: {subject}{self.what}\n    fix: {self.fix}"


class ConfigurationError(BridgeError):
    """The configuration cannot be used; ``problems`` holds every reason found, never none."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        """Keep all problems; the message is their rendering."""
        super().__init__(render(problems))
        self.problems = problems


def render(problems: Iterable[Problem]) -> str:
    """Return the text shown to a person: each problem with its line and fix, then the count."""
    shown = [str(problem) for problem in problems]
    if not shown:
        return "The configuration is valid."
    count = "1 problem" if len(shown) == 1 else f"{len(shown)} problems"
    return "\n".join([*shown, f"{count} found."])


def in_reading_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Return the problems by place (file lines first), without repetitions."""
    unique = dict.fromkeys(problems)
    return tuple(
        sorted(
            unique,
            key=lambda problem: (
                problem.origin.source is not Source.FILE,
                problem.origin.line or 0,
                problem.origin.name,
            ),
        )
    )


def quoted(text: str) -> str:
    """Return text safe to print in a message: quoted, escaped, and cut when very long."""
    shown = text if len(text) <= _LONGEST_QUOTE else text[: _LONGEST_QUOTE - 3] + "..."
    return repr(shown)


def plain(key: str) -> str:
    """Return a key as it may stand in a path: itself when harmless, else quoted."""
    return key if key.isidentifier() and len(key) <= _LONGEST_QUOTE else quoted(key)

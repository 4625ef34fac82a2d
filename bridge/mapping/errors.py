"""What is wrong in a profile, where, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class ProfileError(ValueError):
    """A profile, a code table or their tests cannot be used: file, line, what, and the fix."""

    def __init__(self, file: str, line: int, problem: str, fix: str = "") -> None:
        super().__init__(f"{file}:{line}: {problem}" + (f"; {fix}" if fix else ""))
        self.file = file
        self.line = line
        self.problem = problem
        self.fix = fix


def instead(wrong: str, known: Iterable[str]) -> str:
    """Say which known word was probably meant, or list them all."""
    words = sorted(known)
    close = get_close_matches(wrong, words, n=1) or get_close_matches(
        wrong.casefold(), [word.casefold() for word in words], n=1
    )
    if close:
        meant = next(word for word in words if word.casefold() == close[0].casefold())
        return f"did you mean {meant}?"
    return "use one of " + ", ".join(words)

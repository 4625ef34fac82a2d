"""Readiness: whether everything the bridge needs to do its work is there."""

from __future__ import annotations

from collections.abc import Callable, Mapping

Check = Callable[[], str]
"""Says what is wrong, in words; nothing when all is well."""


def problems(checks: Mapping[str, Check]) -> dict[str, str]:
    """What each check finds wrong, by name; empty texts when all is well."""
    return {name: _problem(check) for name, check in checks.items()}


def _problem(check: Check) -> str:
    try:
        return check()
    except Exception as error:  # a check that fails is an answer, and the others count too
        return f"the check itself failed ({type(error).__name__})"

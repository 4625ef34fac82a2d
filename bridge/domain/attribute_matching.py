"""Attribute matching (PS3.4 C.2.2.2) of one value against one key, as the worklist's SQL has it."""

from __future__ import annotations

import re
from functools import lru_cache

from bridge.domain.names import fold_name

_WILDCARDS = frozenset("*?")


def is_wildcard(text: str) -> bool:
    """Whether a key holds `*` or `?`."""
    return not _WILDCARDS.isdisjoint(text)


def matches_text(pattern: str, value: str) -> bool:
    """A single value, or wildcards (C.2.2.2.4); an empty value matches nothing."""
    return bool(value) and (_regex(pattern).fullmatch(value) is not None)


def name_pattern(key: str) -> str:
    """A PN key folded; a component left empty before another one may be anything."""
    return "=".join(_filled(group) for group in fold_name(key).split("="))


def _filled(group: str) -> str:
    return "^".join(part or "*" for part in group.split("^")) if "^" in group else group


def matches_name(key: str, name: str) -> bool:
    """PN matching without regard to case, accents and empty tails, by component group."""
    folded, pattern = fold_name(name), name_pattern(key)
    if not folded:
        return False
    anywhere = pattern.lstrip("=")
    beginning = [pattern] if is_wildcard(pattern) else [pattern, f"{pattern}=*"]
    further = [f"*={anywhere}", f"*={anywhere}=*"]
    if pattern.isascii() and anywhere == pattern:
        patterns = beginning
    else:
        patterns = further if anywhere != pattern else [*beginning, *further]
    return any(matches_text(each, folded) for each in patterns)


@lru_cache(maxsize=512)
def _regex(pattern: str) -> re.Pattern[str]:
    parts = (".*" if c == "*" else "." if c == "?" else re.escape(c) for c in pattern)
    return re.compile("".join(parts), re.DOTALL)

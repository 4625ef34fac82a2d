"""A message taken apart for people: a tree of places, names and values."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Node:
    """One part of a message: where it stands, what the standard calls it, and what it says."""

    place: str
    name: str = ""
    value: str = ""
    children: tuple[Node, ...] = ()

"""The hops of a demo, one aligned line each, printed as they happen and counted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import TextIO

_WIDTH = 78  # of what happened; the line's time stands right of it


@dataclass(slots=True)
class Hop:
    """One hop under way; `say` sets what its line tells."""

    text: str = ""

    def say(self, text: str) -> None:
        """Set the line's text."""
        self.text = text


class Hops:
    """Prints and counts. Times are in milliseconds."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self.count = 0
        self.publications: list[float] = []

    def line(self, text: str = "") -> None:
        """Print a line that is no hop."""
        print(text, file=self._out, flush=True)

    @contextmanager
    def hop(self, actor: str, *, publishes: bool = False) -> Iterator[Hop]:
        """Time what happens inside, then print it; a hop that raises prints nothing."""
        hop = Hop()
        begun = perf_counter()
        yield hop
        taken = (perf_counter() - begun) * 1000
        self.count += 1
        if publishes:
            self.publications.append(taken)
        self.line(f"  {actor:<10}{hop.text:<{_WIDTH}}{taken:9.1f} ms")

    def summary(self, closed: int, failed: int) -> str:
        """What happened in all, in one sentence."""
        text = f"{closed} loops closed, {failed} failed, {self.count} hops"
        if self.publications:
            typical = median(self.publications)
            text += f"; MPPS COMPLETED → ImagingStudy readable: median {typical:.0f} ms"
        return text

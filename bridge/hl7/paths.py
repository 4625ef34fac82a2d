"""Paths that name one value of a message, such as `PID-3[2].4.1`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from bridge.hl7.er7 import Segment

_SYNTAX: Final = re.compile(
    r"(?P<segment>[A-Z][A-Z0-9]{2})(?:\[(?P<occurrence>[1-9]\d*)\])?"
    r"-(?P<field>[1-9]\d*)(?:\[(?P<repetition>[1-9]\d*)\])?"
    r"(?:\.(?P<component>[1-9]\d*)(?:\.(?P<subcomponent>[1-9]\d*))?)?"
)


@dataclass(frozen=True, slots=True)
class Path:
    """The place of a value, every number counted from 1 as the standard does.

    What is not written is the first: `PID-3` is `PID[1]-3[1].1.1`. `occurrence` and `repetition`
    are None when not written, which `Segments.values` takes as every one of them.
    """

    segment: str
    field: int
    occurrence: int | None = None
    repetition: int | None = None
    component: int = 1
    subcomponent: int = 1

    @staticmethod
    def parse(text: str) -> Path:
        """Compile `SEG[occurrence]-field[repetition].component.subcomponent`; results are cached.

        Raises:
            ValueError: the text is no such path; a fault of a mapping, not of a message.
        """
        return _parse(text)

    def __str__(self) -> str:
        """Write the path in the form that `parse` reads."""
        return (
            f"{self.segment}{_bracket(self.occurrence)}-{self.field}{_bracket(self.repetition)}"
            f".{self.component}.{self.subcomponent}"
        )

    @property
    def location(self) -> str:
        """The place as an ERL (ERR-2): `PID^1^3^1^4^1`."""
        numbers = (self.occurrence or 1, self.field, self.repetition or 1, self.component)
        return "^".join([self.segment, *map(str, numbers), str(self.subcomponent)])

    def read(self, segment: Segment) -> str:
        """Return the value in `segment`, "" when it is absent or null."""
        repetition = self.repetition - 1 if self.repetition else 0
        return segment.field(self.field, repetition, self.component, self.subcomponent)

    def read_all(self, segments: Iterable[Segment]) -> tuple[str, ...]:
        """Return the values that are present, in order, of every repetition unless one is named."""
        return tuple(
            value
            for segment in segments
            for index in self._repetitions(segment)
            if (value := segment.field(self.field, index, self.component, self.subcomponent))
        )

    def is_null(self, segment: Segment) -> bool:
        """True when the sender wrote `""` there: delete what is on record."""
        repetition = self.repetition - 1 if self.repetition else 0
        return segment.is_null(self.field, repetition, self.component, self.subcomponent)

    def _repetitions(self, segment: Segment) -> Iterable[int]:
        if self.repetition:
            return (self.repetition - 1,)
        return range(segment.count(self.field))


def _bracket(number: int | None) -> str:
    return "" if number is None else f"[{number}]"


@lru_cache(maxsize=4096)
def _parse(text: str) -> Path:
    found = _SYNTAX.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not a path such as PID-3[2].4.1")
    numbers = {
        name: int(digits)
        for name, digits in found.groupdict().items()
        if name != "segment" and digits is not None
    }
    return Path(found["segment"], **numbers)

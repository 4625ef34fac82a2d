"""What two profiles make of one message, compared value by value."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

Described = Sequence[Mapping[str, object]] | str
"""The events of a message in words; a text says why it was refused."""

REFUSED = "refused"

# Values that tell of the examination and not of who is examined or by whom.
_PLAIN = frozenset(
    {
        *("event", "type", "category", "reason", "action", "control", "status", REFUSED),
        *("OrderControl", "OrderStatus", "Modality", "modality", "DurationInMinutes"),
        *("ScheduledStationAETitle", "ScheduledStationName", "ScheduledProcedureStepLocation"),
        *("ScheduledProcedureStepDescription", "RequestedProcedureDescription", "BodyPartExamined"),
        *("ScheduledProtocolCodeSequence", "RequestedProcedureCodeSequence"),
        *("RequestedProcedurePriority", "PatientTransportArrangements", "PatientSex"),
        *("station_ae_titles", "PregnancyStatus"),
    }
)
_MASK_LENGTH = 6


@dataclass(frozen=True, slots=True)
class Difference:
    """One value that differs: where it is, and what each profile makes of it ("" for nothing)."""

    path: str
    before: str
    after: str

    @property
    def keyword(self) -> str:
        """The last part of the path, without numbers: what attribute it is."""
        return self.path.rpartition(".")[2].partition("[")[0]

    @property
    def is_of_events(self) -> bool:
        """Whether the very events differ: their number or kind, or a refusal."""
        return self.keyword in ("event", "type", "category", REFUSED)


def compare(before: Described, after: Described) -> tuple[Difference, ...]:
    """The values that differ, in the order of the first."""
    ours, theirs = dict(_flatten(before)), dict(_flatten(after))
    paths = dict.fromkeys((*ours, *theirs))
    return tuple(
        Difference(path, ours.get(path, ""), theirs.get(path, ""))
        for path in paths
        if ours.get(path, "") != theirs.get(path, "")
    )


class Mask:
    """Hides values that may identify somebody: the same value looks the same, in this run only."""

    def __init__(self, salt: bytes) -> None:
        """`salt` is random, so that nobody can try values out."""
        self._salt = salt

    def __call__(self, difference: Difference) -> Difference:
        """The difference with both values hidden, unless what they are cannot identify anybody."""
        if difference.keyword in _PLAIN:
            return difference
        return Difference(
            difference.path, self._hide(difference.before), self._hide(difference.after)
        )

    def _hide(self, value: str) -> str:
        if not value:
            return value
        digest = hashlib.blake2b(value.encode(), key=self._salt, digest_size=8).hexdigest()
        return f"#{digest[:_MASK_LENGTH]}"


@dataclass(slots=True)
class Tally:
    """What was compared so far."""

    messages: int = 0
    different: int = 0
    of_events: int = 0
    unreadable: int = 0
    keywords: Counter[str] = field(default_factory=Counter)

    def count(self, differences: Sequence[Difference]) -> None:
        """Count one message."""
        self.messages += 1
        self.different += bool(differences)
        self.of_events += any(each.is_of_events for each in differences)
        self.keywords.update({each.keyword for each in differences})


def _flatten(described: Described) -> Iterator[tuple[str, str]]:
    if isinstance(described, str):
        yield REFUSED, described
        return
    for number, event in enumerate(described, start=1):
        yield from _values(event, f"event[{number}]")


def _values(value: object, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _values(inner, f"{path}.{key}")
    elif isinstance(value, list | tuple):
        yield from _items(value, path)
    elif value not in ("", None):
        yield path, str(value)


def _items(values: Iterable[object], path: str) -> Iterator[tuple[str, str]]:
    for number, inner in enumerate(values, start=1):
        yield from _values(inner, f"{path}[{number}]")

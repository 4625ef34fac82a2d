"""The orders of a message as it lists them (v2.5.1 4.4): what belongs to each ORC and OBR.

Segments belong to the nearest order before them (STANDARDS 2.8). What is said once for the message
(patient, visit) is in the scope of every order.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bridge.domain.errors import BridgeError
from bridge.hl7.segments import Message, Segment
from bridge.mapping.profiles import HEADER_SEGMENTS

ScopeOf = dict[str, list[Segment]]

_WITH_PRIOR_RESULTS = frozenset({"OMG", "OMI"})
_OF_AN_ORDER = frozenset({"IPC", "ZDS", "TQ1", "TQ2"})
# Table 0119: observations to follow; nothing said at all is no order either.
_OF_RESULTS = frozenset({"", "RE", "PR"})
_ACCESSION, _PROCEDURE, _PLACER, _FILLER, _RESULT_STATUS = 18, 19, 2, 3, 25


class SegmentSequenceError(BridgeError):
    """Segments stand in an order that leaves open what they belong to (table 0357: 100)."""

    code = "100"


@dataclass(slots=True)
class OrderGroup:
    """One order of a message: its own segments, and those of the patient it is for."""

    header: ScopeOf
    own: ScopeOf

    @property
    def scope(self) -> ScopeOf:
        """All the segments its rows may read; notes before the first order are not about it."""
        scope = self.header | self.own
        if "OBX" in self.header and "OBX" in self.own:
            scope["OBX"] = self.own["OBX"] + self.header["OBX"]
        if "NTE" in self.header and "NTE" not in self.own:
            del scope["NTE"]
        return scope

    @property
    def location(self) -> str:
        """Where the group stands, such as `ORC^2`."""
        for name in ("ORC", "OBR"):
            if name in self.own:
                return f"{name}^{self.own[name][0].sequence}"
        return "ORC^1"


@dataclass(frozen=True, slots=True)
class OrderGroups:
    """The groups of a message and what was odd about them."""

    groups: tuple[OrderGroup, ...]
    warnings: tuple[str, ...]


def find_orders(message: Message) -> OrderGroups:
    """Find the orders of a message.

    Raises:
        SegmentSequenceError: segments of an order stand before several orders.
    """
    finder = _Finder(message)
    for position, segment in enumerate(message.segments):
        if not finder.take(segment, position):
            break
    groups = finder.groups
    _claim_strays(groups)
    _share_study(groups)
    return OrderGroups(tuple(groups), tuple(finder.warnings))


class _Finder:
    """Walks through the segments of a message."""

    def __init__(self, message: Message) -> None:
        self.segments = message.segments
        self.prior_results = message.message_code in _WITH_PRIOR_RESULTS
        self.header: ScopeOf = {}
        self.groups: list[OrderGroup] = []
        self.current: ScopeOf | None = None
        self.common: ScopeOf = {}
        self.warnings: list[str] = []

    def take(self, segment: Segment, position: int) -> bool:
        """Give a segment its place; False when what follows is not ordered."""
        name = segment.name
        if name == "ORC":
            self.open({"ORC": [segment]})
            self.common = {}
        elif name == "OBR":
            self._take_request(segment)
        elif name == "PID" and "PID" in self.header:
            return self._take_further_patient(segment, position)
        elif name in HEADER_SEGMENTS or self.current is None:
            self.header.setdefault(name, []).append(segment)
        else:
            self.current.setdefault(name, []).append(segment)
        return True

    def open(self, own: ScopeOf) -> None:
        self.current = own
        self.groups.append(OrderGroup(self.header, own))

    def _take_request(self, segment: Segment) -> None:
        """An OBR joins its ORC; a further one is a further request under the same ORC."""
        if self.current is None or "OBR" in self.current:
            self.open({name: list(segments) for name, segments in self.common.items()})
        elif not self.common:
            self.common = {name: list(segments) for name, segments in self.current.items()}
        assert self.current is not None  # noqa: S101 - open() has set it
        self.current["OBR"] = [segment]

    def _take_further_patient(self, segment: Segment, position: int) -> bool:
        following = self.segments[position + 1 :]
        if self.prior_results and self.groups and not _are_ordered(following):
            self.warnings.append("prior results after the orders were left alone")
            return False
        self.header = {"MSH": self.header["MSH"], "PID": [segment]}
        self.current = None
        self.common = {}
        return True


def _are_ordered(following: Iterable[Segment]) -> bool:
    """Whether what follows a further patient is ordered.

    OMG and OMI have prior results there (v2.5.1 4.4.4), which have no order control or a result
    status; but some list the orders of several patients.
    """
    control = ""
    for segment in following:
        if segment.name == "ORC":
            control = segment.field(1).strip().upper()
        elif segment.name == "OBR":
            return control not in _OF_RESULTS and not segment.field(_RESULT_STATUS)
        elif segment.name == "PID":
            break
    return control not in _OF_RESULTS


def _claim_strays(groups: list[OrderGroup]) -> None:
    """Give what stands before the only order to it."""
    for header in {id(group.header): group.header for group in groups}.values():
        strays = _OF_AN_ORDER & header.keys()
        mine = [group for group in groups if group.header is header]
        if strays and len(mine) > 1:
            name = min(strays)
            location = f"{name}^{header[name][0].sequence}"
            raise SegmentSequenceError(f"{name} stands before the orders", location=location)
        # With one order, the header is in its scope anyway.


def _share_study(groups: list[OrderGroup]) -> None:
    """A single ZDS at the end is for all steps of its procedure (IHE RAD TF-2 4.4.4.1.2)."""
    if len(groups) < 2 or "ZDS" not in groups[-1].own:  # noqa: PLR2004 - one has it anyway
        return
    if any("ZDS" in group.own for group in groups[:-1]):
        return
    last = groups[-1]
    for group in groups[:-1]:
        if group.header is last.header and _same_procedure(group.own, last.own):
            group.own["ZDS"] = last.own["ZDS"]


def _same_procedure(one: ScopeOf, other: ScopeOf) -> bool:
    """Whether two groups are of one order, and of one requested procedure as far as they say."""
    procedures = {_value(group, "OBR", _PROCEDURE) for group in (one, other)} - {""}
    if len(procedures) > 1:
        return False
    for name, number in (("OBR", _ACCESSION), ("ORC", _FILLER), ("ORC", _PLACER)):
        values = [_value(group, name, number) for group in (one, other)]
        if all(values):
            return values[0] == values[1]
    return False


def _value(group: ScopeOf, name: str, number: int) -> str:
    segments: Iterable[Segment] = group.get(name, ())
    return next((segment.field(number) for segment in segments), "")

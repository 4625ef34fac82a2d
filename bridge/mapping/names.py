"""HL7 v2 names (XPN, XCN, NDL: v2.5.1 2.A.89, 2.A.88, 2.A.47) as DICOM's PN (PS3.5 6.2.1).

The orders differ: PN is family, given, middle, prefix, suffix; XPN is family, given, middle,
suffix, prefix, degree.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from bridge.domain.scripts import ALPHABETIC, IDEOGRAPHIC, PHONETIC, group_of
from bridge.mapping.source import Components, Place, Run, Segment

LONGEST_GROUP = 64
_MOST_GROUPS = 3
_UNUSABLE_TYPES = frozenset({"S", "MSK", "BAD", "NOUSE"})
_GROUP_OF_REPRESENTATION = {"A": ALPHABETIC, "I": IDEOGRAPHIC, "P": PHONETIC}
_PROTECTED = str.maketrans({"^": " ", "=": " ", "\\": "/", "\r": " ", "\n": " ", "\t": " "})

_XPN_TYPE, _XPN_REPRESENTATION = 7, 8
_XCN_ID, _XCN_REPRESENTATION = 1, 15
_XPN_PARTS = (1, 2, 3, 4, 5, 6)
_CNN_PARTS = (2, 3, 4, 5, 6, 7)

NameSplit = Callable[[str], tuple[str, str, str]]
Reader = Callable[[Segment, Run, int], str | None]


def as_is(whole: str) -> tuple[str, str, str]:
    """Leave a name that came as one text in one piece: nobody can know how to split it."""
    return (whole, "", "")


def split_vietnamese(whole: str) -> tuple[str, str, str]:
    """Family name first, given name last, what is between as middle names (opt-in)."""
    words = whole.split()
    if len(words) < 2:  # noqa: PLR2004 - one word has no parts
        return (whole, "", "")
    return (words[0], words[-1], " ".join(words[1:-1]))


NAME_SPLITS: dict[str, NameSplit] = {"none": as_is, "vietnamese": split_vietnamese}


def read_xpn(place: Place, split: NameSplit, types: Collection[str] = ()) -> Reader:
    """Make a reader of XPN: the legal name, else one of display, else the first that is usable.

    With `types` (table 0200) only a name that says to be of one of them.
    """

    def read(segment: Segment, run: Run, _: int = 0) -> str | None:
        count = segment.count(place.field)
        if types:
            chosen: Sequence[int] = _of_types(segment, place.field, count, types)
        elif count == 1:
            chosen = (0,)
        elif place.repetition:
            chosen = (place.repetition - 1,)
        else:
            chosen = _choose_repetitions(segment, place.field, count)
        names = [_Written.of(segment, place.field, index, _XPN) for index in chosen]
        groups = _arrange_groups(names, split)
        return _join_groups(groups, place.location(segment), run)

    return read


def read_xcn(place: Place, split: NameSplit) -> Reader:
    """Make a reader of XCN: the name of the first person that has one; an ID alone is no name.

    Further repetitions that say they are the same person's in another script belong to it.
    """

    def read(segment: Segment, run: Run, _: int = 0) -> str | None:
        count = segment.count(place.field)
        names = [_Written.of(segment, place.field, index, _XCN) for index in range(count)]
        named = [name for name in names if any(name.parts[:3])]
        if not named:
            return None
        ids = {segment.field(place.field, name.repetition, _XCN_ID) for name in named[:1]} | {""}
        same = [
            name
            for name in named[1:]
            if name.representation and segment.field(place.field, name.repetition, _XCN_ID) in ids
        ]
        groups = _arrange_groups([named[0], *same], split)
        return _join_groups(groups, place.location(segment), run)

    return read


def read_ndl(place: Place, split: NameSplit) -> Reader:
    """Make a reader of NDL: its name (CNN) is in the subcomponents of its first component.

    Senders also write the name's parts as components; a second component that is a time stamp
    tells that they did not.
    """

    def read(segment: Segment, run: Run, _: int = 0) -> str | None:
        field = place.field
        parts = [segment.field(field, 0, 1, number) for number in _CNN_PARTS]
        if any(parts):
            name = _arrange(parts, split)
        elif segment.field(field, 0, 2)[:1].isdigit():
            name = ""
        else:
            name = _compose(segment, field, 0, _XPN_PARTS, split)
        return _join_groups([name], place.location(segment), run)

    return read


def _of_types(segment: Segment, field: int, count: int, types: Collection[str]) -> Sequence[int]:
    """Every repetition of the first of the wanted types that there is."""
    said = [segment.field(field, index, _XPN_TYPE).strip().upper() for index in range(count)]
    for wanted in types:
        if found := [index for index, kind in enumerate(said) if kind == wanted]:
            return found
    return ()


def _choose_repetitions(segment: Segment, field: int, count: int) -> Sequence[int]:
    """Every repetition of the preferred name type, so that its scripts stay together."""
    types = [segment.field(field, index, _XPN_TYPE).strip().upper() for index in range(count)]
    for wanted in (("L",), ("D", "")):
        if found := [index for index, kind in enumerate(types) if kind in wanted]:
            # The other scripts of a name often lack the type.
            untyped = [index for index, kind in enumerate(types) if not kind and "" not in wanted]
            return [*found, *(i for i in untyped if segment.field(field, i, _XPN_REPRESENTATION))]
    usable = [index for index, kind in enumerate(types) if kind not in _UNUSABLE_TYPES]
    return [index for index in usable if types[index] == types[usable[0]]] if usable else ()


@dataclass(frozen=True, slots=True)
class _Form:
    """Where a data type has the parts of a name, and which alphabet it says they are in."""

    parts: tuple[int, ...]
    representation: int


_XPN = _Form((1, 2, 3, 4, 5, 6), _XPN_REPRESENTATION)
_XCN = _Form((2, 3, 4, 5, 6, 7), _XCN_REPRESENTATION)


@dataclass(frozen=True, slots=True)
class _Written:
    """One repetition of a name: its parts in HL7's order, and its Name Representation Code."""

    repetition: int
    parts: tuple[str, ...]
    representation: str

    @staticmethod
    def of(segment: Segment, field: int, repetition: int, form: _Form) -> _Written:
        components = Components(segment, field, repetition)
        parts = [components[number] for number in form.parts]
        if not parts[0]:
            # FN (v2.5.1 2.A.30): no whole surname, but its own prefix and its own part.
            own = (segment.field(field, repetition, form.parts[0], number) for number in (2, 3))
            parts[0] = " ".join(part for part in own if part)
        code = components[form.representation].strip().upper()
        return _Written(repetition, tuple(parts), code)

    def groups(self) -> list[tuple[str, ...]] | None:
        """The parts of each component group, when all stand in one value as DICOM joins them."""
        if not any("=" in part for part in self.parts):
            return None
        found = [group.split("^") for group in "^".join(self.parts).split("=")]
        later = "".join("".join(group) for group in found[1:])
        if len(found) > _MOST_GROUPS or group_of(later) == ALPHABETIC:
            return None
        alphabetic = [*found[0], *[""] * len(self.parts)][: len(self.parts)]
        others = [[*group[:3], *[""] * len(self.parts)][: len(self.parts)] for group in found[1:]]
        return [tuple(group) for group in (alphabetic, *others)]


def _arrange_groups(names: Sequence[_Written], split: NameSplit) -> list[str]:
    """The component groups of one name that is written once or more.

    Each goes where its representation code says, or else its script; a name that comes once and
    says nothing stays in the first group, whatever it is written in.
    """
    groups = [""] * _MOST_GROUPS
    for name in names:
        if joined := name.groups():
            for number, parts in enumerate(joined):
                groups[number] = groups[number] or _arrange(parts, split)
            continue
        written = _arrange(name.parts, split)
        number = _GROUP_OF_REPRESENTATION.get(
            name.representation, group_of(written) if len(names) > 1 else ALPHABETIC
        )
        groups[number] = groups[number] or written
    return groups


def _compose(
    segment: Segment, field: int, repetition: int, numbers: Sequence[int], split: NameSplit
) -> str:
    components = Components(segment, field, repetition)
    return _arrange([components[number] for number in numbers], split)


def _arrange(parts: Sequence[str], split: NameSplit) -> str:
    family, given, middle, suffix, prefix, degree = (
        " ".join(part.translate(_PROTECTED).split()) if part else "" for part in parts
    )
    if not (family or given or middle):
        return ""
    if family and not (given or middle):
        family, given, middle = split(family)
    suffix = f"{suffix} {degree}".strip()
    return f"{family}^{given}^{middle}^{prefix}^{suffix}".rstrip("^")


def _join_groups(groups: Sequence[str], location: str, run: Run) -> str | None:
    name = "=".join(_shorten(group, location, run) for group in groups).rstrip("=")
    return name or None


def _shorten(group: str, location: str, run: Run) -> str:
    if len(group) <= LONGEST_GROUP:
        return group
    run.warn(location, f"name is longer than {LONGEST_GROUP} characters and was cut")
    return group[:LONGEST_GROUP].rstrip("^ ")

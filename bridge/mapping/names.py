"""HL7 v2 names (XPN, XCN, NDL: v2.5.1 2.A.89, 2.A.88, 2.A.47) as DICOM's PN (PS3.5 6.2.1).

The orders differ: PN is family, given, middle, prefix, suffix; XPN is family, given, middle,
suffix, prefix, degree.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bridge.mapping.source import Components, Place, Run, Segment

LONGEST_GROUP = 64
_UNUSABLE_TYPES = frozenset({"S", "MSK", "BAD", "NOUSE"})
_GROUP_OF_REPRESENTATION = {"A": 0, "": 0, "I": 1, "P": 2}
_PROTECTED = str.maketrans({"^": " ", "=": " ", "\\": "/", "\r": " ", "\n": " ", "\t": " "})

_XPN_TYPE, _XPN_REPRESENTATION = 7, 8
_XPN_PARTS = (1, 2, 3, 4, 5, 6)
_XCN_PARTS = (2, 3, 4, 5, 6, 7)
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


def read_xpn(place: Place, split: NameSplit) -> Reader:
    """Make a reader of XPN: the legal name, else one of display, else the first that is usable."""

    def read(segment: Segment, run: Run, _: int = 0) -> str | None:
        count = segment.count(place.field)
        if count == 1:
            chosen: Sequence[int] = (0,)
        elif place.repetition:
            chosen = (place.repetition - 1,)
        else:
            chosen = _choose_repetitions(segment, place.field, count)
        groups = ["", "", ""]
        for repetition in chosen:
            representation = segment.field(place.field, repetition, _XPN_REPRESENTATION)
            group = _GROUP_OF_REPRESENTATION.get(representation.strip().upper(), 0)
            if not groups[group]:
                groups[group] = _compose(segment, place.field, repetition, _XPN_PARTS, split)
        return _join_groups(groups, place.location(segment), run)

    return read


def read_xcn(place: Place, split: NameSplit) -> Reader:
    """Make a reader of XCN: the name of the first person that has one; an ID alone is no name."""

    def read(segment: Segment, run: Run, _: int = 0) -> str | None:
        for repetition in range(segment.count(place.field)):
            name = _compose(segment, place.field, repetition, _XCN_PARTS, split)
            if name:
                return _join_groups([name], place.location(segment), run)
        return None

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


def _choose_repetitions(segment: Segment, field: int, count: int) -> Sequence[int]:
    """Every repetition of the preferred name type, so that its scripts stay together."""
    types = [segment.field(field, index, _XPN_TYPE).strip().upper() for index in range(count)]
    for wanted in (("L",), ("D", "")):
        if found := [index for index, kind in enumerate(types) if kind in wanted]:
            return found
    usable = [index for index, kind in enumerate(types) if kind not in _UNUSABLE_TYPES]
    return [index for index in usable if types[index] == types[usable[0]]] if usable else ()


def _compose(
    segment: Segment, field: int, repetition: int, numbers: Sequence[int], split: NameSplit
) -> str:
    components = Components(segment, field, repetition)
    parts = [components[number] for number in numbers]
    if not parts[0]:
        # FN (v2.5.1 2.A.30): no whole surname, but its own prefix and its own part.
        own = (segment.field(field, repetition, numbers[0], number) for number in (2, 3))
        parts[0] = " ".join(part for part in own if part)
    return _arrange(parts, split)


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

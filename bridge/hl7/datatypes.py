"""Data types of HL7 v2 fields by version, and how values are written in them.

Which field exists in which version, with which data type, is taken from hl7apy's tables (v2.1 to
v2.8.2): what a version does not have or has withdrawn is not written to a peer of that version.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Final, NamedTuple

from bridge.domain.identifiers import Identifier
from bridge.domain.order import CodedConcept
from bridge.hl7.characters import CharacterSet
from bridge.hl7.escapes import Encoding
from bridge.hl7.standard_tables import look_up
from bridge.mapping.outbound_rows import NULL, Value, text_of

VERSIONS: Final = ("2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.8")
"""What a peer may be configured to speak."""
_VARIES: Final = "varies"
_GROUP_CODES: Final = "AIP"
"""Table 0465: alphabetic, ideographic, phonetic, as the component groups of a PN."""
_DATE: Final = 8
_PN_PARTS: Final = 5


class FieldType(NamedTuple):
    """The data type of a field, and whether it repeats."""

    name: str
    repeats: bool


@lru_cache(maxsize=4096)
def field_type(version: str, segment: str, number: int) -> FieldType | None:
    """The type of a field, None where the version has no such field, or has withdrawn it.

    Z segments and unknown segments are nobody's but the site's: their fields are texts.
    """
    if segment.startswith("Z"):
        return FieldType(_VARIES, True)
    known = look_up(version, segment, "Segment")
    if known is None:
        return None
    for name, reference, (_, most), _ in known[1]:
        if name == f"{segment}_{number}":
            return FieldType(str(reference[2]), most != 1) if most else None
    return None


@lru_cache(maxsize=256)
def has_message(version: str, structure: str) -> bool:
    """Whether a version knows a message structure, such as `ORM_O01`."""
    return look_up(version, structure, "Message") is not None


class ValueWriter:
    """Writes values as ER7 text: escaped, and with nothing that the character set cannot carry."""

    def __init__(self, encoding: Encoding, characters: CharacterSet) -> None:
        """`characters` is the set of the message; what is not in it is transliterated."""
        self._encoding = encoding
        self._characters = characters
        self.marks = encoding.delimiters

    def field(self, value: Value, kind: FieldType) -> str:
        """A whole field; of several values as many as the field takes."""
        if value == NULL:
            return NULL
        values = value if isinstance(value, tuple) else (value,)
        written = [text for each in values for text in self._repetitions(each, kind.name)]
        written = [text for text in written if text]
        return self.marks.repetition.join(written if kind.repeats else written[:1])

    def text(self, value: Value) -> str:
        """One component or subcomponent."""
        return NULL if value == NULL else self.escape(text_of(value))

    def escape(self, text: str) -> str:
        """Write a text so that it survives as one value."""
        return self._encoding.escape(self._characters.without_strangers(text))

    def join(self, *parts: str, mark: str = "") -> str:
        """Join written parts without empty ends."""
        mark = mark or self.marks.component
        return mark.join(parts).rstrip(mark)

    def _repetitions(self, value: Value, kind: str) -> Iterator[str]:
        if kind == _VARIES:
            kind = _OF_VALUE.get(type(value), "ST")
        if kind in ("XPN", "PN"):
            yield from self._names(text_of(value))
        elif kind in _WRITERS:
            yield _WRITERS[kind](self, value)
        else:
            yield self.text(value)

    def _names(self, name: str) -> Iterator[str]:
        """XPN: each component group that can be carried is a repetition with its own code."""
        groups = [group.strip("^ ") for group in name.split("=")][: len(_GROUP_CODES)]
        several = sum(map(bool, groups)) > 1
        carried = [
            (code, group)
            for code, group in zip(_GROUP_CODES, groups, strict=False)
            if group and self._characters.carries(group)
        ]
        if not carried:
            carried = [(c, g) for c, g in zip(_GROUP_CODES, groups, strict=False) if g][:1]
        for code, group in carried:
            yield self.join(*self._name_parts(group), "", "L", code if several else "")

    def _name_parts(self, group: str) -> tuple[str, ...]:
        """PN's family, given, middle, prefix, suffix in the order of XPN and XCN."""
        parts = [self.escape(part) for part in group.split("^")][:_PN_PARTS]
        family, given, middle, prefix, suffix = parts + [""] * (_PN_PARTS - len(parts))
        return family, given, middle, suffix, prefix

    def _xcn(self, value: Value) -> str:
        if isinstance(value, Identifier):
            return self.escape(value.value)
        return self.join("", *self._name_parts(self._one_group(text_of(value))))

    def _one_group(self, name: str) -> str:
        groups = [group for group in name.split("=") if group]
        carried = [group for group in groups if self._characters.carries(group)]
        return next(iter(carried or groups), "")

    def _ndl(self, value: Value) -> str:
        parts = ("", *self._name_parts(self._one_group(text_of(value))))
        return self.join(*parts, mark=self.marks.subcomponent)

    def _ei(self, value: Value) -> str:
        if not isinstance(value, Identifier):
            return self.text(value)
        authority = value.authority
        parts = authority.namespace, authority.universal_id, authority.universal_id_type
        return self.join(self.escape(value.value), *map(self.escape, parts))

    def _cx(self, value: Value) -> str:
        if not isinstance(value, Identifier):
            return self.text(value)
        authority = value.authority
        parts = authority.namespace, authority.universal_id, authority.universal_id_type
        assigner = self.join(*map(self.escape, parts), mark=self.marks.subcomponent)
        code = self.escape(value.type_code)
        return self.join(self.escape(value.value), "", "", assigner, code)

    def _code(self, value: Value) -> str:
        """CE and CWE; a text is a code whose table everybody knows, as `M` in PID-8."""
        if not isinstance(value, CodedConcept):
            return self.text(value)
        return self.join(*map(self.escape, (value.value, value.meaning, value.scheme)))

    def _date(self, value: Value) -> str:
        return self.text(value)[:_DATE]


_Writer = Callable[[ValueWriter, Value], str]
_OF_VALUE: Final[Mapping[type, str]] = {Identifier: "EI", CodedConcept: "CWE"}
_WRITERS: Final[Mapping[str, _Writer]] = {
    **dict.fromkeys(("XCN", "CN", "PPN"), ValueWriter._xcn),
    "NDL": ValueWriter._ndl,
    "EI": ValueWriter._ei,
    **dict.fromkeys(("CX", "CK"), ValueWriter._cx),
    **dict.fromkeys(("CE", "CWE", "CNE"), ValueWriter._code),
    "DT": ValueWriter._date,
}

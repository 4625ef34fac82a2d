"""The fixed list of transforms that rows may name: readers of a field, and mappers of a text.

A reader takes a field apart as its HL7 data type says; a mapper changes a text it was given. What
needs logic becomes a transform here: profiles hold no expressions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bridge.domain.order import CodedConcept
from bridge.mapping import names
from bridge.mapping.documents import Node
from bridge.mapping.identifiers import make_cx, make_ei, read_identifiers
from bridge.mapping.mappers import MAPPERS
from bridge.mapping.source import Components, Place, Run, Segment
from bridge.mapping.targets import Kind
from bridge.mapping.times import ORDERS, parse_date, parse_time_stamp
from bridge.mapping.uses import Reader, Tables, Transform, Use

__all__ = ["MAPPERS", "READERS", "Reader", "Tables", "Transform", "Use", "read_identifiers"]

CODING_SCHEMES = "coding-schemes"
_LONGEST_SCHEME = 16


def make_text(_use: Use, place: Place, _tables: Tables) -> Reader:
    """One component as text."""
    number, component, subcomponent = place.field, place.component, place.subcomponent
    of_whole = component == subcomponent == 1

    def read(segment: Segment, _run: Run, repetition: int) -> str | None:
        whole = segment.fields[number]
        if of_whole and not repetition and whole.isalnum():  # no delimiter, no escape
            return whole
        return segment.field(number, repetition, component, subcomponent) or None

    return read


def make_free_text(_use: Use, place: Place, _tables: Tables) -> Reader:
    """A whole field with its delimiters, for TX, FT and ST that hold them unescaped."""

    def read(segment: Segment, _run: Run, repetition: int) -> str | None:
        return segment.text(place.field, repetition).strip() or None

    return read


def make_xpn(use: Use, place: Place, _tables: Tables) -> Reader:
    """XPN → PN; `split: vietnamese` takes apart a whole name in the first component.

    `type` names name types (table 0200) to read, such as `[M, B]` for the name at birth; else the
    legal name counts, or one of display.
    """
    types = use.get("type")
    return names.read_xpn(place, _name_split(use, "type"), types.texts if types else ())


def make_xcn(use: Use, place: Place, _tables: Tables) -> Reader:
    """XCN → PN."""
    return names.read_xcn(place, _name_split(use))


def make_ndl(use: Use, place: Place, _tables: Tables) -> Reader:
    """NDL → PN."""
    return names.read_ndl(place, _name_split(use))


def _name_split(use: Use, *further: str) -> names.NameSplit:
    use.allow("split", *further)
    return names.NAME_SPLITS[use.choice("split", names.NAME_SPLITS, "none")]


def _date_order(use: Use) -> str:
    use.allow("order")
    return use.choice("order", ORDERS, "")


def make_date(use: Use, place: Place, _tables: Tables) -> Reader:
    """TS or DT → DA; less than a day, or no real day, is left out with a warning.

    `{date: dmy}` also reads 31/12/2026 and 31.12.2026, `{date: mdy}` 12/31/2026.
    """
    order = _date_order(use)

    def read(segment: Segment, run: Run, repetition: int) -> str | None:
        text = place.read(segment, repetition)
        if not text:
            return None
        date = parse_date(text, order)
        if date is None:
            run.leave_out(place.location(segment), "not a complete date")
        return date

    return read


def make_datetime(use: Use, place: Place, _tables: Tables) -> Reader:
    """TS → date and time in the site's zone; `order` as for `date`."""
    order = _date_order(use)

    def read(segment: Segment, run: Run, repetition: int) -> Any:
        text = place.read(segment, repetition)
        if not text:
            return None
        stamp = parse_time_stamp(text, run.site.zone, order)
        if stamp is None:
            run.leave_out(place.location(segment), "not a date and time")
        return stamp

    return read


def make_moment(use: Use, place: Place, _tables: Tables) -> Reader:
    """TS → `YYYYMMDDHHMMSS` in UTC; `order` as for `date`."""
    order = _date_order(use)

    def read(segment: Segment, run: Run, repetition: int) -> str | None:
        text = place.read(segment, repetition)
        stamp = parse_time_stamp(text, run.site.zone, order) if text else None
        if stamp is None:
            if text:
                run.leave_out(place.location(segment), "not a date and time")
            return None
        return stamp.utc

    return read


def make_ce(_use: Use, place: Place, tables: Tables) -> Reader:
    """CE, CWE → code, scheme, meaning, from the triplet that begins at the path's component.

    A code without text is its own meaning; a code without a scheme is a local one. Words alone
    are no code.
    """
    schemes = tables(Node(CODING_SCHEMES, CODING_SCHEMES, 1))
    column = schemes.default_column()
    number, first = place.field, place.component

    def read(segment: Segment, run: Run, repetition: int) -> CodedConcept | None:
        components = Components(segment, number, repetition)
        value = components[first].strip()
        if not value:
            return None
        meaning, scheme = components[first + 1].strip(), components[first + 2].strip()
        if " " in value and not (meaning or scheme):
            return None
        if scheme:
            known = schemes.get(scheme, column)
            scheme = scheme[:_LONGEST_SCHEME] if known is None else known
        return CodedConcept(value, scheme or run.site.local_scheme, (meaning or value)[:64])

    return read


def make_location(_use: Use, place: Place, _tables: Tables) -> Reader:
    """PL → its point of care, room and bed."""

    def read(segment: Segment, _run: Run, repetition: int) -> str | None:
        parts = (segment.field(place.field, repetition, number).strip() for number in (1, 2, 3))
        return " ".join(part for part in parts if part) or None

    return read


_KILOGRAMS = {"": 1.0, "kg": 1.0, "g": 0.001, "lb": 0.45359237, "lbs": 0.45359237}
_KILOGRAMS |= {"[lb_av]": 0.45359237, "oz": 0.0283495}
_METRES = {"": 1.0, "m": 1.0, "cm": 0.01, "mm": 0.001, "in": 0.0254, "[in_i]": 0.0254, "ft": 0.3048}
_TALLEST = 3.0


def make_kilograms(_use: Use, place: Place, _tables: Tables) -> Reader:
    """OBX-5 with its unit in OBX-6 → kilograms."""
    return _make_measure(place, _KILOGRAMS)


def make_metres(_use: Use, place: Place, _tables: Tables) -> Reader:
    """OBX-5 with its unit in OBX-6 → metres; more than three without a unit are centimetres."""
    return _make_measure(place, _METRES, _TALLEST, 0.01)


def _make_measure(
    place: Place, units: Mapping[str, float], most: float | None = None, otherwise: float = 1.0
) -> Reader:
    def read(segment: Segment, run: Run, repetition: int) -> str | None:
        text = place.read(segment, repetition).strip().replace(",", ".")
        unit = segment.field(place.field + 1).strip().lower()
        try:
            number = float(text)
        except ValueError:
            return None
        if unit not in units or not 0 < number < 1_000_000:  # noqa: PLR2004 - no body is so
            run.leave_out(place.location(segment), "not a measure in a unit that is known")
            return None
        factor = otherwise if most and not unit and number > most else units[unit]
        return f"{number * factor:.4f}".rstrip("0").rstrip(".")

    return read


READERS: dict[str, Transform] = {
    "text": Transform(Kind.TEXT, make_text),
    "free_text": Transform(Kind.TEXT, make_free_text),
    "xpn": Transform(Kind.NAME, make_xpn, whole=True),
    "xcn": Transform(Kind.NAME, make_xcn, whole=True),
    "ndl": Transform(Kind.NAME, make_ndl, whole=True),
    "date": Transform(Kind.DATE, make_date),
    "datetime": Transform(Kind.START, make_datetime),
    "moment": Transform(Kind.MOMENT, make_moment),
    "cx": Transform(Kind.IDENTIFIERS, make_cx, whole=True),
    "ei": Transform(Kind.IDENTIFIER, make_ei),
    "ce": Transform(Kind.CODE, make_ce),
    "location": Transform(Kind.TEXT, make_location),
    "kilograms": Transform(Kind.TEXT, make_kilograms),
    "metres": Transform(Kind.TEXT, make_metres),
}

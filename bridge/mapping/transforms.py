"""The fixed list of transforms that rows may name: readers of a field, and mappers of a text.

A reader takes a field apart as its HL7 data type says; a mapper changes a text it was given. What
needs logic becomes a transform here: profiles hold no expressions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from bridge.domain.errors import TableValueNotFound
from bridge.domain.identifiers import NO_AUTHORITY, Authority, Identifier
from bridge.domain.order import CodedConcept
from bridge.mapping import names
from bridge.mapping.documents import Node
from bridge.mapping.errors import instead
from bridge.mapping.source import Components, Place, Run, Segment, Site
from bridge.mapping.tables import CodeTable, find_column, refuse_misspelt
from bridge.mapping.targets import Kind, allowed_length, is_usable
from bridge.mapping.times import parse_date, parse_time_stamp
from bridge.mapping.words import read_words

Reader = Callable[[Segment, Run, int], Any]
Mapper = Callable[[str, Segment, Place, Run], Any]
Tables = Callable[[Node], CodeTable]

CODING_SCHEMES = "coding-schemes"
_LONGEST_SCHEME = 16
_LONGEST_PATIENT_ID = 64


@dataclass(frozen=True, slots=True)
class Use:
    """One transform as a row uses it: its name, its main argument and its further ones."""

    name: str
    node: Node
    argument: Node | None
    options: Mapping[str, Node]

    @staticmethod
    def parse(node: Node, known: Mapping[str, Any]) -> Use:
        """Read `name`, `{name: argument}` or `{name: {option: value}}`.

        Raises:
            ProfileError: the transform is unknown or not written like that.
        """
        argument: Node | None = None
        options: Mapping[str, Node] = {}
        if isinstance(node.content, dict):
            if len(node.content) != 1:
                raise node.error("one transform at a time", "write a list: [first, second]")
            name, value = next(iter(node.content.items()))
            if isinstance(value.content, dict):
                options = value.content
            else:
                argument = value
        else:
            name = node.text
        if name not in known:
            raise node.error(f"unknown transform {name!r}", instead(name, known))
        return Use(name, node, argument, options)

    def get(self, option: str) -> Node | None:
        """An option; the main argument stands for the first one."""
        return self.options.get(option)

    def allow(self, *options: str) -> None:
        """Refuse options beyond these."""
        for option, node in self.options.items():
            if option not in options:
                fix = instead(option, options) if options else "remove it"
                raise node.error(f"{self.name} has no option {option!r}", fix)

    def choice(
        self, option: str, allowed: Mapping[str, Any] | tuple[str, ...], default: str
    ) -> str:
        """An option or the main argument that is one of a few words."""
        node = self.options.get(option) or self.argument
        if node is None:
            return default
        if node.text not in allowed:
            raise node.error(f"unknown {option} {node.text!r}", instead(node.text, allowed))
        return node.text


@dataclass(frozen=True, slots=True)
class Transform:
    """How a transform is made; `whole` readers take every repetition into account themselves."""

    makes: Kind
    make: Callable[..., Any]
    whole: bool = False


# --- readers ---


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
    """XPN → PN."""
    return names.read_xpn(place, _name_split(use))


def make_xcn(use: Use, place: Place, _tables: Tables) -> Reader:
    """XCN → PN."""
    return names.read_xcn(place, _name_split(use))


def make_ndl(use: Use, place: Place, _tables: Tables) -> Reader:
    """NDL → PN."""
    return names.read_ndl(place, _name_split(use))


def _name_split(use: Use) -> names.NameSplit:
    use.allow("split")
    return names.NAME_SPLITS[use.choice("split", names.NAME_SPLITS, "none")]


def make_date(_use: Use, place: Place, _tables: Tables) -> Reader:
    """TS or DT → DA; less than a day, or no real day, is left out with a warning."""

    def read(segment: Segment, run: Run, repetition: int) -> str | None:
        text = place.read(segment, repetition)
        if not text:
            return None
        date = parse_date(text)
        if date is None:
            run.leave_out(place.location(segment), "not a complete date")
        return date

    return read


def make_datetime(_use: Use, place: Place, _tables: Tables) -> Reader:
    """TS → date and time in the site's zone."""

    def read(segment: Segment, run: Run, repetition: int) -> Any:
        text = place.read(segment, repetition)
        if not text:
            return None
        stamp = parse_time_stamp(text, run.site.zone)
        if stamp is None:
            run.leave_out(place.location(segment), "not a date and time")
        return stamp

    return read


def make_moment(_use: Use, place: Place, _tables: Tables) -> Reader:
    """TS → `YYYYMMDDHHMMSS` in UTC."""

    def read(segment: Segment, run: Run, repetition: int) -> str | None:
        text = place.read(segment, repetition)
        stamp = parse_time_stamp(text, run.site.zone) if text else None
        if stamp is None:
            if text:
                run.leave_out(place.location(segment), "not a date and time")
            return None
        return stamp.utc

    return read


def make_cx(use: Use, place: Place, _tables: Tables) -> Reader:
    """CX → identifiers of every repetition; `prefer` names type codes that come first.

    One without authority is of the site, or with `authority: none` of nobody that is known.
    """
    use.allow("prefer", "authority")
    nobody = use.choice("authority", ("site", "none"), "site") == "none"
    preferred = use.get("prefer")
    ranks = {code: rank for rank, code in enumerate(preferred.texts if preferred else ())}

    def read(segment: Segment, run: Run, _: int) -> tuple[Identifier, ...] | None:
        found = read_identifiers(segment, place, run, NO_AUTHORITY if nobody else None)
        if ranks:
            found = tuple(sorted(found, key=lambda each: ranks.get(each.type_code, len(ranks))))
        return found or None

    return read


def read_identifiers(
    segment: Segment, place: Place, run: Run, otherwise: Authority | None = None
) -> tuple[Identifier, ...]:
    """The identifiers (CX) in every repetition of a field; placeholders are absent.

    `otherwise` is the authority of one that names none: the site's when it is None.
    """
    silent = run.site.authority if otherwise is None else otherwise
    return tuple(
        identifier
        for repetition in range(segment.count(place.field))
        if (identifier := _read_cx(segment, place, repetition, run, silent))
    )


def _read_cx(
    segment: Segment, place: Place, repetition: int, run: Run, silent: Authority
) -> Identifier | None:
    components = Components(segment, place.field, repetition)
    value = components[1].strip()
    location = place.location(segment, repetition)
    longest = allowed_length(_LONGEST_PATIENT_ID, run)
    if not value or not is_usable(value, longest, location, run):
        return None
    authority = Authority(components[4].strip())
    if segment.encoding.delimiters.subcomponent in segment.raw(place.field, repetition):
        parts = (segment.field(place.field, repetition, 4, part).strip() for part in (1, 2, 3))
        authority = Authority(*parts)
    return Identifier(value, authority or silent, components[5].strip())


_SITE_AUTHORITIES: dict[str, Callable[[Site], Authority]] = {
    "site": lambda site: site.authority,
    "placer": lambda site: site.placer,
    "filler": lambda site: site.filler,
}


def make_ei(use: Use, place: Place, _tables: Tables) -> Reader:
    """EI → identifier; without authority it is of the site, the placer or the filler."""
    use.allow("authority")
    default = _SITE_AUTHORITIES[use.choice("authority", _SITE_AUTHORITIES, "site")]

    def read(segment: Segment, run: Run, repetition: int) -> Identifier | None:
        components = Components(segment, place.field, repetition)
        value = components[1].strip()
        if not value:
            return None
        namespace, universal_id = components[2].strip(), components[3].strip()
        kind = components[4].strip()
        if not (namespace or universal_id):
            # `1234^^^HIS`: senders write it as a CX, whose fourth component is the authority.
            authority = Authority(kind) if kind else default(run.site)
        else:
            authority = Authority(namespace, universal_id, kind)
        return Identifier(value, authority)

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


# --- mappers ---


_WHEN_MISSING = ("skip", "warn", "keep", "refuse")


def make_table(use: Use, _place: Place, tables: Tables) -> Mapper:
    """Look the text up in a code table; `missing` says what an unknown one does.

    It is skipped (the default), skipped with a warning, kept as it is, or refuses the message with
    HL7's 103. With `optional: yes` a table need not have the column.
    """
    use.allow("name", "column", "missing", "optional")
    table, column = _find_table(use, tables)
    if column not in table.columns:
        return lambda _value, _segment, _place, _run: None
    missing = use.get("missing")
    policy = missing.text if missing else "skip"
    if missing and policy not in _WHEN_MISSING:
        raise missing.error(f"unknown {policy!r}", instead(policy, _WHEN_MISSING))
    scheme_after = 2 if table.by_scheme else 0

    def look_up(value: str, segment: Segment, place: Place, run: Run) -> str | None:
        scheme = segment.field(place.field, 0, place.component + 2) if scheme_after else ""
        found = table.get(value, column, scheme)
        if found is not None:
            return found
        if policy == "keep":
            return value
        if policy == "refuse":
            text = f"not in the table {table.name.removesuffix('.csv')}"
            run.refuse(TableValueNotFound(text, location=place.location(segment)))
        elif policy == "warn":
            run.leave_out(place.location(segment), f"not in the table {table.name}")
        return None

    return look_up


def make_words(use: Use, _place: Place, tables: Tables) -> Mapper:
    """Search the text for the patterns of a table; the first that is found decides.

    Words that speak for different things leave it open, with a warning.
    """
    use.allow("name", "column")
    table, column = _find_table(use, tables)
    # Descriptions come from a catalogue: the same ones over and over.
    find = lru_cache(maxsize=4096)(read_words(table, column).find)

    def search(value: str, segment: Segment, place: Place, run: Run) -> str | None:
        found = find(value)
        if found.is_doubtful:
            run.warn(place.location(segment), f"its words speak for {found.spoken}; none is taken")
        return found.cell or None

    return search


def _find_table(use: Use, tables: Tables) -> tuple[CodeTable, str]:
    name = use.get("name") or use.argument
    if name is None:
        raise use.node.error(f"{use.name} of what?", f"write {{{use.name}: NAME}}")
    table = tables(name)
    column = use.get("column")
    if column is None:
        return table, table.default_column()
    optional = use.get("optional")
    if optional is not None and optional.flag and column.text not in table.columns:
        refuse_misspelt(table, column.text)
        return table, column.text
    return table, find_column(table, column.text, column.file, column.line)


def make_match(use: Use, _place: Place, _tables: Tables) -> Mapper:
    r"""Keep a text that matches a regular expression as a whole; `value` may use `\1`."""
    use.allow("pattern", "value")
    pattern_node = use.get("pattern") or use.argument
    if pattern_node is None:
        raise use.node.error("match of what?", "write {match: PATTERN}")
    try:
        pattern = re.compile(pattern_node.text)
    except re.error as error:
        raise pattern_node.error(f"not a regular expression: {error}", "mend it") from None
    value_node = use.get("value")
    template = value_node.text if value_node else r"\g<0>"

    def match(value: str, _segment: Segment, _place: Place, _run: Run) -> str | None:
        found = pattern.fullmatch(value)
        return found.expand(template) or None if found else None

    return match


def make_upper(_use: Use, _place: Place, _tables: Tables) -> Mapper:
    """Capitals."""
    return lambda value, _segment, _place, _run: value.upper()


def make_code(_use: Use, _place: Place, _tables: Tables) -> Mapper:
    """`value^meaning^scheme` → code, for cells of a table."""

    def build(value: str, _segment: Segment, _place: Place, run: Run) -> CodedConcept | None:
        code, meaning, scheme = (*value.split("^"), "", "")[:3]
        return CodedConcept(code, scheme or run.site.local_scheme, meaning or code)

    return build


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
MAPPERS: dict[str, Transform] = {
    "table": Transform(Kind.TEXT, make_table),
    "words": Transform(Kind.TEXT, make_words),
    "match": Transform(Kind.TEXT, make_match),
    "upper": Transform(Kind.TEXT, make_upper),
    "code": Transform(Kind.CODE, make_code),
}

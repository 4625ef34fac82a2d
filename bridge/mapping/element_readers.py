"""Readers of FHIR's data types (R4 2.24): what a row makes of the element its path leads to."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from bridge.domain.identifiers import Authority, Identifier, is_placeholder
from bridge.domain.order import CodedConcept
from bridge.mapping.element_names import read_names
from bridge.mapping.elements import Element, ElementScope
from bridge.mapping.source import Run
from bridge.mapping.targets import Kind, allowed_length, is_usable
from bridge.mapping.times import TimeStamp, parse_date, parse_time_stamp
from bridge.mapping.transforms import Use

_LONGEST_ID = 64
_SHORT = 16
_SHORT_IDS = 10**15
_LONGEST_MEANING = 64
_NAMESPACE = "urn:id:"
_OID = "urn:oid:"
_UUID = "urn:uuid:"


@dataclass(frozen=True, slots=True)
class Context:
    """What readers know besides the element: the pass, the scope, authorities by system."""

    run: Run
    scope: ElementScope
    systems: Mapping[str, Authority]


Reader = Callable[[Sequence[Element], Context], "tuple[Any, Element] | None"]
One = Callable[[Element, Context], Any]


@dataclass(frozen=True, slots=True)
class ElementTransform:
    """How a reader is made; `each` is false for those that look at all elements together."""

    makes: Kind
    make: Callable[[Use], One | Reader]
    whole: bool = False


def _plain(read: One) -> Callable[[Use], One]:
    def make(use: Use) -> One:
        use.allow()
        return read

    return make


def read_text(element: Element, _: Context) -> str | None:
    """A primitive as text; of a Coding its code, of a CodeableConcept its text or first display."""
    value = element.value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return str(value).strip() or None
    return display_of(value) or None


def display_of(value: Any) -> str:
    """The words for people in a concept, a reference or an annotation."""
    if isinstance(value, str):
        return value.strip()
    if not isinstance(value, dict):
        return ""
    for key in ("text", "display", "concept", "coding", "reference", "code"):
        inner = value.get(key)
        if key == "reference" and isinstance(inner, str):
            continue
        for item in inner if isinstance(inner, list) else (inner,):
            if item is not None and (found := display_of(item)):
                return found
    return ""


def read_date(element: Element, context: Context) -> str | None:
    """Date → DA; less than a day is left out with a warning."""
    found = parse_date(str(element.value))
    if found is None:
        context.run.leave_out(element.path, "not a complete date")
    return found


def read_date_time(element: Element, context: Context) -> TimeStamp | None:
    """DateTime → date and time in the site's zone."""
    found = parse_time_stamp(str(element.value), context.run.site.zone)
    if found is None:
        context.run.leave_out(element.path, "not a whole day, or a day and time")
    return found


def read_instant(element: Element, context: Context) -> str | None:
    """Instant → `YYYYMMDDHHMMSS` in UTC."""
    found = read_date_time(element, context)
    return found.utc if found else None


def read_short_id(element: Element, _: Context) -> str | None:
    """An id as it is when it fits a Short String, else what always stands for it."""
    text = str(element.value)
    if len(text) <= _SHORT:
        return text or None
    digest = int.from_bytes(hashlib.sha256(text.encode()).digest()[:9])
    return f"T{digest % _SHORT_IDS:015d}"


def make_identifier(use: Use) -> One:
    """Identifier → identifier; without system it is of the site, the placer or the filler."""
    use.allow("authority")
    name = use.choice("authority", tuple(_AUTHORITIES), "site")

    def read(element: Element, context: Context) -> Identifier | None:
        return identifier_of(element, context, name)

    return read


def make_identifiers(use: Use) -> Reader:
    """Identifiers → all of them; `prefer` names types (table 0203) that come first."""
    use.allow("prefer", "authority")
    preferred = use.get("prefer")
    ranks = {code: rank for rank, code in enumerate(preferred.texts if preferred else ())}
    authority = use.choice("authority", tuple(_AUTHORITIES), "site")

    def read(
        elements: Sequence[Element], context: Context
    ) -> tuple[tuple[Identifier, ...], Element] | None:
        found: list[tuple[int, Identifier, Element]] = []
        for element in elements:
            identifier = identifier_of(element, context, authority)
            longest = allowed_length(_LONGEST_ID, context.run)
            if identifier and is_usable(
                identifier.value, longest, _value_path(element), context.run
            ):
                rank = ranks.get(identifier.type_code, len(ranks))
                found.append((rank, identifier, element))
        found.sort(key=lambda each: each[0])
        identifiers = tuple(dict.fromkeys(identifier for _, identifier, _ in found))
        return (identifiers, found[0][2]) if identifiers else None

    return read


def identifier_of(element: Element, context: Context, default: str) -> Identifier | None:
    """An Identifier, or a bare id, with its authority; None when it is a placeholder or empty."""
    content = element.value
    if not isinstance(content, dict):
        content = {"value": content}
    value = str(content.get("value") or "").strip()
    if is_placeholder(value):
        return None
    system = str(content.get("system") or "").strip()
    authority = authority_of(system, context.systems) if system else NO_SYSTEM
    value = value.removeprefix(_OID) if system == "urn:ietf:rfc:3986" else value
    return Identifier(
        value, authority or getattr(context.run.site, _AUTHORITIES[default]), _type(content)
    )


NO_SYSTEM = Authority()
_AUTHORITIES = {
    "site": "authority",
    "placer": "placer",
    "filler": "filler",
    "resources": "resources",
}


def authority_of(system: str, systems: Mapping[str, Authority]) -> Authority:
    """The authority that a system stands for: the profile's word, else as the URI itself says."""
    known = systems.get(system.rstrip("/")) or systems.get(system)
    if known:
        return known
    if system.startswith(_NAMESPACE):
        return Authority(unquote(system.removeprefix(_NAMESPACE)))
    if system.startswith(_OID):
        return Authority("", system.removeprefix(_OID), "ISO")
    if system.startswith(_UUID):
        return Authority("", system.removeprefix(_UUID).lower(), "UUID")
    return Authority("", system, "URI")


def _type(content: Mapping[str, Any]) -> str:
    """Table 0203's code; one of another system is no type that HL7 v2 or DICOM could carry."""
    kind = content.get("type")
    codings = kind.get("coding") if isinstance(kind, dict) else None
    for coding in codings if isinstance(codings, list) else ():
        code = str(coding.get("code") or "") if isinstance(coding, dict) else ""
        if code and "0203" in str(coding.get("system") or "0203"):
            return code
    return ""


def _value_path(element: Element) -> str:
    return f"{element.path}.value" if isinstance(element.value, dict) else element.path


def read_concept(element: Element, context: Context) -> CodedConcept | None:
    """Coding → code, scheme and meaning; its concept's text may tell the meaning."""
    coding = element.value
    if not isinstance(coding, dict) or not coding.get("code"):
        return None
    whole = element.parent.value if element.parent else {}
    text = whole.get("text") if isinstance(whole, dict) else ""
    code = str(coding["code"]).strip()
    meaning = str(coding.get("display") or text or code).strip()
    scheme = designator_of(coding, context.scope) or context.run.site.local_scheme
    return CodedConcept(code, scheme, meaning[:_LONGEST_MEANING])


def designator_of(coding: Any, scope: ElementScope) -> str:
    """Coding Scheme Designator (PS3.16 8) of a coding's system; empty when nobody knows one."""
    system = str(coding.get("system") or "").strip() if isinstance(coding, dict) else ""
    if system.startswith(_NAMESPACE):
        return unquote(system.removeprefix(_NAMESPACE))[:16]
    return scope.designators.get(system.rstrip("/"), "")


_KILOGRAMS = {"kg": 1.0, "g": 0.001, "[lb_av]": 0.45359237, "lb": 0.45359237, "lbs": 0.45359237}
_METRES = {"m": 1.0, "cm": 0.01, "mm": 0.001, "[in_i]": 0.0254, "in": 0.0254, "[ft_i]": 0.3048}


def _measure(units: Mapping[str, float]) -> Callable[[Use], One]:
    def read(element: Element, context: Context) -> str | None:
        quantity = element.value if isinstance(element.value, dict) else {}
        number = quantity.get("value")
        unit = str(quantity.get("code") or quantity.get("unit") or "").strip().casefold()
        if not isinstance(number, int | float) or unit not in units or number <= 0:
            context.run.leave_out(element.path, "not a measure in a unit that is known")
            return None
        return f"{number * units[unit]:.4f}".rstrip("0").rstrip(".")

    return _plain(read)


def read_person(element: Element, context: Context) -> str | None:
    """Reference to a practitioner, also by way of a role → PN; of an organisation there is none."""
    target = context.scope.follow(element)
    if target is None:
        return _referred_person(element, context)
    kind = target.value.get("resourceType")
    if kind == "PractitionerRole":
        inner = target.child("practitioner")
        return read_person(inner, context) if inner else None
    if kind not in ("Practitioner", "Patient", "RelatedPerson", "Person"):
        return None
    found = read_names(list(target.children("name")), context.run)
    return found[0] if found else _referred_person(element, context)


def _referred_person(element: Element, context: Context) -> str | None:
    """The name that a reference itself gives, unless it says that it leads to something else."""
    reference = element.value if isinstance(element.value, dict) else {}
    display = str(reference.get("display") or "").strip()
    if not display or _kind_of(reference) in _THINGS:
        return None
    name = Element({"text": display}, f"{element.path}.display", element)
    found = read_names([name], context.run)
    return found[0] if found else None


_PEOPLE = frozenset({"Practitioner", "PractitionerRole", "Patient", "RelatedPerson", "Person"})
_THINGS = frozenset({"Organization", "Device", "Location", "CareTeam", "HealthcareService"})


def _kind_of(reference: Mapping[str, Any]) -> str:
    """The type of resource that a reference says it leads to."""
    text = str(reference.get("type") or reference.get("reference") or "")
    return next((part for part in text.split("/") if part in _PEOPLE | _THINGS), "")


def read_place(element: Element, context: Context) -> str | None:
    """Reference to an organisation, a location or a device → its name; else what it is shown by."""
    target = context.scope.follow(element)
    if target is not None and target.value.get("resourceType") == "PractitionerRole":
        inner = target.child("organization")
        return read_place(inner, context) if inner else None
    if target is not None and target.value.get("resourceType") in ("Practitioner", "Patient"):
        return None
    name = (target.text("name") or target.text("displayName")) if target is not None else ""
    if not name and isinstance(element.value, dict) and _kind_of(element.value) not in _PEOPLE:
        name = str(element.value.get("display") or "")
    return name.strip() or None


def _names(elements: Sequence[Element], context: Context) -> tuple[str, Element] | None:
    return read_names(elements, context.run)


def _make_names(use: Use) -> Reader:
    use.allow()
    return _names


ELEMENT_READERS: dict[str, ElementTransform] = {
    "text": ElementTransform(Kind.TEXT, _plain(read_text)),
    "short_id": ElementTransform(Kind.TEXT, _plain(read_short_id)),
    "human_name": ElementTransform(Kind.NAME, _make_names, whole=True),
    "person": ElementTransform(Kind.NAME, _plain(read_person)),
    "place": ElementTransform(Kind.TEXT, _plain(read_place)),
    "date": ElementTransform(Kind.DATE, _plain(read_date)),
    "datetime": ElementTransform(Kind.START, _plain(read_date_time)),
    "moment": ElementTransform(Kind.MOMENT, _plain(read_instant)),
    "identifier": ElementTransform(Kind.IDENTIFIER, make_identifier),
    "identifiers": ElementTransform(Kind.IDENTIFIERS, make_identifiers, whole=True),
    "concept": ElementTransform(Kind.CODE, _plain(read_concept)),
    "kilograms": ElementTransform(Kind.TEXT, _measure(_KILOGRAMS)),
    "metres": ElementTransform(Kind.TEXT, _measure(_METRES)),
}

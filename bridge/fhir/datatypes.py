"""DICOM values as FHIR data types: dates and times (PS3.5 6.2), person names, coded concepts."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from urllib.parse import quote

from bridge.domain.order import CodedConcept
from bridge.fhir.identifiers import IdentifierSystems, Json
from bridge.fhir.terms import CODE_SYSTEMS

_TM = re.compile(r"(\d\d)(?:(\d\d)(?:(\d\d)(?:\.(\d{1,6}))?)?)?")
_OFFSET = re.compile(r"([+-])(\d\d)(\d\d)")
_REPRESENTATION = "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation"
_GROUPS = ("ABC", "IDE", "SYL")


def read_date(text: str) -> str:
    """DA → FHIR date; empty when it is not a whole, real date (DA has no partial form)."""
    digits = text.strip().replace(".", "")  # YYYY.MM.DD is of ACR-NEMA, and still met
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:])).isoformat()
    except ValueError:
        return ""


def read_date_time(da: str, tm: str, offset: str, site: tzinfo) -> str:
    """DA and TM → FHIR dateTime, with the zone of `offset` (0008,0201) or else of the site.

    The date alone when the time is missing or not a time: FHIR wants seconds and a zone with it.
    """
    day, match = read_date(da), _TM.fullmatch(tm.strip().replace(":", ""))
    if not day or match is None:
        return day
    hour, minute, second = (int(part or 0) for part in match.groups()[:3])
    microseconds = int((match[4] or "").ljust(6, "0"))
    try:
        # DICOM allows second 60 for a leap second, which neither Python nor most receivers do.
        moment = datetime.combine(
            date.fromisoformat(day),
            datetime(1, 1, 1, hour, minute, min(second, 59), microseconds, tzinfo=UTC).timetz(),
        )
    except ValueError:
        return day
    zoned = moment.replace(tzinfo=_zone(offset) or site)
    return zoned.isoformat(timespec="milliseconds" if microseconds else "seconds")


def _zone(offset: str) -> timezone | None:
    match = _OFFSET.fullmatch(offset.strip())
    if match is None:
        return None
    minutes = int(match[2]) * 60 + int(match[3])
    delta = timedelta(minutes=-minutes if match[1] == "-" else minutes)
    return timezone(delta) if abs(delta) <= timedelta(hours=14) else None


def human_names(name: str) -> list[Json]:
    """PN → one HumanName per component group.

    A whole name in one component, as many Vietnamese systems send it, is given as text and stays
    the family name too: splitting would be a guess, and receivers look for `family`. No text is
    made of separate components, since their order differs by culture.
    """
    groups = [_components(group) for group in name.split("=")]
    names = [(code, parts) for code, parts in zip(_GROUPS, groups, strict=False) if any(parts)]
    several = len(names) > 1
    return [
        _human_name(parts)
        | ({"extension": [{"url": _REPRESENTATION, "valueCode": code}]} if several else {})
        | ({"use": "official"} if index == 0 else {})
        for index, (code, parts) in enumerate(names)
    ]


def _human_name(parts: tuple[str, ...]) -> Json:
    family, given, middle, prefix, suffix = parts
    whole = family if not any(parts[1:]) else ""
    return {
        **({"text": whole} if " " in whole else {}),
        **({"family": family} if family else {}),
        **({"given": [g for g in (given, *middle.split()) if g]} if given or middle else {}),
        **({"prefix": [prefix]} if prefix else {}),
        **({"suffix": [suffix]} if suffix else {}),
    }


def display_name(name: str) -> str:
    """PN → text for display: `Family, Given Middle`, a whole name as it is."""
    groups = [parts for parts in map(_components, name.split("=")) if any(parts)]
    if not groups:
        return ""
    family, given, middle, prefix, suffix = groups[0]
    others = " ".join(part for part in (prefix, given, middle, suffix) if part)
    return ", ".join(part for part in (family, others) if part)


def _components(group: str) -> tuple[str, ...]:
    parts = [" ".join(part.split()) for part in group.split("^")]
    return tuple([*parts, "", "", "", "", ""][:5])


def coding(concept: CodedConcept, systems: IdentifierSystems) -> Json:
    """Code Value, scheme and meaning → Coding. A scheme nobody registered is the site's own."""
    scheme = concept.scheme.strip()
    system = systems.known.get(scheme) or CODE_SYSTEMS.get(scheme.upper())
    if not system and scheme:
        system = systems.prefix + quote(scheme, safe="-._~")
    return {
        **({"system": system} if system else {}),
        "code": " ".join(concept.value.split()),
        **({"display": concept.meaning.strip()} if concept.meaning.strip() else {}),
    }


def codeable_concept(concept: CodedConcept, systems: IdentifierSystems) -> Json:
    """A coded concept with its meaning as text; the text alone when it has no code."""
    meaning = concept.meaning.strip()
    return {
        **({"coding": [coding(concept, systems)]} if concept.value.strip() else {}),
        **({"text": meaning} if meaning else {}),
    }

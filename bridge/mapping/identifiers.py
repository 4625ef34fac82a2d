"""Transforms that read identifiers: CX of patients (v2.5.1 2.A.14), EI of orders (2.A.28)."""

from __future__ import annotations

from collections.abc import Callable

from bridge.domain.identifiers import NO_AUTHORITY, Authority, Identifier
from bridge.mapping.source import Components, Place, Run, Segment, Site
from bridge.mapping.targets import allowed_length, is_usable
from bridge.mapping.uses import Reader, Tables, Use

_LONGEST_PATIENT_ID = 64


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
    """EI → identifier; without authority it is of the site, the placer or the filler.

    `namespace: ignore` is for senders that write what sort of number it is where its authority
    belongs.
    """
    use.allow("authority", "namespace")
    ignores = use.choice("namespace", ("keep", "ignore"), "keep", positional=False) == "ignore"
    default = _SITE_AUTHORITIES[use.choice("authority", _SITE_AUTHORITIES, "site")]

    def read(segment: Segment, run: Run, repetition: int) -> Identifier | None:
        components = Components(segment, place.field, repetition)
        value = components[1].strip()
        if not value:
            return None
        if ignores:
            return Identifier(value, default(run.site))
        namespace, universal_id = components[2].strip(), components[3].strip()
        kind = components[4].strip()
        if not (namespace or universal_id):
            # `1234^^^HIS`: senders write it as a CX, whose fourth component is the authority.
            authority = Authority(kind) if kind else default(run.site)
        else:
            authority = Authority(namespace, universal_id, kind)
        return Identifier(value, authority)

    return read

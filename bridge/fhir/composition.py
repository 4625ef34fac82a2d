"""What is alike in all that a server is told: its manner, patients, numbers, references."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from urllib.parse import quote

from bridge.domain.delivery import TransportError
from bridge.domain.identifiers import Identifier
from bridge.domain.order import Order
from bridge.domain.patient import Patient
from bridge.fhir.bundle import Action, Content, Entry, PatientPolicy
from bridge.fhir.endpoint import Access
from bridge.fhir.identifiers import ACCESSION, FILLER, PLACER, IdentifierSystems, Json
from bridge.fhir.patient import patient_resource
from bridge.fhir.releases import Release, in_release
from bridge.fhir.validation import InvalidResource, check
from bridge.mapping.ehr_profiles import EhrProfile

_ACTIONS = {
    PatientPolicy.CREATE: Action.CREATE,
    PatientPolicy.UPDATE: Action.UPDATE,
    PatientPolicy.SEARCH: Action.FIND,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How a server is spoken to.

    `systems` maps assigning authorities and `zone` is the site's. `access` tells ways to the
    images; `viewer` is an address with `{study_instance_uid}` in it, empty for none. `own_ids` is
    the namespace of identifiers that are this server's own ids: it is asked for orders, too.
    `is_filler` tells that the bridge fills the orders, and so says what becomes of them.
    """

    release: Release = Release.R4
    profile: EhrProfile = field(default_factory=EhrProfile)
    patients: PatientPolicy = PatientPolicy.CREATE
    systems: IdentifierSystems = field(default_factory=IdentifierSystems)
    zone: tzinfo = UTC
    access: tuple[Access, ...] = ()
    viewer: str = ""
    source: str = "urn:bridge"
    own_ids: str = ""
    is_filler: bool = True


@dataclass(frozen=True, slots=True)
class Referred:
    """What is referred to: the server's own reference or a name, and what is said of it."""

    reference: str
    entries: Content = ()


class Composer:
    """What both studies and orders are told with."""

    def __init__(self, manner: Manner) -> None:
        self.manner = manner

    def patient(self, patient: Patient) -> Referred:
        """The patient, by the server's own id where the bridge knows it.

        Raises:
            TransportError: what is held makes no valid resource.
        """
        own = self._own_reference("Patient", patient.identifiers)
        if own:
            return Referred(own)
        action = _ACTIONS[self.manner.patients]
        resource = patient_resource(patient, self.manner.systems)
        entry = self.entry(resource, action, needed=True)
        return Referred(entry.name, (entry,))

    def identifiers(self, order: Order) -> list[Json]:
        """The numbers of an order, the best first, each of the type that it is here."""
        numbers = order.numbers
        typed = ((ACCESSION, numbers.accession), (PLACER, numbers.placer), (FILLER, numbers.filler))
        return [
            self.manner.systems.resource(Identifier(number.value, number.authority), code)
            for code, number in typed
            if number is not None
        ]

    def own_request(self, order: Order) -> str:
        """The literal reference to a ServiceRequest that is known by the server's own id."""
        numbers = order.numbers
        known = (numbers.accession, numbers.placer, numbers.filler)
        return self._own_reference("ServiceRequest", [each for each in known if each])

    def _own_reference(self, kind: str, identifiers: Sequence[Identifier]) -> str:
        ids = (each.value for each in identifiers if self.is_own(each))
        return next((f"{kind}/{name}" for name in ids), "")

    def is_own(self, identifier: Identifier) -> bool:
        """Whether an identifier is the server's own id of a resource."""
        own = self.manner.own_ids
        return bool(own) and identifier.authority.namespace == own

    def source(self, correlation: str) -> str:
        """Who says so, and about what (meta.source)."""
        return f"{self.manner.source}#{quote(correlation, safe='-._~')}"

    def entry(self, resource: Json, action: Action, *, needed: bool = False) -> Entry:
        """A resource in the release and with the elements that the server takes.

        Raises:
            TransportError: it is not valid.
        """
        try:
            return Entry(resource=self.checked(resource), action=action, needed=needed)
        except InvalidResource as error:
            raise TransportError(error.message, permanent=True) from error

    def checked(self, resource: Json) -> Json:
        """The same. Raises InvalidResource."""
        kind = resource["resourceType"]
        for path in self.manner.profile.leave_out:
            of, _, element = path.partition(".")
            if of == kind:
                resource = _without(resource, element.split("."))
        converted = in_release(resource, self.manner.release)
        check(converted, self.manner.release)
        return converted


def bare(kind: str, identifiers: Iterable[Json]) -> Json:
    """No more of a resource than what it is known by."""
    return {"resourceType": kind, "identifier": list(identifiers)}


def _without(element: Json, path: Sequence[str]) -> Json:
    """An element without one below it, in each item of lists on the way."""
    name, rest = path[0], path[1:]
    if name not in element:
        return element
    others = {key: value for key, value in element.items() if key != name}
    if not rest:
        return others
    value = element[name]
    left = (
        [each for item in value if (each := _without(item, rest))]
        if isinstance(value, list)
        else _without(value, rest)
    )
    return {**others, name: left} if left else others

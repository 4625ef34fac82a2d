"""The FHIR destination: tells a server the newest state of a study."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from threading import Lock
from urllib.parse import quote

from bridge.domain.delivery import Delivery, EventKind, RetryPolicy, Sent, TransportError
from bridge.domain.identifiers import Identifier
from bridge.domain.publication import WITHDRAWN, News, PublishedStudy, WithdrawnStudy
from bridge.domain.study import Study
from bridge.fhir.bundle import Content, PatientPolicy, token_criteria
from bridge.fhir.client import FhirClient, Server
from bridge.fhir.endpoint import Access, endpoint_resource
from bridge.fhir.identifiers import IdentifierSystems, Json
from bridge.fhir.imaging_study import (
    Rendering,
    imaging_study,
    order_numbers,
    requests_of,
    study_identifier,
)
from bridge.fhir.lookup import find_request
from bridge.fhir.patient import patient_resource
from bridge.fhir.releases import Release, in_release
from bridge.fhir.validation import InvalidResource, check
from bridge.fhir.writing import StepwiseWriter, TransactionWriter, Writer, withdraw

KINDS = frozenset({EventKind.STUDY_AVAILABLE, EventKind.STUDY_CHANGED, EventKind.STUDY_WITHDRAWN})
_VERSIONS = {Release.R4: "4.", Release.R5: "5."}


@dataclass(frozen=True, slots=True, kw_only=True)
class FhirDestinationConfiguration:
    """Everything a FHIR destination depends on.

    `conditional` is false for servers without conditional requests in transactions.
    `systems` maps assigning authorities and `zone` is the site's. `access` tells ways to the
    images, `find_requests` whether orders are looked up at the server.
    """

    name: str
    server: Server
    release: Release = Release.R4
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    patients: PatientPolicy = PatientPolicy.CREATE
    conditional: bool = True
    find_requests: bool = True
    systems: IdentifierSystems = field(default_factory=IdentifierSystems)
    zone: tzinfo = UTC
    instance_limit: int = 2000
    access: tuple[Access, ...] = ()
    source: str = "urn:bridge"
    own_ids: str = ""
    """Namespace of identifiers that are this server's own ids: it is asked for orders, too."""


class FhirDestination:
    """Implements `services.deliver.Destination` for a FHIR server.

    Sends may come from many threads, never two for one study.

    Raises:
        InvalidResource: the configured access makes no valid Endpoint.
    """

    def __init__(
        self, configuration: FhirDestinationConfiguration, client: FhirClient | None = None
    ) -> None:
        self._configuration = configuration
        self._client = client or FhirClient(configuration.server)
        writer = TransactionWriter if configuration.conditional else StepwiseWriter
        self._writer: Writer = writer(self._client, configuration.patients)
        self._rendering = Rendering(
            systems=configuration.systems,
            zone=configuration.zone,
            instance_limit=configuration.instance_limit,
        )
        self._endpoints = tuple(self._checked(endpoint_resource(a)) for a in configuration.access)
        self._lock = Lock()
        self._uncertain: set[str] = set()

    @property
    def name(self) -> str:
        """The name that delivery rows carry."""
        return self._configuration.name

    @property
    def retry(self) -> RetryPolicy:
        """When to try again."""
        return self._configuration.retry

    def accepts(self, kind: EventKind) -> bool:
        """Studies that are available, changed, or withdrawn."""
        return kind in KINDS

    def send(self, delivery: Delivery, study: News, /) -> Sent:
        """Write a study's newest state, unless the server confirmed exactly that last time.

        One that is nobody's any more becomes entered-in-error (FHIR ImagingStudy.status).

        Raises:
            TransportError: the server did not confirm, or no valid resource can be made.
        """
        if isinstance(study, WithdrawnStudy):
            with self._settling(delivery.subject):
                return self._withdraw(study)
        if not isinstance(study, PublishedStudy):
            raise TypeError(f"{type(study).__name__} is no news of a study")
        content = self._content(study)
        digest = content.digest(f"{self._configuration.server.url} {self._configuration.release}")
        if digest == study.last_content_hash and self._is_certain(delivery):
            return Sent(content_hash=digest, unchanged=True)
        requests = self._requests(study)
        source = f"{self._configuration.source}#{quote(delivery.correlation, safe='-._~')}"
        with self._settling(delivery.subject):
            written = self._writer.write(content, requests, source)
        return Sent(written.request, written.response, digest)

    def _withdraw(self, study: WithdrawnStudy) -> Sent:
        system, value = study_identifier(study.study_instance_uid)
        withdrawn = withdraw(self._client, {"system": system, "value": value})
        return Sent(withdrawn.request, withdrawn.response, WITHDRAWN)

    def check(self) -> str:
        """Ask the server what it is: its FHIR version and software, for `bridge doctor`.

        Raises:
            TransportError: nobody is there, or it is no FHIR server of the configured release.
        """
        statement = self._client.request("GET", "metadata").body or {}
        version = str(statement.get("fhirVersion", ""))
        wanted = _VERSIONS[self._configuration.release]
        if not version.startswith(wanted):
            found = f"FHIR version {version}" if version else "no CapabilityStatement"
            raise TransportError(f"the server has {found}, not {wanted}", permanent=True)
        software = statement.get("software", {}).get("name", "a server without a name")
        return f"FHIR {version}, {software}"

    def close(self) -> None:
        """Close the connections to the server."""
        self._client.close()

    def _content(self, published: PublishedStudy) -> Content:
        try:
            study = self._checked(imaging_study(published, self._rendering))
            patient = self._checked(
                patient_resource(published.patient, self._configuration.systems)
            )
        except InvalidResource as error:
            raise TransportError(error.message, permanent=True) from error
        own = self._own_reference("Patient", published.patient.identifiers)
        if own and self._is_own(published.patient.patient_id):
            study = {**study, "subject": {"type": "Patient"}}
        return Content(
            patient_reference=own,
            study=study,
            study_criteria=token_criteria(study["identifier"][0]),
            patient=patient,
            patient_criteria=token_criteria(patient["identifier"][0]),
            endpoints=tuple(
                (e, token_criteria(e["identifier"][0])) for e in self._endpoints_of(published.study)
            ),
        )

    def _endpoints_of(self, study: Study) -> tuple[Json, ...]:
        """Ours for images that we hold, and that of whoever holds others."""
        held_here = bool(study.series) or study.announced is None
        ours = self._endpoints if held_here else ()
        addresses = study.announced.retrieve_urls if study.announced else ()
        theirs = (Access(identifier=a, address=a, name="Images held elsewhere") for a in addresses)
        return (*ours, *(self._checked(endpoint_resource(each)) for each in theirs))

    def _checked(self, resource: Json) -> Json:
        converted = in_release(resource, self._configuration.release)
        check(converted, self._configuration.release)
        return converted

    def _requests(self, published: PublishedStudy) -> list[str]:
        if not self._configuration.find_requests:
            return []
        systems = self._configuration.systems
        found = []
        for request in requests_of(published):
            numbers = [number for _, number in order_numbers(request)]
            own = self._own_reference("ServiceRequest", numbers)
            found.append(own or find_request(self._client, numbers, systems))
        return found

    def _own_reference(self, kind: str, identifiers: Sequence[Identifier]) -> str:
        """A literal reference by the server's own id; empty when it is known by other numbers."""
        ids = (each.value for each in identifiers if self._is_own(each))
        return next((f"{kind}/{name}" for name in ids), "")

    def _is_own(self, identifier: Identifier) -> bool:
        own = self._configuration.own_ids
        return bool(own) and identifier.authority.namespace == own

    def _is_certain(self, delivery: Delivery) -> bool:
        """Whether the last confirmed state is what the server holds.

        It is not when something newer was sent since and its answer was lost.
        """
        return delivery.attempts == 0 and delivery.subject not in self._uncertain

    @contextmanager
    def _settling(self, subject: str) -> Iterator[None]:
        with self._lock:
            self._uncertain.add(subject)
        yield
        with self._lock:
            self._uncertain.discard(subject)

"""The FHIR destination: tells a server the newest state of a study or an order."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock

from bridge.domain.delivery import (
    CORRECTION_KINDS,
    EXPECTED_STUDY_KINDS,
    ORDER_KINDS,
    Delivery,
    EventKind,
    RetryPolicy,
    Sent,
    TransportError,
)
from bridge.domain.publication import (
    WITHDRAWN,
    News,
    OrderNews,
    PublishedStudy,
    WithdrawnStudy,
)
from bridge.fhir.bundle import Content, digest
from bridge.fhir.client import FhirClient, Server
from bridge.fhir.composition import Manner
from bridge.fhir.order_composition import OrderComposer
from bridge.fhir.releases import Release
from bridge.fhir.study_composition import StudyComposer
from bridge.fhir.writing import Writer
from bridge.services.fence import check_held_still

KINDS = frozenset(
    {
        EventKind.STUDY_STARTED,
        EventKind.STUDY_AVAILABLE,
        EventKind.STUDY_CHANGED,
        EventKind.STUDY_WITHDRAWN,
    }
)
"""What a server is told of when nothing else is configured."""

SPEAKABLE = KINDS | {*EXPECTED_STUDY_KINDS, *CORRECTION_KINDS, *ORDER_KINDS}
"""What a server can be told of."""

_VERSIONS = {Release.R4: "4.", Release.R5: "5."}


@dataclass(frozen=True, slots=True, kw_only=True)
class FhirDestinationConfiguration:
    """Everything a FHIR destination depends on; `kinds` are the events it is told of."""

    name: str
    server: Server
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    manner: Manner = field(default_factory=Manner)
    kinds: frozenset[EventKind] = KINDS


class FhirDestination:
    """Implements `services.deliver.Destination` for a FHIR server.

    Sends may come from many threads, never two for one study or order.

    Raises:
        InvalidResource: the configured access makes no valid Endpoint.
    """

    def __init__(
        self, configuration: FhirDestinationConfiguration, client: FhirClient | None = None
    ) -> None:
        self._configuration = configuration
        self._client = client or FhirClient(configuration.server)
        manner = configuration.manner
        self._writer = Writer(self._client, manner.profile)
        self._studies, self._orders = StudyComposer(manner), OrderComposer(manner)
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
        """Events of the kinds that are configured, as far as they can be told in FHIR."""
        return kind in self._configuration.kinds & SPEAKABLE

    def send(self, delivery: Delivery, news: News, /) -> Sent:
        """Write the newest state, unless the server confirmed exactly that last time.

        A study that is nobody's any more becomes entered-in-error (FHIR ImagingStudy.status), one
        that was rejected for its quality, for safety or for its age cancelled.

        Raises:
            TransportError: the server did not confirm, or no valid resource can be made.
        """
        content = self._composed(delivery, news)
        manner, server = self._configuration.manner, self._configuration.server
        said = digest(content, f"{server.url} {manner.release} {manner.profile}")
        if said == news.last_content_hash and self._is_certain(delivery):
            return Sent(content_hash=said, unchanged=True)
        with self._settling(delivery.subject):
            written = self._writer.write(content)
            check_held_still()
        is_withdrawn = isinstance(news, WithdrawnStudy)
        return Sent(
            request=written.request,
            response=written.response,
            content_hash=WITHDRAWN if is_withdrawn else said,
            answered=written.answered,
        )

    def _composed(self, delivery: Delivery, news: News) -> Content:
        match news:
            case PublishedStudy():
                return self._studies.study(news, delivery.correlation)
            case WithdrawnStudy():
                return self._studies.withdrawn(news)
            case OrderNews():
                return self._orders.order(news, delivery.correlation)
        raise TypeError(f"{type(news).__name__} is no news of a study or an order")

    def check(self) -> str:
        """Ask the server what it is: its FHIR version and software, for `bridge doctor`.

        Raises:
            TransportError: nobody is there, or it is no FHIR server of the configured release.
        """
        statement = self._client.request("GET", "metadata").body or {}
        version = str(statement.get("fhirVersion", ""))
        wanted = _VERSIONS[self._configuration.manner.release]
        if not version.startswith(wanted):
            found = f"FHIR version {version}" if version else "no CapabilityStatement"
            raise TransportError(f"the server has {found}, not {wanted}", permanent=True)
        software = statement.get("software", {}).get("name", "a server without a name")
        return f"FHIR {version}, {software}"

    def close(self) -> None:
        """Close the connections to the server."""
        self._client.close()

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

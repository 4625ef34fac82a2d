"""The kinds of destination and what each of them needs.

Adding a kind is adding one dataclass here and one entry of DESTINATION_KINDS.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from bridge.settings.addresses import (
    BASE_URL,
    HOST,
    HTTP_URL,
    NATS_SUBJECT,
    NATS_URL,
    PORT,
)
from bridge.settings.destination import DURATION, LOOPBACK, Destination
from bridge.settings.fhir_sign_in import SignIn
from bridge.settings.hl7_sending import Answers, ClientTls, PassOn
from bridge.settings.image_destinations import DicomStoreDestination, StowDestination
from bridge.settings.schema import Section, Value, Values, described
from bridge.settings.standard_terms import AE_TITLE, HL7_CHARACTER_SET
from bridge.settings.terms import BOOLEAN, NAME, PATH, SECRET, TEXT, choice
from bridge.settings.values import Secret

_OF_ORDERS = (
    "order.held",
    "order.scheduled",
    "order.changed",
    "order.canceled",
    "patient.arrived",
    "step.started",
    "step.completed",
    "step.discontinued",
)
_OF_CORRECTIONS = ("study.corrected", "study.rejected", "study.expired")
_EVENT = choice(
    *_OF_ORDERS,
    "study.first_image",
    "match.decided",
    "study.unmatched",
    "study.available",
    "study.changed",
    *_OF_CORRECTIONS,
    "study.withdrawn",
)
_HL7_EVENT = choice(
    *_OF_ORDERS,
    "study.unmatched",
    "study.available",
    "study.changed",
    *_OF_CORRECTIONS,
    "study.withdrawn",
)
_FHIR_EVENT = choice(
    *_OF_ORDERS,
    "study.scheduled",
    "study.started",
    "study.available",
    "study.changed",
    *_OF_CORRECTIONS,
    "study.withdrawn",
)
_BY_NAME = (
    "Only events of these kinds; none given: all but those that are told by name only"
    " (study.first_image, match.decided, study.corrected, study.rejected, study.expired)."
)
_CORRECTIONS_BY_NAME = (
    "Only events of these kinds; none given: all but those that are told by name only"
    " (study.corrected, study.rejected, study.expired)."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewsDestination(Destination):
    """One that is told what happens to orders and studies, under conditions."""

    modalities: tuple[str, ...] = field(
        default=(),
        metadata=described(
            Values(NAME), "Only of steps or series of these modalities; none given: all."
        ),
    )
    order_sources: tuple[str, ...] = field(
        default=(),
        metadata=described(
            Values(TEXT),
            "Only of orders that these applications sent and of their studies (MSH-3, with MSH-4"
            " after a vertical bar where that matters); none given: all.",
        ),
    )
    locations: tuple[str, ...] = field(
        default=(),
        metadata=described(
            Values(TEXT), "Only of steps at these locations (0040,0011); none given: all."
        ),
    )
    told_by: str = field(
        default="",
        metadata=described(
            TEXT,
            "The application that the destination is itself (written likewise): what its own"
            " messages changed is not told to it again, but what was made of its orders is.",
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FhirDestination(NewsDestination):
    """A FHIR server that is told of studies."""

    kind: ClassVar[str] = "fhir"

    url: str = field(
        metadata=described(
            BASE_URL, "Base address of the server.", example="http://127.0.0.1:8090/fhir"
        )
    )
    version: str = field(
        default="R4", metadata=described(choice("R4", "R5"), "FHIR release the server speaks.")
    )
    token: Secret | None = field(
        default=None,
        metadata=described(Value(SECRET, optional=True), "Bearer token sent with each request."),
    )
    sign_in: SignIn = field(
        default_factory=SignIn,
        metadata=described(
            Section(SignIn), "How the bridge signs in, where a token is not enough."
        ),
    )
    profile: str = field(
        default="standard",
        metadata=described(
            NAME, "What kind of server it is: a file of `mappings/ehr`, without `.yaml`."
        ),
    )
    events: tuple[str, ...] = field(
        default=(),
        metadata=described(
            Values(_FHIR_EVENT),
            "Events it is told of; none given: study.started, study.available, study.changed,"
            " study.withdrawn. Those of orders write ServiceRequest.status and a Task for each"
            " step; `study.scheduled` writes the study as soon as its order is known.",
        ),
    )
    create_patient: bool = field(
        default=True,
        metadata=described(
            BOOLEAN,
            "Create a Patient that the server does not hold. `false`: the server owns its"
            " patients, and a study of an unknown one waits.",
        ),
    )
    update_patient: bool = field(
        default=False,
        metadata=described(
            BOOLEAN,
            "Write names and the like into the Patient the server holds, too: for servers whose"
            " patients come from the bridge. Needs `create_patient`.",
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Hl7Destination(NewsDestination):
    """A HIS or RIS that is told of orders and studies by HL7 v2 over MLLP."""

    kind: ClassVar[str] = "hl7"

    host: str = field(metadata=described(HOST, "Address of the receiver.", example=LOOPBACK))
    port: int = field(metadata=described(PORT, "Port of the receiver.", example="2576"))
    profile: str = field(
        default="orm-oru",
        metadata=described(
            NAME, "Outbound mapping profile: which messages are sent, and what stands in them."
        ),
    )
    version: str = field(
        default="",
        metadata=described(
            choice("2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.8"),
            "Version of HL7 v2 that the receiver speaks (MSH-12).",
            derived="the profile's",
        ),
    )
    character_set: str = field(
        default="UNICODE UTF-8",
        metadata=described(
            HL7_CHARACTER_SET,
            "Character set of the messages (MSH-18). What it does not have is transliterated.",
        ),
    )
    sending_application: str = field(default="BRIDGE", metadata=described(TEXT, "MSH-3."))
    sending_facility: str = field(
        default="", metadata=described(TEXT, "MSH-4.", derived="`site.name`")
    )
    receiving_application: str = field(
        default="",
        metadata=described(TEXT, "MSH-5; and `told_by`, unless that is given.", example="KIS"),
    )
    receiving_facility: str = field(default="", metadata=described(TEXT, "MSH-6."))
    processing_id: str = field(
        default="P", metadata=described(choice("P", "T", "D"), "Processing ID (MSH-11).")
    )
    events: tuple[str, ...] = field(
        default=(), metadata=described(Values(_HL7_EVENT), _CORRECTIONS_BY_NAME)
    )
    acknowledgement: str = field(
        default="original",
        metadata=described(
            choice("original", "accept", "application"),
            "`original`: one answer to each message. Enhanced mode: `accept` asks for the accept"
            " acknowledgement only (MSH-15 `AL`, MSH-16 `NE`), `application` for that of the"
            " application, too, on the same connection.",
        ),
    )
    answers: Answers = field(
        default_factory=Answers,
        metadata=described(Section(Answers), "What refusals lead to."),
    )
    connect_seconds: float = field(
        default=10.0, metadata=described(DURATION, "Longest wait for a connection.")
    )
    tls: ClientTls = field(
        default_factory=ClientTls, metadata=described(Section(ClientTls), "TLS.")
    )
    pass_on: PassOn = field(
        default_factory=PassOn,
        metadata=described(Section(PassOn), "Messages that are passed on as they came."),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class IanDestination(NewsDestination):
    """A RIS that is told of images by Instance Availability Notification."""

    kind: ClassVar[str] = "ian"

    ae_title: str = field(metadata=described(AE_TITLE, "AE title of the RIS.", example="RIS"))
    host: str = field(metadata=described(HOST, "Address of the RIS.", example=LOOPBACK))
    port: int = field(metadata=described(PORT, "Port of the RIS.", example="11114"))


@dataclass(frozen=True, slots=True, kw_only=True)
class MppsDestination(Destination):
    """A RIS that is told what modalities do, by MPPS as they sent it."""

    kind: ClassVar[str] = "mpps"

    ae_title: str = field(metadata=described(AE_TITLE, "AE title of the RIS.", example="RIS"))
    host: str = field(metadata=described(HOST, "Address of the RIS.", example=LOOPBACK))
    port: int = field(metadata=described(PORT, "Port of the RIS.", example="11115"))
    modalities: tuple[str, ...] = field(
        default=(),
        metadata=described(
            Values(NAME), "Only performed steps of these modalities; none given: all."
        ),
    )
    sources: tuple[str, ...] = field(
        default=(),
        metadata=described(
            Values(AE_TITLE), "Only what these AE titles reported; none given: all."
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookDestination(NewsDestination):
    """Any program that takes events as JSON by HTTP POST."""

    kind: ClassVar[str] = "webhook"

    url: str = field(
        metadata=described(
            HTTP_URL, "Address to post events to.", example="http://127.0.0.1:9000/events"
        )
    )
    secret: Secret | None = field(
        default=None,
        metadata=described(Value(SECRET, optional=True), "Key that signs each event (HMAC)."),
    )
    events: tuple[str, ...] = field(default=(), metadata=described(Values(_EVENT), _BY_NAME))


@dataclass(frozen=True, slots=True, kw_only=True)
class NatsDestination(NewsDestination):
    """A stream of events at a NATS JetStream broker, for whoever reads it there."""

    kind: ClassVar[str] = "nats"

    url: str = field(
        metadata=described(
            NATS_URL, "Address of the broker; `tls://` encrypts.", example="nats://127.0.0.1:4222"
        )
    )
    subject: str = field(
        default="bridge",
        metadata=described(
            NATS_SUBJECT,
            "First part of the subjects; an event's kind follows: `bridge.study.available`. A"
            " stream of the broker must take `bridge.>`.",
        ),
    )
    token: Secret | None = field(
        default=None, metadata=described(Value(SECRET, optional=True), "Token to connect with.")
    )
    user: str = field(default="", metadata=described(TEXT, "User to connect as."))
    password: Secret | None = field(
        default=None, metadata=described(Value(SECRET, optional=True), "Password of the user.")
    )
    credentials: Path | None = field(
        default=None,
        metadata=described(
            Value(PATH, optional=True), "File of credentials (JWT and NKey) to connect with."
        ),
    )
    ca_file: Path | None = field(
        default=None,
        metadata=described(
            Value(PATH, optional=True),
            "Certificates (PEM) that the broker's is checked against; empty: the system's.",
        ),
    )
    events: tuple[str, ...] = field(default=(), metadata=described(Values(_EVENT), _BY_NAME))


DESTINATION_KINDS: Mapping[str, type[Destination]] = {
    "fhir": FhirDestination,
    "hl7": Hl7Destination,
    "dicom_store": DicomStoreDestination,
    "ian": IanDestination,
    "stow": StowDestination,
    "mpps": MppsDestination,
    "webhook": WebhookDestination,
    "nats": NatsDestination,
}

"""The kinds of server that the bridge asks for orders, and what each of them needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from bridge.settings.addresses import BASE_URL, HOST, PORT
from bridge.settings.fhir_sign_in import SignIn
from bridge.settings.hl7 import MODE
from bridge.settings.schema import Section, Value, Values, described
from bridge.settings.standard_terms import AE_TITLE
from bridge.settings.terms import BOOLEAN, NAME, SECRET, TEXT, choice, integer, number
from bridge.settings.values import Secret

POLLED = (
    "ServiceRequest",
    "Task",
    "Appointment",
    "Encounter",
    "Patient",
    "ImagingStudy",
)
"""Types of resource that can be asked for; references lead to all others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderSource:
    """What every source has, beside its `kind`."""

    kind: ClassVar[str] = ""

    name: str = field(
        metadata=described(NAME, "Name of the source; its messages carry it.", example="ehr")
    )
    enabled: bool = field(
        default=True, metadata=described(BOOLEAN, "`false` asks nothing and takes no notification.")
    )
    mode: str = field(
        default="",
        metadata=described(
            MODE,
            "As `site.mode`, for orders from this source.",
            derived="that of its profile's options, else `site.mode`",
        ),
    )
    assigning_authority: str = field(
        default="",
        metadata=described(
            TEXT,
            "As `site.assigning_authority`, for what comes from this source.",
            derived="`site.assigning_authority`",
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FhirSource(OrderSource):
    """A FHIR server that is asked for orders, and may notify of them."""

    kind: ClassVar[str] = "fhir"

    url: str = field(
        metadata=described(
            BASE_URL, "Base address of the server.", example="http://127.0.0.1:8090/fhir"
        )
    )
    version: str = field(
        default="R4", metadata=described(choice("R4", "R5"), "FHIR release the server speaks.")
    )
    profile: str = field(
        default="",
        metadata=described(
            Value(NAME, optional=True),
            "Mapping profile that says which element means what.",
            derived="`fhir-r4` or `fhir-r5`, by `version`",
        ),
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
    notification_token: Secret | None = field(
        default=None,
        metadata=described(
            Value(SECRET, optional=True),
            "Bearer token that its notifications to `/fhir-notifications/NAME` must carry.",
        ),
    )
    timeout_seconds: float = field(
        default=30.0,
        metadata=described(number(0.1, 86_400, "seconds"), "Longest wait for an answer."),
    )
    poll_seconds: float = field(
        default=15.0,
        metadata=described(
            number(0.1, 86_400, "seconds"),
            "Wait between two questions. While the server fails it grows to five minutes.",
        ),
    )
    resources: tuple[str, ...] = field(
        default=("ServiceRequest",),
        metadata=described(
            Values(choice(*POLLED)),
            "Types of resource it is asked for. What they refer to is read with them. With `Task`,"
            " requests are read in two levels and with their steps.",
        ),
    )
    parameters: str = field(
        default="",
        metadata=described(
            Value(TEXT, optional=True),
            "Further search parameters for ServiceRequest, such as `category=363679005`.",
        ),
    )
    lookback_days: float = field(
        default=7.0,
        metadata=described(
            number(0, 36_500, "days"), "How far back the first question goes; later ones go on."
        ),
    )
    overlap_seconds: float = field(
        default=60.0,
        metadata=described(
            number(0, 86_400, "seconds"),
            "How far each question goes back before the last answer, for what was written late.",
        ),
    )
    page_size: int = field(
        default=100, metadata=described(integer(1, 10_000), "Resources asked for at one time.")
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveSource(OrderSource):
    """A PACS beside which the bridge stands: it is asked which studies it holds."""

    archive: str = field(
        default="",
        metadata=described(
            Value(NAME, optional=True),
            "What the PACS is called. Sources of one name tell of the same images.",
        ),
    )
    modalities: tuple[str, ...] = field(
        default=(),
        metadata=described(Values(NAME), "Only studies of these modalities; none given: all."),
    )
    timeout_seconds: float = field(
        default=30.0,
        metadata=described(number(0.1, 86_400, "seconds"), "Longest wait for an answer."),
    )
    poll_seconds: float = field(
        default=60.0,
        metadata=described(
            number(0.1, 86_400, "seconds"),
            "Wait between two questions. While the PACS fails it grows to five minutes.",
        ),
    )
    lookback_days: int = field(
        default=7,
        metadata=described(
            integer(0, 36_500, "days"),
            "How far back, by study date, the first question and each recheck go.",
        ),
    )
    overlap_days: int = field(
        default=1,
        metadata=described(
            integer(0, 36_500, "days"),
            "How far back each question goes, for studies that are late, grow or go.",
        ),
    )
    recheck_hours: float = field(
        default=24.0,
        metadata=described(
            number(0, 8_760, "hours"), "Once in how long all of `lookback_days` is asked again."
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DicomQuerySource(ArchiveSource):
    """A PACS that is asked by C-FIND, and may notify of studies (IAN) under its AE title."""

    kind: ClassVar[str] = "dicom_query"

    ae_title: str = field(metadata=described(AE_TITLE, "AE title of the PACS.", example="PACS"))
    host: str = field(metadata=described(HOST, "Address of the PACS.", example="127.0.0.1"))
    port: int = field(metadata=described(PORT, "Port of the PACS.", example="4242"))
    retrieve_url: str = field(
        default="",
        metadata=described(
            BASE_URL,
            "Base address of its DICOMweb service, under which its studies are published.",
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class QidoSource(ArchiveSource):
    """A PACS that is asked over QIDO-RS."""

    kind: ClassVar[str] = "qido"

    url: str = field(
        metadata=described(
            BASE_URL,
            "Base address of its DICOMweb service.",
            example="http://127.0.0.1:8042/dicom-web",
        )
    )
    token: Secret | None = field(
        default=None,
        metadata=described(Value(SECRET, optional=True), "Bearer token sent with each request."),
    )
    retrieve_url: str = field(
        default="",
        metadata=described(
            BASE_URL, "Base address under which its studies are published.", derived="`url`"
        ),
    )


SOURCE_KINDS: Mapping[str, type[OrderSource]] = {
    "fhir": FhirSource,
    "dicom_query": DicomQuerySource,
    "qido": QidoSource,
}

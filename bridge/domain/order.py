"""The order, in DICOM's model: Imaging Service Request → Requested Procedure → Procedure Step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from bridge.domain.identifiers import Identifier
from bridge.domain.patient import Attributes, PatientDetails
from bridge.domain.step_history import History
from bridge.domain.step_status import StepStatus
from bridge.domain.visit import NO_NUMBERS, VisitNumbers


@dataclass(frozen=True, slots=True)
class CodedConcept:
    """Code Value, Coding Scheme Designator and Code Meaning (PS3.3 8.8; HL7 CE/CWE)."""

    value: str
    scheme: str = ""
    meaning: str = ""


class Category(StrEnum):
    """What kind of service a message orders; only imaging ever reaches a worklist."""

    IMAGING = "imaging"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepDetails:
    """What a message says of one Scheduled Procedure Step. Empty means: not said.

    `start_date` and `start_time` are DA and TM in the site's time zone. No station AE title means
    any station of the modality (HL7 v2 IPC-7…9).
    """

    sps_id: str = ""
    modality: str = ""
    station_ae_titles: tuple[str, ...] = ()
    start_date: str = ""
    start_time: str = ""
    protocol_codes: tuple[CodedConcept, ...] = ()
    attributes: Attributes = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcedureDetails:
    """What a message says of one Requested Procedure and all its steps."""

    rp_id: str = ""
    study_instance_uid: str = ""
    code: CodedConcept | None = None
    attributes: Attributes = field(default_factory=dict)
    steps: tuple[StepDetails, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderNumbers:
    """The numbers an order is known by, each with the authority that assigned it."""

    accession: Identifier | None = None
    placer: Identifier | None = None
    filler: Identifier | None = None

    def __bool__(self) -> bool:
        return bool(self.accession or self.placer or self.filler)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderReceived:
    """One order group of a message: what the sender wants done (ORC-1) and how things stand.

    `control` is ORC-1, `status` OBR-25 or else ORC-5. `occurred_at` orders events of one order
    (MSH-7, else ORC-9; `YYYYMMDDHHMMSS` in UTC, empty when the sender gave none). `location` is
    where the group stands in the message, for errors: `ORC^2`. `sources` tells for each keyword
    which field or rule its value came from. `visit` is what the patient's visit is known by.
    """

    control: str
    status: str = ""
    category: Category = Category.IMAGING
    patient: PatientDetails
    numbers: OrderNumbers
    attributes: Attributes = field(default_factory=dict)
    procedures: tuple[ProcedureDetails, ...] = ()
    visit: VisitNumbers = NO_NUMBERS
    occurred_at: str = ""
    location: str = "ORC^1"
    sources: Mapping[str, str] = field(default_factory=dict)
    replaces: tuple[OrderNumbers, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A Scheduled Procedure Step as held.

    `history` is what happened to it, `scheduled_at` the time (UTC) of the newest word on when and
    where it takes place.
    """

    pk: int
    sps_id: str
    status: StepStatus
    modality: str
    station_ae_titles: tuple[str, ...]
    start_date: str
    start_time: str
    protocol_codes: tuple[CodedConcept, ...]
    attributes: Attributes
    history: History = ()
    scheduled_at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Procedure:
    """A Requested Procedure as held; `occurred_at` is the time (UTC) of its newest snapshot."""

    pk: int
    rp_id: str
    study_instance_uid: str
    code: CodedConcept | None
    attributes: Attributes
    steps: tuple[Step, ...]
    occurred_at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An Imaging Service Request as held. `held_reason` is empty unless something is missing.

    `visit` is what moves with the account or the visit it was placed in. `flag` is what somebody
    has to look at, though the order stands: its visit was cancelled. `named_as` is the identifier
    its first message knew the patient by; `former_patient_ids` are those of patients it was moved
    away from (ADT A43–A45), which its images still carry.
    """

    pk: int
    patient_pk: int
    numbers: OrderNumbers
    attributes: Attributes
    procedures: tuple[Procedure, ...]
    source: str
    occurred_at: str
    held_reason: str = ""
    replaces: tuple[int, ...] = ()
    visit: VisitNumbers = NO_NUMBERS
    flag: str = ""
    named_as: Identifier | None = None
    former_patient_ids: tuple[Identifier, ...] = ()

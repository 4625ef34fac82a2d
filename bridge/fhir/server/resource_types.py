"""The types of resource that are served: one table for the router, the search and the statement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bridge.fhir.server.parameters import (
    Meaning,
    Parameter,
    date,
    identifier,
    reference,
    text,
    token,
    whose,
)
from bridge.fhir.server.statuses import (
    APPOINTMENT_STATUS,
    ENCOUNTER_STATUS,
    ORDER_STATUS,
    TASK_STATUS,
    codes_of,
)
from bridge.services.find_records import RecordKind


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceType:
    """A type: what it is here, what finds it, what can be taken along.

    `includes` are names of its reference parameters, `revincludes` are `Type:parameter` of others.
    `deletion` says what a DELETE does.
    """

    name: str
    doc: str
    parameters: tuple[Parameter, ...]
    kind: RecordKind | None = None
    deletion: str = "The resource is gone; its versions stay."
    revincludes: tuple[str, ...] = ()

    @property
    def includes(self) -> tuple[str, ...]:
        """The reference parameters, which `_include` may follow."""
        return tuple(p.name for p in self.parameters if p.targets)

    def parameter(self, name: str) -> Parameter | None:
        """The parameter of this name."""
        return next((each for each in self.parameters if each.name == name), None)


_GENDERS = {"male": ("M",), "female": ("F",), "other": ("O",), "unknown": ("U",)}
_CLASSES = {
    "IMP": ("I",),
    "ACUTE": ("I",),
    "AMB": ("O",),
    "EMER": ("E",),
    "PRENC": ("P",),
}
_ACCESSION = token(
    "accession",
    "identifier",
    doc="The accession number (identifier of type ACSN)",
    meaning=Meaning.IDENTIFIER,
)
_PERSON = (
    text("name", "name", doc="Any part of the name"),
    text("family", "name.family", doc="The family name"),
    text("given", "name.given", doc="A given name"),
)
_PATIENT = ResourceType(
    name="Patient",
    doc="Patients, whoever told of them; one that was merged leads to its survivor",
    kind=RecordKind.PATIENT,
    deletion="The patient is removed; refused while orders, visits or studies hang on it.",
    parameters=(
        identifier("Any identifier the patient has or had"),
        text("name", "name", doc="Any part of the name, without accents", field="name"),
        text(
            "family",
            "name.family",
            doc="The family name",
            field="name",
            meaning=Meaning.FAMILY_NAME,
        ),
        text("given", "name.given", doc="A given name", field="name", meaning=Meaning.GIVEN_NAME),
        date(
            "birthdate",
            "birthDate",
            doc="The day of birth",
            field="birth_date",
            meaning=Meaning.DAY,
        ),
        token("gender", "gender", doc="The administrative gender", field="sex", codes=_GENDERS),
    ),
    revincludes=(
        "ServiceRequest:patient",
        "Task:patient",
        "Appointment:patient",
        "ImagingStudy:patient",
        "Encounter:patient",
    ),
)
_SERVICE_REQUEST = ResourceType(
    name="ServiceRequest",
    doc="Orders: one for each imaging service request, by HL7 or FHIR",
    kind=RecordKind.ORDER,
    deletion="The order is cancelled; refused once the examination has begun.",
    parameters=(
        identifier("Placer, filler and accession number, and what else it was sent with"),
        _ACCESSION,
        *whose("subject"),
        token(
            "status",
            "status",
            doc="How the order stands",
            field="state",
            codes=codes_of(ORDER_STATUS),
        ),
        token("intent", "intent", doc="`order` for what came by HL7", always=("order",)),
        token("code", "code", doc="The requested procedure", field="code", meaning=Meaning.CODE),
        date(
            "authored",
            "authoredOn",
            doc="When it was ordered; by HL7: when it was received",
            field="received_at",
            meaning=Meaning.UNIX_TIME,
        ),
        date(
            "occurrence",
            "occurrenceDateTime",
            "occurrencePeriod",
            doc="When it is to take place",
            field="start",
        ),
        token(
            "category",
            "category",
            doc="The category; imaging for what came by HL7",
            always=("363679005",),
        ),
        token("priority", "priority", doc="The priority, of what came by FHIR"),
        token("requisition", "requisition", doc="The group, of what came by FHIR"),
        reference(
            "based-on", "basedOn", targets=("ServiceRequest",), doc="The order that it is part of"
        ),
        reference("encounter", "encounter", targets=("Encounter",), doc="The visit"),
        reference(
            "requester",
            "requester",
            doc="Who asks for it",
            targets=("Practitioner", "PractitionerRole", "Organization"),
        ),
    ),
    revincludes=(
        "Task:based-on",
        "Task:focus",
        "Appointment:based-on",
        "ImagingStudy:basedon",
        "ServiceRequest:based-on",
    ),
)
_TASK = ResourceType(
    name="Task",
    doc="Scheduled procedure steps",
    kind=RecordKind.STEP,
    deletion="The step is cancelled.",
    parameters=(
        identifier("The Scheduled Procedure Step ID, and what else it was sent with"),
        _ACCESSION,
        *whose("for"),
        token(
            "status",
            "status",
            doc="How the step stands",
            field="status",
            codes=codes_of(TASK_STATUS),
        ),
        token("intent", "intent", doc="`order` for what came by HL7", always=("order",)),
        token("code", "code", doc="The procedure", field="code", meaning=Meaning.CODE),
        token(
            "modality",
            "input.valueCoding",
            "input.valueCodeableConcept",
            doc="The modality of the step",
            field="modality",
        ),
        date(
            "period",
            "executionPeriod",
            "restriction.period",
            doc="When it is to take place, or takes place",
            field="start",
        ),
        date(
            "authored-on",
            "authoredOn",
            doc="When it was ordered",
            field="received_at",
            meaning=Meaning.UNIX_TIME,
        ),
        reference(
            "based-on", "basedOn", targets=("ServiceRequest",), doc="Its order", field="order"
        ),
        reference("focus", "focus", targets=("ServiceRequest",), doc="Its order", field="order"),
        reference(
            "owner",
            "owner",
            doc="Who performs it",
            targets=("Practitioner", "PractitionerRole", "Organization", "Device"),
        ),
    ),
)
_APPOINTMENT = ResourceType(
    name="Appointment",
    doc="When and where examinations take place",
    kind=RecordKind.APPOINTMENT,
    deletion="The appointment is cancelled.",
    parameters=(
        identifier("The numbers of placer and filler"),
        *whose("participant.actor"),
        token(
            "status",
            "status",
            doc="How the appointment stands",
            field="status",
            codes=codes_of(APPOINTMENT_STATUS),
        ),
        date("date", "start", doc="When it begins", field="start"),
        reference(
            "based-on", "basedOn", targets=("ServiceRequest",), doc="The orders", field="order"
        ),
        reference(
            "actor",
            "participant.actor",
            doc="Who takes part",
            targets=("Patient", "Practitioner", "Location", "Device"),
        ),
    ),
)
_IMAGING_STUDY = ResourceType(
    name="ImagingStudy",
    doc="Studies that are matched to their orders, and such as were announced",
    kind=RecordKind.STUDY,
    deletion="What was announced is taken back; images that were received stay.",
    parameters=(
        identifier("The Study Instance UID (urn:dicom:uid) or the accession number"),
        _ACCESSION,
        *whose("subject"),
        token("status", "status", doc="`available` once images are held", always=("available",)),
        token(
            "modality",
            "series.modality",
            "modality",
            doc="A modality of its series",
            field="modality",
        ),
        token("series", "series.uid", doc="A Series Instance UID", field="series"),
        token("instance", "series.instance.uid", doc="A SOP Instance UID", field="instance"),
        date("started", "started", doc="When it began", field="started"),
        reference(
            "basedon",
            "basedOn",
            targets=("ServiceRequest", "Task", "Appointment"),
            doc="The orders it was done for",
            field="order",
        ),
        reference("endpoint", "endpoint", targets=("Endpoint",), doc="Where the images are"),
    ),
)
_ENCOUNTER = ResourceType(
    name="Encounter",
    doc="Visits",
    kind=RecordKind.VISIT,
    deletion="The visit is cancelled.",
    parameters=(
        identifier("The visit number or the account"),
        *whose("subject"),
        token(
            "status",
            "status",
            doc="How the visit stands",
            field="status",
            codes=codes_of(ENCOUNTER_STATUS),
        ),
        token("class", "class", doc="The class of patient", field="patient_class", codes=_CLASSES),
        date("date", "period", "actualPeriod", doc="The period, of what came by FHIR"),
    ),
    revincludes=("ServiceRequest:encounter",),
)
_PRACTITIONER = ResourceType(
    name="Practitioner", doc="People whom clients told of", parameters=(identifier(), *_PERSON)
)
_ROLE = ResourceType(
    name="PractitionerRole",
    doc="Roles that clients told of",
    parameters=(
        identifier(),
        reference("practitioner", "practitioner", targets=("Practitioner",), doc="Who has it"),
        reference("organization", "organization", targets=("Organization",), doc="Where"),
    ),
)
_ORGANIZATION = ResourceType(
    name="Organization",
    doc="Organizations that clients told of",
    parameters=(identifier(), text("name", "name", "alias", doc="The name")),
)
_LOCATION = ResourceType(
    name="Location",
    doc="Places that clients told of",
    parameters=(identifier(), text("name", "name", "alias", doc="The name")),
)
_DEVICE = ResourceType(
    name="Device",
    doc="Devices that clients told of; stations by AE title",
    parameters=(
        identifier(),
        text("device-name", "deviceName.name", "name.value", doc="The name, or the AE title"),
        token("status", "status", doc="The status"),
    ),
)
_ENDPOINT = ResourceType(
    name="Endpoint",
    doc="Where images can be had: our WADO-RS, and such as clients told of",
    parameters=(
        identifier(),
        token("status", "status", doc="The status"),
        token("connection-type", "connectionType", doc="The protocol"),
        text("name", "name", doc="The name"),
    ),
    revincludes=("ImagingStudy:endpoint",),
)

# What requests refer to as supporting information: kept for it, and found by whom it is about.
_SUPPORTING = tuple(
    ResourceType(
        name=name,
        doc="What requests refer to, as clients told of it",
        parameters=(
            identifier(),
            *whose(path, field=""),
            token("code", "code", doc="What it is about"),
        ),
    )
    for name, path in (
        ("Observation", "subject"),
        ("Condition", "subject"),
        ("Flag", "subject"),
        ("AllergyIntolerance", "patient"),
    )
)

TYPES: Mapping[str, ResourceType] = {
    each.name: each
    for each in (
        _PATIENT,
        _SERVICE_REQUEST,
        _TASK,
        _APPOINTMENT,
        _IMAGING_STUDY,
        _ENCOUNTER,
        _PRACTITIONER,
        _ROLE,
        _ORGANIZATION,
        _LOCATION,
        _DEVICE,
        _ENDPOINT,
        *_SUPPORTING,
    )
}
TYPE_OF_KIND: Mapping[RecordKind, str] = {
    each.kind: each.name for each in TYPES.values() if each.kind is not None
}

# What every type is found by besides its own parameters.
EVERYWHERE: tuple[Parameter, ...] = (
    token("_id", "id", doc="The logical id"),
    date("_lastUpdated", doc="When it changed last", field="updated_at", meaning=Meaning.UNIX_TIME),
)
# Parameters that shape the answer.
RESULT_PARAMETERS: Mapping[str, str] = {
    "_count": "Most resources of a page",
    "_sort": "`_lastUpdated` or `-_lastUpdated`, `_id`",
    "_total": "`none`, `estimate` or `accurate`; without it the first page says it up to 1000",
    "_summary": "`true`, `data`, `text`, `count` or `false`",
    "_elements": "Elements wanted",
    "_include": "References to follow; `:iterate` follows those of what was taken along, too",
    "_revinclude": "Resources to take along that refer to what was found",
    "_format": "JSON",
    "_pretty": "Indented for people",
    "_cursor": "Where a page begins: taken from the links, not made",
}

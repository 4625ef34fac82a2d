"""A worklist entry as the bytes of its answer: everything of PS3.4 Table K.6-1 that is known.

Encoding happens inside each order's transaction, once, instead of at each query.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import lru_cache

from bridge.dicom.attributes import (
    Attribute,
    Element,
    attribute,
    attributes,
    element,
    item,
    sequence,
    text,
)
from bridge.domain.errors import DataTypeError, RequiredFieldMissing
from bridge.domain.identifiers import Authority, Identifier
from bridge.domain.order import CodedConcept
from bridge.domain.patient import Attributes
from bridge.domain.scheduling import DURATION, end_of
from bridge.domain.worklist import WorklistEntry, WorklistItem

_UNSIGNED_SHORT = struct.Struct("<H").pack
_LONGEST_CODE_VALUE = 16
# A site orders the same codes, of the same few authorities, again and again: their items are kept.
_LONGEST_KEPT = 200

# What messages may say of each level, beyond what has a field of its own in the domain. A visit's
# attributes come with the patient or with the order, so both are looked up in one table.
_PATIENT_AND_VISIT = attributes(
    "PatientName",
    "PatientBirthDate",
    "PatientBirthTime",
    "PatientSex",
    "OtherPatientNames",
    "PatientBirthName",
    "PatientSize",
    "PatientWeight",
    "PatientAddress",
    "PatientMotherBirthName",
    "PatientTelephoneNumbers",
    "EthnicGroup",
    "MedicalAlerts",
    "Allergies",
    "AdditionalPatientHistory",
    "PatientComments",
    "PatientState",
    "SpecialNeeds",
    "ConfidentialityConstraintOnPatientDataDescription",
    "AdmissionID",
    "CurrentPatientLocation",
    "PatientInstitutionResidence",
    "ReferringPhysicianName",
    "RequestingPhysician",
    "RequestingService",
    "ReasonForTheImagingServiceRequest",
    "IssueDateOfImagingServiceRequest",
    "IssueTimeOfImagingServiceRequest",
    "OrderEnteredBy",
    "OrderEntererLocation",
    "OrderCallbackPhoneNumber",
    "ImagingServiceRequestComments",
)
_PROCEDURE = attributes(
    "RequestedProcedureDescription",
    "RequestedProcedurePriority",
    "PatientTransportArrangements",
    "ReasonForTheRequestedProcedure",
    "RequestedProcedureComments",
    "RequestedProcedureLocation",
    "ConfidentialityCode",
    "NamesOfIntendedRecipientsOfResults",
    "ReportingPriority",
    "WorklistLabel",
)
_STEP = attributes(
    "ScheduledProcedureStepDescription",
    "ScheduledStationName",
    "ScheduledProcedureStepLocation",
    "ScheduledPerformingPhysicianName",
    "ScheduledProcedureStepEndDate",
    "ScheduledProcedureStepEndTime",
    "PreMedication",
    "RequestedContrastAgent",
    "CommentsOnTheScheduledProcedureStep",
    "BodyPartExamined",
)

_PATIENT_ID = attribute("PatientID")
_ISSUER_OF_PATIENT_ID = attribute("IssuerOfPatientID")
_QUALIFIERS = attribute("IssuerOfPatientIDQualifiersSequence")
_TYPE_OF_PATIENT_ID = attribute("TypeOfPatientID")
_OTHER_PATIENT_IDS = attribute("OtherPatientIDsSequence")
_PREGNANCY = attribute("PregnancyStatus")
_ACCESSION = attribute("AccessionNumber")
_ACCESSION_ISSUER = attribute("IssuerOfAccessionNumberSequence")
_PLACER = attribute("PlacerOrderNumberImagingServiceRequest")
_PLACER_ISSUER = attribute("OrderPlacerIdentifierSequence")
_FILLER = attribute("FillerOrderNumberImagingServiceRequest")
_FILLER_ISSUER = attribute("OrderFillerIdentifierSequence")
_NAMESPACE = attribute("LocalNamespaceEntityID")
_UNIVERSAL_ID = attribute("UniversalEntityID")
_UNIVERSAL_ID_TYPE = attribute("UniversalEntityIDType")
_STUDY_UID = attribute("StudyInstanceUID")
_RP_ID = attribute("RequestedProcedureID")
_RP_DESCRIPTION = attribute("RequestedProcedureDescription")
_RP_CODES = attribute("RequestedProcedureCodeSequence")
_STEPS = attribute("ScheduledProcedureStepSequence")
_MODALITY = attribute("Modality")
_STATIONS = attribute("ScheduledStationAETitle")
_START_DATE = attribute("ScheduledProcedureStepStartDate")
_START_TIME = attribute("ScheduledProcedureStepStartTime")
_END_DATE = attribute("ScheduledProcedureStepEndDate")
_END_TIME = attribute("ScheduledProcedureStepEndTime")
_SPS_ID = attribute("ScheduledProcedureStepID")
_SPS_STATUS = attribute("ScheduledProcedureStepStatus")
_SPS_DESCRIPTION = attribute("ScheduledProcedureStepDescription")
_PROTOCOL_CODES = attribute("ScheduledProtocolCodeSequence")
_CODE_VALUE = attribute("CodeValue")
_LONG_CODE_VALUE = attribute("LongCodeValue")
_SCHEME = attribute("CodingSchemeDesignator")
_MEANING = attribute("CodeMeaning")


class WorklistCodec:
    """The services' `WorklistEncoder`."""

    def encode(self, entry: WorklistEntry) -> WorklistItem:
        """Encode what is known of an entry; what is unknown is left out.

        Without a station AE title (0040,0001) is empty, and `worklist_answer` fills it.

        Raises:
            RequiredFieldMissing: a type 1 attribute would be empty.
            DataTypeError: an identifier is longer than its VR allows.
        """
        elements = [*_patient(entry), *_order(entry), *_procedure(entry), _steps(entry)]
        elements.sort()
        return WorklistItem(
            step_pk=entry.step.pk,
            encoded=b"".join([written for _, written in elements]),
            ascii_only=all([spoken.isascii() for spoken in _spoken(entry)]),
            any_station=not entry.step.station_ae_titles,
        )


def _patient(entry: WorklistEntry) -> list[Element]:
    patient = entry.patient
    if not patient.identifiers:
        raise RequiredFieldMissing("a worklist entry cannot do without PatientID")
    if not patient.attributes.get("PatientName"):
        raise RequiredFieldMissing("a worklist entry cannot do without PatientName")
    first, *others = patient.identifiers
    elements = [
        *_texts(patient.attributes, _PATIENT_AND_VISIT),
        *_patient_identifier(first),
    ]
    if others:
        items = [item([*_patient_identifier(i), *_type(i)]) for i in others]
        elements.append(sequence(_OTHER_PATIENT_IDS, items))
    pregnancy = patient.attributes.get("PregnancyStatus", "")
    if pregnancy.isdecimal() and pregnancy.isascii():
        elements.append(element(_PREGNANCY, _UNSIGNED_SHORT(int(pregnancy) & 0xFFFF)))
    return elements


def _patient_identifier(identifier: Identifier) -> list[Element]:
    authority = identifier.authority
    elements = [_identifier(_PATIENT_ID, identifier.value)]
    if authority.namespace:
        elements.append(text(_ISSUER_OF_PATIENT_ID, authority.namespace))
    if authority.universal_id:
        elements.append(sequence(_QUALIFIERS, [item(_universal(authority))]))
    return elements


def _type(identifier: Identifier) -> list[Element]:
    # Every code of HL7 table 0203 is of an identifier that is typed or printed (PS3.3 C.2-1).
    return [text(_TYPE_OF_PATIENT_ID, "TEXT")] if identifier.type_code else []


def _order(entry: WorklistEntry) -> list[Element]:
    order, numbers = entry.order, entry.order.numbers
    patient = entry.patient.attributes
    said = {k: value for k, value in order.attributes.items() if k not in patient}
    elements = _texts(said, _PATIENT_AND_VISIT)
    for identifier, number, issuer in (
        (numbers.accession, _ACCESSION, _ACCESSION_ISSUER),
        (numbers.placer, _PLACER, _PLACER_ISSUER),
        (numbers.filler, _FILLER, _FILLER_ISSUER),
    ):
        if identifier is not None and identifier.value:
            elements.append(_identifier(number, identifier.value))
            if identifier.authority:
                elements.append(sequence(issuer, [_entity_item(identifier.authority)]))
    return elements


def _procedure(entry: WorklistEntry) -> list[Element]:
    procedure = entry.procedure
    elements = [
        *_texts(procedure.attributes, _PROCEDURE),
        _identifier(_STUDY_UID, procedure.study_instance_uid),
        _identifier(_RP_ID, procedure.rp_id),
    ]
    if procedure.code is not None:
        elements.append(sequence(_RP_CODES, [_code(procedure.code)]))
    if not procedure.attributes.get("RequestedProcedureDescription"):
        # 1C: not needed beside the code, but some consoles show nothing else.
        elements.append(_required(_RP_DESCRIPTION, _meaning(procedure.code)))
    return elements


def _steps(entry: WorklistEntry) -> Element:
    """Write the Scheduled Procedure Step Sequence: exactly one item per answer (K.6.1.2.2)."""
    step = entry.step
    elements = [
        *_texts(step.attributes, _STEP),
        _required(_MODALITY, step.modality.upper()),
        _required(_START_DATE, step.start_date),
        text(_START_TIME, step.start_time or "000000"),
        _identifier(_SPS_ID, step.sps_id),
        text(_SPS_STATUS, step.status.value),
        # Empty when any station may do it: the answer names the one that asks.
        text(_STATIONS, "\\".join(step.station_ae_titles)),
    ]
    if step.protocol_codes:
        elements.append(sequence(_PROTOCOL_CODES, [_code(c) for c in step.protocol_codes]))
    if DURATION in step.attributes:
        for end, value in zip((_END_DATE, _END_TIME), end_of(step), strict=True):
            elements += [text(end, value)] if value else []
    if not step.attributes.get("ScheduledProcedureStepDescription"):
        elements.append(_required(_SPS_DESCRIPTION, _protocol(entry)))
    return sequence(_STEPS, [item(elements)])


def _protocol(entry: WorklistEntry) -> str:
    """Describe a step by its protocol, else by its procedure."""
    codes = entry.step.protocol_codes
    described = entry.procedure.attributes.get("RequestedProcedureDescription", "")
    return (_meaning(codes[0]) if codes else described) or _meaning(entry.procedure.code)


def _meaning(code: CodedConcept | None) -> str:
    return (code.meaning or code.value) if code else ""


def _texts(said: Attributes, known: dict[str, Attribute]) -> list[Element]:
    elements = []
    for keyword, value in said.items():
        attribute = known.get(keyword)
        if attribute is not None and (cleaned := attribute.clean(value)):
            elements.append(element(attribute, cleaned.encode()))
    return elements


def _required(attribute: Attribute, value: str) -> Element:
    cleaned = attribute.clean(value)
    if not cleaned:
        raise RequiredFieldMissing(f"a worklist entry cannot do without {attribute.name}")
    return element(attribute, cleaned.encode())


def _identifier(attribute: Attribute, value: str) -> Element:
    """Write an identifier whole: cut short it would be another identifier."""
    if len(value) > attribute.limit:
        raise DataTypeError(
            f"the identifier for {attribute.name} is longer than {attribute.limit} characters"
        )
    return _required(attribute, value)


def _entity_item(authority: Authority) -> bytes:
    length = len(authority.namespace) + len(authority.universal_id)
    return _kept_entity_item(authority) if length <= _LONGEST_KEPT else item(_entity(authority))


@lru_cache(maxsize=1024)
def _kept_entity_item(authority: Authority) -> bytes:
    return item(_entity(authority))


def _entity(authority: Authority) -> list[Element]:
    """Write the HL7v2 Hierarchic Designator Macro (PS3.3 table 10-17)."""
    namespace = [text(_NAMESPACE, authority.namespace)] if authority.namespace else []
    return namespace + (_universal(authority) if authority.universal_id else [])


def _universal(authority: Authority) -> list[Element]:
    return [
        text(_UNIVERSAL_ID, authority.universal_id),
        text(_UNIVERSAL_ID_TYPE, authority.universal_id_type or "ISO"),
    ]


def _code(code: CodedConcept) -> bytes:
    length = len(code.value) + len(code.meaning) + len(code.scheme)
    return _kept_code(code) if length <= _LONGEST_KEPT else _write_code(code)


@lru_cache(maxsize=4096)
def _kept_code(code: CodedConcept) -> bytes:
    return _write_code(code)


def _write_code(code: CodedConcept) -> bytes:
    """Write the Code Sequence Macro (PS3.3 table 8.8-1); codes over 16 characters are Long ones."""
    is_long = len(code.value) > _LONGEST_CODE_VALUE
    elements = [
        text(_LONG_CODE_VALUE if is_long else _CODE_VALUE, code.value),
        text(_MEANING, _meaning(code)),
    ]
    if code.scheme:
        elements.append(text(_SCHEME, code.scheme))
    return item(elements)


def _spoken(entry: WorklistEntry) -> Iterator[str]:
    """Give every text of the entry that a character set may have to carry."""
    order, procedure, step = entry.order, entry.procedure, entry.step
    yield from entry.patient.attributes.values()
    yield from order.attributes.values()
    yield from procedure.attributes.values()
    yield from step.attributes.values()
    numbers = (order.numbers.accession, order.numbers.placer, order.numbers.filler)
    for identifier in (*entry.patient.identifiers, *numbers):
        if identifier is not None:
            yield identifier.value
            yield identifier.authority.namespace
    for code in (procedure.code, *step.protocol_codes):
        if code is not None:
            yield code.value
            yield code.meaning
            yield code.scheme
    yield procedure.rp_id
    yield step.sps_id

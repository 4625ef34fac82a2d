"""Images as their order says they are: the data set changed, what was replaced kept in it.

Original Attributes Sequence (0400,0561; PS3.3 C.12.1.1.9) holds every value that was replaced, who
replaced it and when. Pixel data and everything else stay byte for byte.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from datetime import datetime

from pydicom.dataset import Dataset

from bridge.dicom.charsets import character_set
from bridge.dicom.rewriting import with_header
from bridge.dicom.stored_file import StoredFile
from bridge.domain.coercion import OF_A_PERSON, Coercion, Reason, RequestItem
from bridge.domain.identifiers import Authority, Identifier
from bridge.domain.order import CodedConcept
from bridge.services.content import Content

_UTF8 = "ISO_IR 192"
_LONGEST_CODE_VALUE = 16
_LONGEST_SH, _LONGEST_LO = 16, 64
_ALWAYS_THERE = frozenset(
    {"PatientBirthDate", "PatientSex", "AccessionNumber", "ReferringPhysicianName"}
)
"""Type 2 of the Patient and General Study Modules (PS3.3 C.7.1.1, C.7.2.1)."""


class ImageCoercion:
    """Makes DICOM files say what their orders say. `system` names who changed them."""

    def __init__(self, system: str) -> None:
        self._system = system

    def apply(self, content: Content, coercion: Coercion, at: datetime) -> Content:
        """Give the file with what differs replaced; the very content when nothing does.

        `at` is the time of the change that is recorded, the same for the same change.

        Raises UnreadableFile, and what reading the content does.
        """
        stored = StoredFile(content)
        dataset = stored.header
        _widen_character_set(dataset, coercion)
        replaced, values = Dataset(), _values(dataset, coercion)
        for keyword in _stale(dataset, coercion):
            if keyword not in values:
                _clear(dataset, replaced, keyword)
        for keyword, value in values.items():
            _put(dataset, replaced, keyword, value)
        if coercion.requests:  # matched to nothing, they keep what the modality says
            _put_requests(dataset, replaced, coercion.requests)
        if not len(replaced):
            return content
        dataset.OriginalAttributesSequence = [
            *dataset.get("OriginalAttributesSequence", ()),
            self._original(replaced, at, coercion.reason),
        ]
        return with_header(stored, dataset)

    def _original(self, replaced: Dataset, at: datetime, reason: Reason) -> Dataset:
        item = Dataset()
        item.ModifiedAttributesSequence = [replaced]
        item.AttributeModificationDateTime = at.strftime("%Y%m%d%H%M%S%z")
        item.ModifyingSystem = self._system[:_LONGEST_LO]
        item.SourceOfPreviousValues = ""
        item.ReasonForTheAttributeModification = reason.value
        return item


def _carried(dataset: Dataset) -> Identifier | None:
    value, issuer = (_text(dataset.get(each)) for each in ("PatientID", "IssuerOfPatientID"))
    return Identifier(value, Authority(issuer)) if value else None


def _carried_accession(dataset: Dataset) -> Identifier | None:
    value = _text(dataset.get("AccessionNumber"))
    return Identifier(value) if value else None


def _stale(dataset: Dataset, coercion: Coercion) -> list[str]:
    """What stands there of another patient, order or visit, and is not replaced by anything."""
    stale = [*OF_A_PERSON] if coercion.is_anothers(_carried(dataset)) else []
    carried = _carried_accession(dataset)
    ordered = coercion.accession_for(carried)
    if carried is not None and (ordered is None or ordered.value != carried.value):
        stale += ["AccessionNumber", "IssuerOfAccessionNumberSequence"]
    if coercion.attributes.get("AdmissionID", _text(dataset.get("AdmissionID"))) != _text(
        dataset.get("AdmissionID")
    ):
        stale.append("IssuerOfAdmissionIDSequence")
    return [keyword for keyword in dict.fromkeys(stale) if keyword in dataset]


def _clear(dataset: Dataset, replaced: Dataset, keyword: str) -> None:
    """Say nothing any more, and keep what was said; what must be there stays there, empty."""
    if dataset[keyword].is_empty:
        return
    replaced.add(copy(dataset[keyword]))
    if keyword in _ALWAYS_THERE:
        setattr(dataset, keyword, "")
    else:
        delattr(dataset, keyword)


def _values(dataset: Dataset, coercion: Coercion) -> dict[str, object]:
    """What each attribute of patient and study is to be; sequences as lists of items."""
    authority = coercion.patient_id.authority
    values: dict[str, object] = {
        **{k: text for k, text in coercion.filled.items() if not _text(dataset.get(k))},
        **coercion.attributes,
        "PatientID": coercion.patient_id.value,
        "IssuerOfPatientID": authority.namespace or authority.universal_id,
    }
    if authority.universal_id:
        values["IssuerOfPatientIDQualifiersSequence"] = [_qualifiers(authority)]
    if coercion.other_patient_ids:
        values["OtherPatientIDsSequence"] = [_other(each) for each in coercion.other_patient_ids]
    if coercion.accession is not None:
        values["AccessionNumber"] = coercion.accession.value
        if coercion.accession.authority:
            values["IssuerOfAccessionNumberSequence"] = [_issuer(coercion.accession.authority)]
    return {keyword: value for keyword, value in values.items() if value != ""}


def _put(dataset: Dataset, replaced: Dataset, keyword: str, value: object) -> None:
    """Set one attribute; when it said something else, keep that."""
    before = dataset.get(keyword)
    same = list(before) == value if isinstance(value, list) and before else _text(before) == value
    if same:
        return
    if keyword in dataset:
        replaced.add(copy(dataset[keyword]))
    else:
        setattr(replaced, keyword, [] if isinstance(value, list) else "")
    setattr(dataset, keyword, value)


def _text(value: object) -> str:
    return "" if value is None else str(value).rstrip("^= ")


def _put_requests(dataset: Dataset, replaced: Dataset, requests: Iterable[RequestItem]) -> None:
    """Set Request Attributes Sequence: the items of the orders instead of those of the modality."""
    wanted = [_request(each) for each in requests]
    _put(dataset, replaced, "RequestAttributesSequence", wanted)


def _request(request: RequestItem) -> Dataset:
    item = Dataset()
    if request.accession is not None:
        item.AccessionNumber = request.accession.value
        if request.accession.authority:
            item.IssuerOfAccessionNumberSequence = [_issuer(request.accession.authority)]
    item.StudyInstanceUID = request.study_instance_uid
    item.RequestedProcedureID = request.rp_id
    if request.description:
        item.RequestedProcedureDescription = request.description[:_LONGEST_LO]
    if request.code is not None:
        item.RequestedProcedureCodeSequence = [_code(request.code)]
    item.ScheduledProcedureStepID = request.sps_id
    if request.sps_description:
        item.ScheduledProcedureStepDescription = request.sps_description[:_LONGEST_LO]
    if request.protocol_codes:
        item.ScheduledProtocolCodeSequence = [_code(each) for each in request.protocol_codes]
    return item


def _code(code: CodedConcept) -> Dataset:
    item = Dataset()
    longer = len(code.value) > _LONGEST_CODE_VALUE
    setattr(item, "LongCodeValue" if longer else "CodeValue", code.value)
    item.CodingSchemeDesignator = code.scheme[:_LONGEST_SH]
    item.CodeMeaning = (code.meaning or code.value)[:_LONGEST_LO]
    return item


def _other(identifier: Identifier) -> Dataset:
    item = Dataset()
    item.PatientID = identifier.value
    if identifier.authority:
        item.IssuerOfPatientID = identifier.authority.key
    item.TypeOfPatientID = "TEXT"
    return item


def _issuer(authority: Authority) -> Dataset:
    """HL7v2 Hierarchic Designator Macro (PS3.3 table 10-17)."""
    item = Dataset()
    if authority.namespace:
        item.LocalNamespaceEntityID = authority.namespace
    if authority.universal_id:
        item.UniversalEntityID = authority.universal_id
        item.UniversalEntityIDType = authority.universal_id_type or "ISO"
    return item


def _qualifiers(authority: Authority) -> Dataset:
    """Issuer of Patient ID Macro (PS3.3 table 10-18), its universal part."""
    item = Dataset()
    item.UniversalEntityID = authority.universal_id
    item.UniversalEntityIDType = authority.universal_id_type or "ISO"
    return item


def _widen_character_set(dataset: Dataset, coercion: Coercion) -> None:
    """Write the data set in UTF-8 when its own character set cannot carry what it says now."""
    declared = "\\".join(_terms(dataset))
    texts = [*coercion.attributes.values(), *coercion.filled.values()]
    texts += [each.description + each.sps_description for each in coercion.requests]
    texts += [each.code.meaning for each in coercion.requests if each.code]
    texts += [code.meaning for each in coercion.requests for code in each.protocol_codes]
    if declared == _UTF8 or all(character_set(declared).carries(text) for text in texts):
        return
    dataset.decode()
    dataset.SpecificCharacterSet = _UTF8


def _terms(dataset: Dataset) -> list[str]:
    declared = dataset.get("SpecificCharacterSet") or ""
    return [declared] if isinstance(declared, str) else [str(each) for each in declared]

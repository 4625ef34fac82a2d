"""Domain values as JSON documents, and back."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from bridge.domain.attribute_tree import AttributeTree
from bridge.domain.identifiers import Authority, Identifier
from bridge.domain.matching import Evidence, Key, PatientAgreement, RankedCandidate, Verdict
from bridge.domain.order import CodedConcept, OrderNumbers
from bridge.domain.performed_step import ScheduledReference
from bridge.domain.step_history import History
from bridge.domain.step_status import StepEvent
from bridge.domain.study import RequestAttributes
from bridge.domain.visit import NO_NUMBERS, VisitNumbers

Document = Any
"""What the JSON column type takes and gives: lists, dicts, texts, numbers, None."""


# Documents are trees that we make ourselves: none can hold itself.
_ENCODE = json.JSONEncoder(check_circular=False).encode


def dump_json(document: Document) -> str:
    """A document as text. Half of those of an order are empty lists and dicts."""
    if not document:
        if type(document) is list:
            return "[]"
        if type(document) is dict:
            return "{}"
    return _ENCODE(document)


def key_of(identifier: Identifier | None) -> str | None:
    """The text an identifier is unique by, or None when there is none."""
    return None if identifier is None else f"{identifier.value}^{identifier.authority.key}"


def dump_identifier(identifier: Identifier | None) -> Document:
    """A list of value, namespace, universal ID, its type, type code; None when there is none."""
    if identifier is None:
        return None
    authority = identifier.authority
    return [
        identifier.value,
        authority.namespace,
        authority.universal_id,
        authority.universal_id_type,
        identifier.type_code,
    ]


def load_identifier(document: Document) -> Identifier | None:
    """The inverse of `dump_identifier`."""
    if document is None:
        return None
    value, namespace, universal_id, universal_id_type, type_code = document
    return Identifier(value, Authority(namespace, universal_id, universal_id_type), type_code)


def load_identifiers(document: Document) -> tuple[Identifier, ...]:
    """Those of a list that are there."""
    loaded = (load_identifier(each) for each in document)
    return tuple(each for each in loaded if each is not None)


def dump_visit(numbers: VisitNumbers) -> Document:
    """Visit number and account; an empty list when there is neither."""
    if not numbers:
        return []
    return [dump_identifier(numbers.number), dump_identifier(numbers.account)]


def load_visit(document: Document) -> VisitNumbers:
    """The inverse of `dump_visit`."""
    if not document:
        return NO_NUMBERS
    number, account = (load_identifier(each) for each in document)
    return VisitNumbers(number=number, account=account)


def dump_numbers(numbers: OrderNumbers) -> Document:
    """Accession, placer and filler order number."""
    return [
        dump_identifier(numbers.accession),
        dump_identifier(numbers.placer),
        dump_identifier(numbers.filler),
    ]


def load_numbers(document: Document) -> OrderNumbers:
    """The inverse of `dump_numbers`."""
    accession, placer, filler = (load_identifier(each) for each in document)
    return OrderNumbers(accession=accession, placer=placer, filler=filler)


def dump_code(code: CodedConcept | None) -> Document:
    """Value, scheme and meaning; None when there is none."""
    return None if code is None else [code.value, code.scheme, code.meaning]


def load_code(document: Document) -> CodedConcept | None:
    """The inverse of `dump_code`."""
    return None if document is None else CodedConcept(*document)


def dump_codes(codes: Iterable[CodedConcept]) -> Document:
    """A list of codes."""
    return [dump_code(code) for code in codes]


def load_codes(document: Document) -> tuple[CodedConcept, ...]:
    """The inverse of `dump_codes`."""
    return tuple(CodedConcept(*each) for each in document)


def dump_history(history: History) -> Document:
    """What happened to a step: pairs of time and event."""
    return [[at, event.value] for at, event in history]


def load_history(document: Document) -> History:
    """The inverse of `dump_history`."""
    return tuple((at, StepEvent(event)) for at, event in document)


def dump_request_attributes(items: Iterable[RequestAttributes]) -> Document:
    """Request Attributes Sequence, item by item."""
    return [[i.rp_id, i.sps_id, dump_identifier(i.accession), i.study_instance_uid] for i in items]


def load_request_attributes(document: Document) -> tuple[RequestAttributes, ...]:
    """The inverse of `dump_request_attributes`."""
    return tuple(
        RequestAttributes(rp_id, sps_id, load_identifier(accession), uid)
        for rp_id, sps_id, accession, uid in document
    )


def dump_tree(tree: AttributeTree) -> Document:
    """A tree of attributes: texts, and lists of such trees."""
    return {
        keyword: value if isinstance(value, str) else [dump_tree(item) for item in value]
        for keyword, value in tree.items()
    }


def load_tree(document: Document) -> AttributeTree:
    """The inverse of `dump_tree`."""
    return {
        keyword: value if isinstance(value, str) else tuple(load_tree(item) for item in value)
        for keyword, value in document.items()
    }


def dump_scheduled(items: Iterable[ScheduledReference]) -> Document:
    """Scheduled Step Attributes Sequence, item by item."""
    return [[i.study_instance_uid, dump_identifier(i.accession), i.rp_id, i.sps_id] for i in items]


def load_scheduled(document: Document) -> tuple[ScheduledReference, ...]:
    """The inverse of `dump_scheduled`."""
    return tuple(
        ScheduledReference(uid, load_identifier(accession), rp_id, sps_id)
        for uid, accession, rp_id, sps_id in document
    )


def dump_candidates(candidates: Iterable[RankedCandidate]) -> Document:
    """Candidates of a match, each with its evidence, field by field."""
    return [
        [
            each.procedure_pk,
            each.number,
            [key.value for key in each.keys],
            each.agreement.value,
            each.score,
            [[e.field, e.study, e.order, e.verdict.value] for e in each.evidence],
        ]
        for each in candidates
    ]


def load_candidates(document: Document) -> tuple[RankedCandidate, ...]:
    """The inverse of `dump_candidates`."""
    return tuple(
        RankedCandidate(
            procedure_pk=pk,
            number=number,
            keys=tuple(Key(key) for key in keys),
            agreement=PatientAgreement(agreement),
            score=score,
            evidence=tuple(Evidence(f, ours, theirs, Verdict(v)) for f, ours, theirs, v in fields),
        )
        for pk, number, keys, agreement, score, fields in document
    )


def load_former_evidence(document: Document) -> tuple[RankedCandidate, ...]:
    """Evidence as decisions kept it before candidates were ranked: of which order is not known."""
    if not document:
        return ()
    verdicts = {True: Verdict.AGREES, False: Verdict.DIFFERS}
    evidence = tuple(Evidence(f, ours, theirs, verdicts[v]) for f, ours, theirs, v in document)
    return (
        RankedCandidate(
            procedure_pk=0,
            number="",
            keys=(),
            agreement=PatientAgreement.UNKNOWN,
            score=0,
            evidence=evidence,
        ),
    )

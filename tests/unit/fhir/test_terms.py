from typing import Any

from pydicom.sr import _concepts_dict as dicom

from bridge.fhir.terms import BODY_PARTS, LATERALITIES

_CONCEPTS: Any = dicom.concepts
_SNOMED_CT = {code for concept in _CONCEPTS["SCT"].values() for code in concept}


def test_given_our_snomed_codes_then_dicom_knows_every_one() -> None:
    ours = {code for code, _ in [*BODY_PARTS.values(), *LATERALITIES.values()]}
    assert ours <= _SNOMED_CT


def test_given_our_body_parts_then_each_term_is_a_code_string_and_each_code_is_used_once() -> None:
    codes = [code for code, _ in BODY_PARTS.values()]
    assert len(codes) == len(set(codes))
    assert all(len(term) <= 16 and term.isupper() for term in BODY_PARTS)

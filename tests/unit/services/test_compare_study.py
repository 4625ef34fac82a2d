"""Given a study and an order, then they stand side by side, each field with how it compares."""

from __future__ import annotations

import pytest

from bridge.domain.errors import UnknownKey
from bridge.domain.identifiers import Identifier
from bridge.domain.matching import Key, PatientAgreement
from tests.unit.services.core import Core, order, patient, procedure, step
from tests.unit.services.desk import Desk


def test_given_names_that_differ_in_accents_then_they_are_equal_and_said_to_be_spelled_differently(
    core: Core,
) -> None:
    core.place(order(who=patient("P1", PatientName="NGUYỄN VĂN ÁNH")))
    core.image(name="NGUYEN^VAN^ANH", PatientBirthDate="", PatientSex="M")
    core.settle()
    (beside,) = Desk(core).compare.with_number("1.2.1", Identifier("A1"))
    fields = {each.field: each for each in beside.fields}
    assert (beside.number, beside.agreement) == ("A1", PatientAgreement.SAME)
    assert Key.STUDY_INSTANCE_UID in beside.keys
    name = fields["PatientName"]
    assert (name.likeness, name.is_spelled_differently) == ("equal", True)
    assert (name.study, name.order) == ("NGUYEN^VAN^ANH", "NGUYỄN VĂN ÁNH")
    assert fields["PatientBirthDate"].likeness == "missing"
    assert (fields["PatientSex"].likeness, fields["PatientSex"].order) == ("differs", "F")
    assert (fields["Modality"].likeness, fields["StudyDateTime"].likeness) == ("equal", "missing")


def test_given_an_order_no_key_led_to_then_it_can_be_compared_all_the_same(core: Core) -> None:
    core.place(order("NW", procedure("1.2.7", "R7", step("S7")), accession="A7"))
    core.image(accession="", patient_id="X9")
    core.settle()
    (beside,) = Desk(core).compare.with_number("1.2.1", Identifier("A7"))
    assert beside.keys == ()
    again = Desk(core).compare.with_procedures("1.2.1", [beside.procedure_pk])
    assert again == (beside,)


def test_given_no_such_study_or_order_then_it_says_so(core: Core) -> None:
    core.place(order())
    with pytest.raises(UnknownKey, match="no study"):
        Desk(core).compare.with_number("1.9", Identifier("A1"))
    with pytest.raises(UnknownKey, match="no order"):
        Desk(core).compare.with_number("1.9", Identifier("A404"))

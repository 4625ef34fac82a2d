"""Given a matched study, then its images are to say what the order says, and why."""

from __future__ import annotations

from bridge.domain.coercion import Coercion, Reason
from bridge.domain.identifiers import Identifier
from bridge.services.present_study import Presentations, presentation
from bridge.services.read_images import FoundStudy, ImageQuery, ReadImages
from tests.unit.services.core import Core, merge, order, patient, procedure, scheduled, step
from tests.unit.services.desk import Desk

UID = "1.2.1"


def shown(core: Core) -> Coercion:
    found = core.store.read(lambda tx: presentation(tx, UID))
    assert found is not None
    return found.coercion


def found(core: Core) -> FoundStudy:
    (study,) = ReadImages(store=core.store, objects=core.objects).studies(ImageQuery())
    return study


def test_given_an_order_then_study_id_visit_referrer_and_description_are_its_own(
    core: Core,
) -> None:
    core.place(order(AdmissionID="V9", ReferringPhysicianName="LE^DOCTOR"))
    core.image(StudyID="77", ReferringPhysicianName="WRONG^DOCTOR")
    core.settle()
    coercion = shown(core)
    said = coercion.attributes
    assert (said["StudyID"], said["AdmissionID"]) == ("R1", "V9")
    assert said["ReferringPhysicianName"] == "LE^DOCTOR"
    assert coercion.reason is Reason.COERCE
    assert found(core).attributes["StudyID"] == "R1"


def test_given_two_orders_then_no_study_id_is_right_and_a_foreign_number_is_not_shown(
    core: Core,
) -> None:
    core.place(order(), order("NW", procedure("1.2.2", "R2", step("S2")), accession="A2"))
    core.start_step("1.9.1", "IN PROGRESS", scheduled(), scheduled("1.2.2", "S2", "A2", "R2"))
    core.image(accession="A404", StudyID="77")
    core.end_step("1.9.1", "COMPLETED")
    core.settle()
    assert core.matched_accessions() == ["A1", "A2"]
    coercion = shown(core)
    assert "StudyID" not in coercion.attributes
    assert [each.accession and each.accession.value for each in coercion.requests] == ["A1", "A2"]
    study = found(core)
    assert study.accession == Identifier("")
    assert study.attributes["StudyID"] == "77"


def test_given_a_merge_then_it_is_reconciliation_and_the_survivor_s_unknown_sex_is_not_shown(
    core: Core,
) -> None:
    core.place(order(who=patient("R", PatientSex="M")))
    core.image(patient_id="R", PatientSex="M")
    core.settle()
    core.place(merge(patient("S", PatientSex="F"), "R"))
    assert shown(core).reason is Reason.COERCE
    assert (found(core).patient_id, found(core).attributes["PatientSex"]) == (
        shown(core).patient_id,
        "F",
    )


def test_given_a_typed_patient_id_or_a_person_s_word_then_it_is_a_correction(core: Core) -> None:
    core.place(order())
    core.image(patient_id="P11", name="TRAN^P1")
    core.settle()
    assert shown(core).reason is Reason.CORRECT
    core.place(order("NW", procedure("1.2.7", "R7"), accession="A7"))
    Desk(core).acts.resolve.link(UID, [Identifier("A7")], "dr.an", "request form")
    assert shown(core).reason is Reason.CORRECT
    assert found(core).accession == Identifier("A7", shown(core).patient_id.authority)


def test_given_a_merge_then_whoever_retrieves_a_moment_later_gets_the_survivor_s(
    core: Core,
) -> None:
    """An archive would keep what it was sent within that moment."""
    presentations = Presentations(core.store, core.clock)
    core.place(order(who=patient("R")))
    core.image(patient_id="R")
    core.settle()
    before = presentations.of(UID)
    assert before is presentations.of(UID)
    core.place(merge(patient("S"), "R"))
    after = presentations.of(UID)
    assert before is not None
    assert after is not None
    assert (before.coercion.patient_id.value, after.coercion.patient_id.value) == ("R", "S")

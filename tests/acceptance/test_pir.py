"""Patient Information Reconciliation (IHE RAD TF-1 chapter 4), each case as its transactions.

Whatever was wrong at the scan and is put right later: the EHR holds one ImagingStudy that changes
once with each correction; queries, C-GET and archives get the images as they are right by then; the
stored bytes stay.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from pydicom.errors import InvalidDicomError
from pydicom.uid import generate_uid

from tests.acceptance.hospital import DISCONTINUED, Hospital, accessions_of, ended
from tests.acceptance.images import Study, scan, write_image
from tests.acceptance.orders import (
    Order,
    Patient,
    adt,
    adt_merge,
    adt_update,
    new_order,
    new_patient,
    orm,
    pid,
)
from tests.acceptance.rejections import rejection
from tests.acceptance.test_presentation import found, retrieved
from tests.acceptance.test_rad8_storage import dataset_bytes
from tests.acceptance.test_reconcile import settle
from tests.peers.bridge_process import Bridge, configure, fhir_destination
from tests.peers.dcmjs import DcmjsModality
from tests.peers.dcmtk import StoreScp
from tests.peers.fhir_client import Resource
from tests.peers.hl7_node import His
from tests.peers.medplum import Medplum
from tests.peers.process import wait_until

JOHN_DOE = {
    "family": "UNKNOWN",
    "given": "MALE",
    "middle": "",
    "sex": "M",
    "birth_date": "19000101",
}


@dataclass(frozen=True)
class Site:
    """A hospital whose bridge stands between the modality and an archive."""

    hospital: Hospital
    archive: StoreScp

    def versions(self, study: Study) -> int:
        """How often the EHR was told of the images of a study."""
        (held,) = self.hospital.ehr.imaging_studies(study.uid)
        history = self.hospital.ehr.exchange("GET", f"ImagingStudy/{held['id']}/_history")
        return sum(each["resource"]["status"] != "registered" for each in history["entry"])

    def forwarded(self, path: Path, patient_id: str = "") -> Dataset:
        """An image as the archive has it, once it has it as of this patient."""

        def ask() -> Dataset | None:
            try:
                held = [dcmread(each) for each in self.archive.directory.iterdir()]
            except (InvalidDicomError, EOFError):  # being written
                return None
            image = next((each for each in held if each.SOPInstanceUID == path.stem), None)
            return image if image is None or patient_id in ("", image.PatientID) else None

        image = wait_until(ask, f"{path.stem} at the archive")
        assert image is not None
        return image

    def has_forwarded(self, path: Path) -> bool:
        held = [dcmread(each, specific_tags=["SOPInstanceUID"]) for each in self.archived]
        return any(each.SOPInstanceUID == path.stem for each in held)

    @property
    def archived(self) -> list[Path]:
        return list(self.archive.directory.iterdir())

    def act(self, action: str, study: Study, *arguments: str) -> str:
        """A person decides, at the command line."""
        said = ("--by", "dr.an", *(() if action == "undo" else ("--reason", "wristband")))
        return self.hospital.bridge.command("study", action, study.uid, *arguments, *said)


@pytest.fixture(scope="module")
def site(
    medplum: Medplum, his: His, mpps: DcmjsModality, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    folder, archive = (tmp_path_factory.mktemp(each) for each in ("pir", "archive"))
    with closing(medplum.open()) as ehr, closing(StoreScp(archive)) as scp:
        forward = {
            "name": "archive",
            "kind": "dicom_store",
            "ae_title": "ARCHIVE",
            "host": "127.0.0.1",
            "port": scp.port,
            "unmatched": "hold",
            "corrections": "send",
        }
        configuration = configure(
            folder,
            f"sqlite:///{folder}/bridge.db",
            dicom={"settle_seconds": 1},
            destinations=[fhir_destination(ehr.url), forward],
        )
        with closing(Bridge(configuration, folder)) as bridge:
            bridge.start()
            yield Site(Hospital(bridge, his, mpps, ehr), scp)
            assert bridge.stop() == 0, bridge.output()


def scanned(site: Site, order: Order, folder: Path, **said: object) -> Study:
    """Images by RAD-6, RAD-8 and RAD-7; without MPPS where the modality has no worklist entry."""
    study = scan(order, folder, series=(1,), **said)
    if "StudyInstanceUID" not in said:
        step = site.hospital.start_step(order)
        site.hospital.store(study)
        site.hospital.end_step(step, study)
    else:
        site.hospital.store(study)
    return study


def subject_id(site: Site, resource: Resource) -> str:
    """The Patient ID of whom an ImagingStudy is of."""
    subject = resource["subject"]
    if "identifier" in subject:
        return str(subject["identifier"]["value"])
    held = site.hospital.ehr.read(subject["reference"])
    return str(held["identifier"][0]["value"])


def becomes(site: Site, study: Study, patient: Patient) -> Resource:
    """Wait until the EHR holds the images of a study as this patient's."""

    def holds(resource: Resource) -> bool:
        return resource["status"] == "available" and subject_id(site, resource) == patient.id

    return site.hospital.published(study.uid, holds)


def check_shown(
    site: Site, study: Study, order: Order, tmp_path: Path, reason: str | None = "COERCE"
) -> None:
    """Found and retrieved as its order has it now; what the modality wrote is kept beside it."""
    patient = order.patient
    (by_qido,) = found(site.hospital, StudyInstanceUID=study.uid)
    assert by_qido["00100020"]["Value"] == [patient.id]
    assert by_qido["00080050"]["Value"] == [order.accession]
    for image in retrieved(site.hospital, study, tmp_path):
        assert (image.PatientID, image.PatientName) == (patient.id, patient.person_name)
        assert (image.PatientBirthDate, image.PatientSex) == (patient.birth_date, patient.sex)
        assert (image.AccessionNumber, image.StudyID) == (order.accession, order.rp_id)
        (item,) = image.RequestAttributesSequence
        assert item.RequestedProcedureID == order.rp_id
        (change,) = image.OriginalAttributesSequence
        assert change.ReasonForTheAttributeModification == reason
    for path in study.paths:
        assert site.hospital.holds_bytes(dataset_bytes(path))


def test_case_1_given_an_unidentified_patient_ordered_at_the_placer_then_the_merge_puts_it_right(
    site: Site, tmp_path: Path
) -> None:
    unknown, person = new_patient(**JOHN_DOE), new_patient(family="NGUYỄN", sex="M")
    order = new_order(unknown)
    site.hospital.place(orm(order))  # RAD-2 and RAD-4
    study = scanned(site, order, tmp_path / "sent")
    becomes(site, study, unknown)
    assert site.forwarded(study.paths[0]).PatientID == unknown.id
    told = site.versions(study)

    site.hospital.place(adt_merge(person, [unknown]))  # RAD-12

    assert accessions_of(becomes(site, study, person)) == [order.accession]
    check_shown(site, study, replace(order, patient=person), tmp_path)
    assert site.versions(study) == told + 1
    assert site.forwarded(study.paths[0], person.id).PatientName == person.person_name
    late = write_image(order, tmp_path / "late", str(generate_uid()), 9, 1)
    site.hospital.store(Study(uid=study.uid, series={"late": [late]}))
    site.hospital.published(study.uid, lambda r: r["numberOfInstances"] == 2)
    assert site.forwarded(late).PatientID == person.id


def test_case_1_given_the_record_itself_is_corrected_then_so_are_the_images(
    site: Site, tmp_path: Path
) -> None:
    unknown = new_patient(**JOHN_DOE)
    order = new_order(unknown)
    site.hospital.place(orm(order))
    study = scanned(site, order, tmp_path / "sent")
    becomes(site, study, unknown)
    told = site.versions(study)
    person = replace(
        unknown, family="LÊ", given="HOA", middle="THỊ", sex="F", birth_date="19700102"
    )

    site.hospital.place(adt_update(person))  # every word of it another

    again = write_image(order, tmp_path / "late", str(generate_uid()), 9, 1)  # by the old entry
    site.hospital.store(Study(uid=study.uid, series={"late": [again]}))
    site.hospital.published(study.uid, lambda r: r["numberOfInstances"] == 2)
    check_shown(site, study, replace(order, patient=person), tmp_path)
    assert site.forwarded(again).PatientName == person.person_name
    assert site.versions(study) in (told + 1, told + 2)  # the correction may ride with the image


def test_case_2_given_it_was_ordered_at_the_filler_then_the_merge_and_the_placer_s_number_follow(
    site: Site, tmp_path: Path
) -> None:
    unknown, person = new_patient(**JOHN_DOE), new_patient(sex="M")
    order = new_order(unknown)
    of_filler = orm(replace(order, placer=""), control="SN").replace("||ORC", "|ORC")
    site.hospital.place(of_filler)  # RAD-3: the department orders, the placer gives its number
    study = scanned(site, order, tmp_path / "sent")
    becomes(site, study, unknown)

    site.hospital.place(orm(order, control="NA"))
    site.hospital.place(adt_merge(person, [unknown]))

    assert accessions_of(becomes(site, study, person)) == [order.accession]
    check_shown(site, study, replace(order, patient=person), tmp_path)


def test_case_3_given_no_order_then_a_later_one_with_the_images_study_uid_takes_them(
    site: Site, tmp_path: Path
) -> None:
    order = new_order()
    site.hospital.place(adt("A04", pid(order.patient), "PV1|1|E"))  # RAD-1
    own = {"StudyInstanceUID": str(generate_uid()), "AccessionNumber": "", "StudyID": "77"}
    study = scanned(site, order, tmp_path / "sent", **own)
    settle(site.hospital, tmp_path)
    assert not site.hospital.is_published(study.uid)
    assert not site.has_forwarded(study.paths[0])

    ordered = replace(order, study_uid=study.uid)
    site.hospital.place(orm(ordered))  # RAD-4, the images' own Study Instance UID in ZDS

    assert accessions_of(becomes(site, study, order.patient)) == [order.accession]
    check_shown(site, study, ordered, tmp_path)
    assert site.forwarded(study.paths[0]).AccessionNumber == order.accession
    assert site.versions(study) == 1


def test_case_4_given_a_number_of_the_department_then_the_real_number_takes_its_place(
    site: Site, tmp_path: Path
) -> None:
    temporary = new_patient(**JOHN_DOE)
    person = replace(temporary, id=new_patient().id)
    order = new_order(temporary)
    site.hospital.place(orm(order))
    study = scanned(site, order, tmp_path / "sent")
    becomes(site, study, temporary)
    told = site.versions(study)

    site.hospital.place(adt("A47", pid(person), f"MRG|{temporary.id}^^^HOSP^MR"))

    becomes(site, study, person)
    check_shown(site, study, replace(order, patient=person), tmp_path)
    assert site.versions(study) == told + 1


def test_case_5_given_a_free_typed_patient_then_a_person_moves_it_and_orders_it(
    site: Site, tmp_path: Path
) -> None:
    person, order = new_patient(), new_order(new_patient(id="TRAUMA1", family="DOE", given="JOHN"))
    own = {"StudyInstanceUID": str(generate_uid()), "AccessionNumber": ""}
    study = scanned(site, order, tmp_path / "sent", **own)
    site.hospital.place(adt("A04", pid(person), "PV1|1|E"))

    site.act("move", study, "--to", f"{person.id}^HOSP")
    assert "matched" in site.act("order", study)

    (accession,) = accessions_of(becomes(site, study, person))
    assert site.versions(study) == 1
    (image,) = retrieved(site.hospital, study, tmp_path)
    assert (image.PatientID, image.AccessionNumber) == (person.id, accession)
    (change,) = image.OriginalAttributesSequence
    assert change.ReasonForTheAttributeModification == "CORRECT"
    assert site.forwarded(study.paths[0]).PatientID == person.id


def test_given_the_wrong_worklist_entry_then_it_is_withdrawn_and_a_person_links_the_right_one(
    site: Site, tmp_path: Path
) -> None:
    chosen, meant = new_order(), new_order(new_patient(family="PHAM", sex="M"))
    for each in (chosen, meant):
        site.hospital.place(orm(each))
    study = scanned(site, chosen, tmp_path / "sent")
    becomes(site, study, chosen.patient)
    step = site.hospital.start_step(chosen)
    wrong = ended(study, DISCONTINUED) | {
        "PerformedProcedureStepDiscontinuationReasonCodeSequence": [
            {
                "CodeValue": "110514",
                "CodingSchemeDesignator": "DCM",
                "CodeMeaning": "Incorrect worklist entry selected",
            }
        ]
    }
    assert site.hospital.mpps.set_step(site.hospital.bridge.dicom_port, step, wrong) == 0
    site.hospital.published(study.uid, lambda r: r["status"] == "entered-in-error")

    site.act("link", study, meant.accession)

    assert accessions_of(becomes(site, study, meant.patient)) == [meant.accession]
    check_shown(site, study, meant, tmp_path, "CORRECT")


def test_given_one_order_and_two_studies_then_both_are_of_the_order(
    site: Site, tmp_path: Path
) -> None:
    order = new_order()
    site.hospital.place(orm(order))
    first = scanned(site, order, tmp_path / "first")
    own = {"StudyInstanceUID": str(generate_uid())}
    further = scanned(site, order, tmp_path / "further", **own)
    for each in (first, further):
        published = becomes(site, each, order.patient)
        assert accessions_of(published) == [order.accession]
        assert site.versions(each) == 1


def test_given_an_image_is_rejected_then_nobody_gets_it_and_the_ehr_counts_one_less(
    site: Site, tmp_path: Path
) -> None:
    order = new_order()
    site.hospital.place(orm(order))
    study = scan(order, tmp_path / "sent", series=(2,))
    site.hospital.store(study)
    site.hospital.published_complete(study)
    told = site.versions(study)
    ((kept, rejected),) = study.series.values()

    note = rejection(study, "113001", tmp_path, rejected.stem)
    site.hospital.store(Study(uid=study.uid, series={"note": [note]}))  # RAD-66

    site.hospital.published(study.uid, lambda r: r["numberOfInstances"] == 1)
    assert site.versions(study) == told + 1
    images = retrieved(site.hospital, study, tmp_path)
    assert [image.SOPInstanceUID for image in images] == [kept.stem]
    assert site.hospital.holds_bytes(dataset_bytes(rejected))

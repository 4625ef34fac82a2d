"""Given studies that were received, when peers ask (PS3.4 Annex C), then they find and get them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from pydicom.encaps import encapsulate
from pydicom.uid import CTImageStorage, ImplicitVRLittleEndian, JPEGBaseline8Bit, RLELossless
from pynetdicom import AE, build_role, evt
from pynetdicom.events import Event
from pynetdicom.presentation import build_context

from bridge.dicom.configuration import DicomConfiguration, Peer
from bridge.dicom.sop_classes import STUDY_ROOT_GET
from tests.adapters.dicom.services import running
from tests.adapters.dicomweb.conftest import OTHER_STUDY, STUDY, Archive, file_of, image
from tests.peers.dcmtk import Found, Modality, StoreScp

COMPRESSED_STUDY = "1.2.826.0.1.3680043.10.3"


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    """Two CT images and a report of MÜLLER^ANNA, and two studies of DOE^JOHN, one compressed."""
    archive = Archive(tmp_path_factory.mktemp("archive"))
    for number in (1, 2):
        archive.receive(image(STUDY, 1, number, StudyDescription="CT HEAD", StudyID="7"))
    archive.receive(image(STUDY, 2, 1))
    other = {"AccessionNumber": "A-2", "PatientID": "P-2", "PatientName": "DOE^JOHN"}
    later = {"StudyDate": "20250228", "StudyTime": "2330", "PatientBirthDate": "19500101"}
    archive.receive(image(OTHER_STUDY, 1, 1, **other, **later))
    compressed = image(COMPRESSED_STUDY, 1, 1, **other, **later)
    compressed.PixelData = encapsulate([b"\xff\xd8\xff\xd9"])
    compressed["PixelData"].VR = "OB"
    compressed["PixelData"].is_undefined_length = True
    archive.receive(compressed, JPEGBaseline8Bit)
    yield archive
    archive.database.close()


@pytest.fixture(scope="module")
def destination(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreScp]:
    with closing(StoreScp(tmp_path_factory.mktemp("destination"))) as peer:
        yield peer


@pytest.fixture(scope="module")
def modality(archive: Archive, destination: StoreScp) -> Iterator[Modality]:
    peers = (
        Peer(ae_title="DEST", host="127.0.0.1", port=destination.port),
        Peer(ae_title="NOWHERE"),
        Peer(ae_title="LATIN", specific_character_set="ISO_IR 100"),
        Peer(ae_title="ASCII", specific_character_set="ISO_IR 6"),
    )
    with running(DicomConfiguration(peers=peers, worklist_limit=2), archive.images) as bridge:
        yield Modality(bridge.port)


def uids(found: Found) -> set[str]:
    assert found.status == "Success", found.output
    return {item.StudyInstanceUID for item in found.items}


BOTH = {OTHER_STUDY, COMPRESSED_STUDY}


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"PatientName": "muller*"}, {STUDY}),
        ({"PatientName": "DOE^J?HN"}, BOTH),
        ({"PatientName": "DOE"}, set()),
        ({"PatientID": "P-2"}, BOTH),
        ({"PatientID": "p-2"}, set()),
        ({"PatientID": "P-2", "PatientName": "MULLER*"}, set()),
        ({"AccessionNumber": "A-1"}, {STUDY}),
        ({"AccessionNumber": "A-?", "StudyDate": "-20241231"}, {STUDY}),
        ({"StudyDate": "20240501"}, {STUDY}),
        ({"StudyDate": "20250101-20251231"}, BOTH),
        ({"StudyDate": "20240501-20250228", "StudyTime": "1200-2300"}, set()),
        ({"StudyDate": "20240501-20250228", "StudyTime": "1016-2359"}, BOTH),
        ({"StudyDate": "20250301-20240101"}, set()),
        ({"StudyTime": "1000-1100"}, {STUDY}),
        ({"PatientBirthDate": "19700102"}, {STUDY}),
        ({"PatientSex": "F", "StudyDate": "20240501"}, {STUDY}),
        ({"ModalitiesInStudy": "SR"}, {STUDY}),
        ({"ModalitiesInStudy": "MR"}, set()),
        ({"StudyDescription": "CT*"}, {STUDY}),
        ({"StudyID": "7"}, {STUDY}),
        ({"StudyInstanceUID": f"{STUDY}\\{OTHER_STUDY}"}, {STUDY, OTHER_STUDY}),
    ],
)
def test_given_keys_then_just_the_studies_that_match_are_found(
    modality: Modality, keys: dict[str, str], expected: set[str]
) -> None:
    assert uids(modality.find_studies("STUDY", {"StudyInstanceUID": "", **keys})) == expected


def test_given_what_is_asked_for_then_it_is_returned_and_nothing_else(modality: Modality) -> None:
    asked = {
        "StudyInstanceUID": STUDY,
        "PatientName": "",
        "ModalitiesInStudy": "",
        "NumberOfStudyRelatedSeries": "",
        "NumberOfStudyRelatedInstances": "",
        "SOPClassesInStudy": "",
        "PatientComments": "",
        "RetrieveAETitle": "",
        "InstanceAvailability": "",
    }
    (item,) = modality.find_studies("STUDY", asked).items
    assert item.PatientName == "MÜLLER^ANNA"
    assert item.ModalitiesInStudy == ["CT", "SR"]
    assert (item.NumberOfStudyRelatedSeries, item.NumberOfStudyRelatedInstances) == (2, 3)
    assert item.SOPClassesInStudy == "1.2.840.10008.5.1.4.1.1.2"
    assert item.PatientComments == ""
    assert (item.RetrieveAETitle, item.InstanceAvailability) == ("BRIDGE", "ONLINE")
    returned = {element.keyword for element in item}
    assert returned == {*asked, "QueryRetrieveLevel", "SpecificCharacterSet"}


@pytest.mark.parametrize(
    ("caller", "character_set", "name"),
    [
        ("CT01", "ISO_IR 192", "MÜLLER^ANNA"),
        ("LATIN", "ISO_IR 100", "MÜLLER^ANNA"),
        ("ASCII", None, "MULLER^ANNA"),
    ],
)
def test_given_a_peer_limited_in_its_letters_then_it_is_answered_in_them(
    modality: Modality, caller: str, character_set: str | None, name: str
) -> None:
    asking = Modality(modality.port, caller)
    found = asking.find_studies("STUDY", {"StudyInstanceUID": STUDY, "PatientName": ""})
    assert found.items[0].get("SpecificCharacterSet") == character_set
    assert found.items[0].PatientName == name


def test_given_the_patient_root_then_patients_are_found_with_what_is_held_of_them(
    modality: Modality,
) -> None:
    asked = {"PatientID": "", "PatientName": "", "NumberOfPatientRelatedStudies": ""}
    found = modality.find_studies("PATIENT", asked, model="-P").items
    told = {(i.PatientID, str(i.PatientName), int(i.NumberOfPatientRelatedStudies)) for i in found}
    assert told == {("P-1", "MÜLLER^ANNA", 1), ("P-2", "DOE^JOHN", 2)}


def test_given_the_levels_below_then_series_and_images_are_found(modality: Modality) -> None:
    asked = {"StudyInstanceUID": STUDY, "Modality": "", "SeriesInstanceUID": ""}
    series = modality.find_studies("SERIES", asked).items
    assert {(i.SeriesInstanceUID, i.Modality) for i in series} == {
        (f"{STUDY}.1", "CT"),
        (f"{STUDY}.2", "SR"),
    }
    asked = {"SeriesInstanceUID": f"{STUDY}.1", "InstanceNumber": "2", "SOPInstanceUID": ""}
    images = modality.find_studies("IMAGE", asked).items
    assert [i.SOPInstanceUID for i in images] == [f"{STUDY}.1.2"]


def test_given_keys_of_the_levels_above_then_series_and_images_answer_them_too(
    modality: Modality,
) -> None:
    asked = {"StudyInstanceUID": OTHER_STUDY, "PatientName": "", "AccessionNumber": ""}
    (series,) = modality.find_studies("SERIES", {**asked, "SeriesInstanceUID": ""}).items
    asked |= {"SOPInstanceUID": "", "NumberOfSeriesRelatedInstances": ""}
    (found,) = modality.find_studies("IMAGE", asked).items
    for each in (series, found):
        assert (each.PatientName, each.AccessionNumber) == ("DOE^JOHN", "A-2")
    assert found.NumberOfSeriesRelatedInstances == 1


def test_given_a_step_that_images_name_then_their_series_is_found_by_it(
    modality: Modality, archive: Archive
) -> None:
    item = Dataset()
    item.ScheduledProcedureStepID, item.RequestedProcedureID = "SPS-7", "RP-7"
    study = f"{STUDY}.9"
    patient = {"PatientID": "P-9", "PatientName": "ROE^JANE", "StudyDate": "20200101"}
    archive.receive(image(study, 1, 1, RequestAttributesSequence=[item], **patient))
    step = "RequestAttributesSequence[0].ScheduledProcedureStepID"
    asked = {"SeriesInstanceUID": "", "StudyInstanceUID": ""}
    assert uids(modality.find_studies("SERIES", {**asked, step: "SPS-8"})) == set()
    found = modality.find_studies("SERIES", {**asked, step: "SPS-7"})
    assert uids(found) == {study}
    assert found.items[0].RequestAttributesSequence[0].ScheduledProcedureStepID == "SPS-7"


@pytest.mark.parametrize("level", ["", "PATIENT", "NONSENSE"])
def test_given_no_level_of_the_study_root_then_the_query_is_refused(
    modality: Modality, level: str
) -> None:
    found = modality.find_studies(level, {"PatientID": ""})
    assert (found.items, found.status) == ([], "Error: DataSetDoesNotMatchSOPClass")


def test_given_more_matches_than_the_limit_then_the_first_come_and_the_end_says_so(
    modality: Modality,
) -> None:
    found = modality.find_studies("STUDY", {"StudyInstanceUID": ""})
    assert len(found.items) == 2
    assert found.status == "Refused: OutOfResources"


def test_given_c_get_then_the_instances_come_as_they_were_stored(
    modality: Modality, tmp_path: Path
) -> None:
    got = modality.get("STUDY", {"StudyInstanceUID": STUDY}, tmp_path)
    assert {item.SOPInstanceUID for item in got.items} == {
        f"{STUDY}.1.1",
        f"{STUDY}.1.2",
        f"{STUDY}.2.1",
    }
    assert all(item.PixelData == bytes(128) for item in got.items)
    assert "Number of Completed Suboperations : 3" in got.output


def test_given_c_move_then_the_instances_go_to_the_destination_in_their_transfer_syntax(
    modality: Modality, destination: StoreScp
) -> None:
    destination.clear()
    final, said = modality.move("STUDY", {"StudyInstanceUID": COMPRESSED_STUDY}, "DEST")
    assert final == "Success", said
    (moved,) = [dcmread(path) for path in destination.directory.iterdir()]
    assert moved.file_meta.TransferSyntaxUID == JPEGBaseline8Bit
    assert moved.PatientName == "DOE^JOHN"


def test_given_a_series_then_only_its_instances_are_moved(
    modality: Modality, destination: StoreScp
) -> None:
    destination.clear()
    keys = {"StudyInstanceUID": STUDY, "SeriesInstanceUID": f"{STUDY}.2"}
    final, said = modality.move("SERIES", keys, "DEST")
    assert final == "Success", said
    assert [path.name for path in destination.directory.iterdir()] == [f"CT.{STUDY}.2.1"]


@pytest.mark.parametrize("destination_title", ["NOBODY", "NOWHERE"])
def test_given_a_destination_whose_address_nobody_knows_then_it_is_named_as_the_reason(
    modality: Modality, destination_title: str
) -> None:
    final, _ = modality.move("STUDY", {"StudyInstanceUID": STUDY}, destination_title)
    assert final == "Refused: MoveDestinationUnknown"


def test_given_nothing_matches_then_a_retrieval_succeeds_with_nothing(modality: Modality) -> None:
    final, said = modality.move("STUDY", {"StudyInstanceUID": "1.2.3"}, "DEST")
    assert final == "Success", said


def test_given_a_file_that_is_lost_then_the_others_come_and_the_lost_one_is_counted(
    archive: Archive, destination: StoreScp, tmp_path: Path
) -> None:
    with closing(archive_with_lost_file(tmp_path)) as lossy:
        peer = Peer(ae_title="DEST", host="127.0.0.1", port=destination.port)
        destination.clear()
        with running(DicomConfiguration(peers=(peer,)), lossy.images) as bridge:
            final, said = Modality(bridge.port).move("STUDY", {"StudyInstanceUID": STUDY}, "DEST")
    assert final == "Warning: SubOperationsCompleteOneOrMoreFailures", said
    assert [path.name for path in destination.directory.iterdir()] == [f"CT.{STUDY}.1.2"]


def archive_with_lost_file(directory: Path) -> Archive:
    archive = Archive(directory)
    for number in (1, 2):
        archive.receive(image(STUDY, 1, number))
    (lost,) = archive.directory.rglob(f"{STUDY}.1.1-*.dcm")
    lost.unlink()
    return archive


def test_given_who_retrieves_takes_only_native_images_then_compressed_ones_come_decoded(
    tmp_path: Path,
) -> None:
    archive = Archive(tmp_path)
    compressed = image(STUDY, 1, 1, PixelData=bytes(range(128)))
    file_of(compressed)
    compressed.compress(RLELossless, generate_instance_uid=False)
    archive.receive(compressed, RLELossless)
    received: list[Dataset] = []

    def keep(event: Event) -> int:
        received.append(event.dataset)
        return 0x0000

    identifier = Dataset()
    identifier.QueryRetrieveLevel, identifier.StudyInstanceUID = "STUDY", STUDY
    contexts = [
        build_context(STUDY_ROOT_GET),
        build_context(CTImageStorage, ImplicitVRLittleEndian),
    ]
    role = build_role(CTImageStorage, scp_role=True)
    with running(images=archive.images) as bridge:
        entity = AE("CT01")
        association = entity.associate(
            "127.0.0.1",
            bridge.server.port,
            contexts=contexts,
            ext_neg=[role],
            evt_handlers=[(evt.EVT_C_STORE, keep)],
        )
        statuses = [status for status, _ in association.send_c_get(identifier, STUDY_ROOT_GET)]
        association.release()
    archive.close()
    assert statuses[-1].Status == 0x0000
    assert [each.PixelData for each in received] == [bytes(range(128))]

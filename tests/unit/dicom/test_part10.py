"""Given an instance as received, when a file is made of it, then pydicom reads it back."""

from io import BytesIO

from pydicom import dcmread

from bridge.dicom.part10 import IMPLEMENTATION_CLASS_UID, file_head
from tests.unit.dicom.test_elements import EXPLICIT, encode
from tests.unit.dicom.test_worklist_query import of


def test_given_a_data_set_then_the_file_has_its_meta_information() -> None:
    data = encode(of(SOPInstanceUID="1.2.3", PatientID="P1"), EXPLICIT)
    head = file_head(
        sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
        sop_instance_uid="1.2.3",
        transfer_syntax_uid=EXPLICIT,
        source="CT01",
    )
    read = dcmread(BytesIO(head + data))
    assert read.PatientID == "P1"
    assert read.file_meta.FileMetaInformationGroupLength == len(head) - 132 - 12
    assert read.file_meta.FileMetaInformationVersion == b"\0\1"
    assert read.file_meta.MediaStorageSOPClassUID == "1.2.840.10008.5.1.4.1.1.2"
    assert read.file_meta.MediaStorageSOPInstanceUID == "1.2.3"
    assert read.file_meta.TransferSyntaxUID == EXPLICIT
    assert read.file_meta.ImplementationClassUID == IMPLEMENTATION_CLASS_UID
    assert read.file_meta.SourceApplicationEntityTitle == "CT01"

"""A hospital around one bridge: what its HIS sends, its modalities see and its EHR is told."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError

from pydicom import Dataset
from pydicom.uid import generate_uid

from tests.acceptance.images import Study
from tests.acceptance.orders import Order, acknowledgement
from tests.peers.bridge_process import Bridge
from tests.peers.dcmjs import DcmjsModality
from tests.peers.dcmtk import Found, Modality
from tests.peers.fhir_client import FhirClient, Resource
from tests.peers.hl7_node import Client, His
from tests.peers.process import PeerError, wait_until

IN_PROGRESS = "IN PROGRESS"
COMPLETED = "COMPLETED"
DISCONTINUED = "DISCONTINUED"


@dataclass(frozen=True, slots=True)
class Hospital:
    """The bridge and the peers that talk to it."""

    bridge: Bridge
    his: His
    mpps: DcmjsModality
    ehr: FhirClient

    # --- HIS and RIS ----------------------------------------------------------------------------
    def send(self, message: str, client: Client = "node-hl7-client") -> dict[str, str]:
        """Send a message by the HIS and give its acknowledgement."""
        return acknowledgement(self.his.send(self.bridge.hl7_port, message, client))

    def place(self, message: str, client: Client = "node-hl7-client") -> None:
        """Send a message that must be accepted."""
        answer = self.send(message, client)
        assert answer["code"] == "AA", answer

    # --- modality -------------------------------------------------------------------------------
    def modality(self, calling: str = "CT01") -> Modality:
        return self.bridge.modality(calling)

    def worklist(self, calling: str = "CT01", **keys: str) -> list[Dataset]:
        """Ask for the worklist with some keys filled in; the answer must end in success."""
        found: Found = self.modality(calling).find(keys)
        assert found.status == "Success", found.output
        return found.items

    def entry(self, order: Order, calling: str = "CT01") -> Dataset:
        """Give the one worklist entry of an order."""
        items = self.worklist(calling, AccessionNumber=order.accession)
        assert len(items) == 1, items
        return items[0]

    def step_ids(self, order: Order) -> list[str]:
        """Give the Scheduled Procedure Step IDs that the worklist shows of an order."""
        items = self.worklist(AccessionNumber=order.accession)
        return sorted(
            item.ScheduledProcedureStepSequence[0].ScheduledProcedureStepID for item in items
        )

    def store(self, study: Study, *options: str) -> None:
        """Store images that must all be accepted."""
        stored = self.modality().store(study.paths, *options)
        assert stored.ok, stored.output
        assert len(stored.statuses) == len(study.paths)

    def start_step(self, order: Order, *others: Order, uid: str | None = None) -> str:
        """Start a performed procedure step of the order (RAD-6); give its SOP Instance UID.

        It is performed for `others` as well: the group case.
        """
        uid = uid or str(generate_uid())
        elements = started(order)
        for other in others:
            scheduled = started(other)["ScheduledStepAttributesSequence"]
            elements["ScheduledStepAttributesSequence"] += scheduled
        status = self.mpps.create_step(self.bridge.dicom_port, uid, elements)
        assert status == 0x0000, f"{status:04X}H"
        return uid

    def end_step(self, uid: str, study: Study, status: str = COMPLETED) -> None:
        """End a performed procedure step (RAD-7)."""
        answer = self.mpps.set_step(self.bridge.dicom_port, uid, ended(study, status))
        assert answer == 0x0000, f"{answer:04X}H"

    # --- EHR ------------------------------------------------------------------------------------
    def published(
        self, study_uid: str, where: Callable[[Resource], bool] | None = None, seconds: float = 20.0
    ) -> Resource:
        """Wait for the study at the EHR, and give its one ImagingStudy (of which `where` holds)."""
        seen: list[Resource] = []

        def ask() -> Resource | None:
            with suppress(URLError, HTTPError):
                seen[:] = self.ehr.imaging_studies(study_uid)
            assert len(seen) < 2, f"{len(seen)} ImagingStudy resources of one study"
            fitting = [one for one in seen if where is None or where(one)]
            return fitting[0] if fitting else None

        try:
            found = wait_until(ask, f"ImagingStudy of {study_uid}", seconds, pause=0.05)
        except PeerError as error:
            raise PeerError(f"{error}; held: {seen}\n{self.bridge.output()}") from None
        assert found is not None
        return found

    def published_complete(self, study: Study, seconds: float = 20.0) -> Resource:
        """Wait until the EHR holds every series and instance of the study, no more and no less."""
        return self.published(study.uid, lambda found: counts(found) == study.counts, seconds)

    def is_published(self, study_uid: str) -> bool:
        """Tell whether images of the study are told of; that it is to come is something else."""
        return any(one["status"] != "registered" for one in self.ehr.imaging_studies(study_uid))

    def endpoints(
        self, imaging_study: Resource, read: Callable[[str], Resource] | None = None
    ) -> list[Resource]:
        """Every Endpoint that a study names: those it contains (`#…`), and what `read` finds.

        Read is at the EHR unless something else is meant.
        """
        read = read or self.ehr.read
        inside = {f"#{each['id']}": each for each in imaging_study.get("contained", [])}
        named = [each["reference"] for each in imaging_study.get("endpoint", [])]
        return [inside[each] if each in inside else read(each) for each in named]

    # --- images on disk -------------------------------------------------------------------------
    def holds_bytes(self, content: bytes) -> bool:
        """Tell whether some file of the image store ends with these bytes of a data set."""
        return any(path.read_bytes().endswith(content) for path in stored_files(self.bridge.images))


def stored_files(images: Path) -> list[Path]:
    return [path for path in images.rglob("*") if path.is_file()]


def counts(imaging_study: Resource) -> dict[str, int]:
    """Give the number of instances by series; the totals must agree with them."""
    series = imaging_study.get("series", [])
    found = {one["uid"]: one["numberOfInstances"] for one in series}
    assert len(found) == len(series), "a series twice"
    assert imaging_study["numberOfSeries"] == len(found)
    assert imaging_study["numberOfInstances"] == sum(found.values())
    for one in series:
        if "instance" in one:
            uids = {instance["uid"] for instance in one["instance"]}
            assert len(uids) == len(one["instance"]) == one["numberOfInstances"]
    return found


def accessions_of(imaging_study: Resource) -> list[str]:
    """Give every accession number that `basedOn` names."""
    return sorted(one["identifier"]["value"] for one in imaging_study.get("basedOn", []))


def accession_of(imaging_study: Resource) -> str | None:
    """Give the accession number that `basedOn` names, if any."""
    for reference in imaging_study.get("basedOn", []):
        value = reference.get("identifier", {}).get("value")
        if value:
            return str(value)
    return None


def started(order: Order) -> dict[str, Any]:
    """N-CREATE of a performed procedure step (PS3.4 Table F.7.2-1)."""
    return {
        "SpecificCharacterSet": "ISO_IR 192",
        "ScheduledStepAttributesSequence": [
            {
                "StudyInstanceUID": order.study_uid,
                "ReferencedStudySequence": [],
                "AccessionNumber": order.accession,
                "RequestedProcedureID": order.rp_id,
                "RequestedProcedureDescription": order.description,
                "ScheduledProcedureStepID": order.step.id,
                "ScheduledProcedureStepDescription": order.step.description,
                "ScheduledProtocolCodeSequence": [],
            }
        ],
        "PatientName": order.patient.person_name,
        "PatientID": order.patient.id,
        "PatientBirthDate": order.patient.birth_date,
        "PatientSex": order.patient.sex,
        "ReferencedPatientSequence": [],
        "PerformedProcedureStepID": f"PPS{order.rp_id}"[:16],
        "PerformedStationAETitle": "CT01",
        "PerformedStationName": "",
        "PerformedLocation": "",
        "PerformedProcedureStepStartDate": order.date,
        "PerformedProcedureStepStartTime": order.time,
        "PerformedProcedureStepStatus": IN_PROGRESS,
        "PerformedProcedureStepDescription": "",
        "PerformedProcedureTypeDescription": "",
        "ProcedureCodeSequence": [],
        "PerformedProcedureStepEndDate": "",
        "PerformedProcedureStepEndTime": "",
        "Modality": "CT",
        "StudyID": order.rp_id,
        "PerformedProtocolCodeSequence": [],
        "PerformedSeriesSequence": [],
    }


def ended(study: Study, status: str = COMPLETED) -> dict[str, Any]:
    """N-SET to a final state, with every instance listed."""
    return {
        "SpecificCharacterSet": "ISO_IR 192",
        "PerformedProcedureStepStatus": status,
        "PerformedProcedureStepEndDate": "20240102",
        "PerformedProcedureStepEndTime": "100000",
        "PerformedSeriesSequence": [
            {
                "PerformingPhysicianName": "",
                "ProtocolName": "CT head",
                "OperatorsName": "",
                "SeriesInstanceUID": uid,
                "SeriesDescription": "",
                "RetrieveAETitle": "",
                "ReferencedImageSequence": [
                    {
                        "ReferencedSOPClassUID": "1.2.840.10008.5.1.4.1.1.2",
                        "ReferencedSOPInstanceUID": path.stem,
                    }
                    for path in paths
                ],
                "ReferencedNonImageCompositeSOPInstanceSequence": [],
            }
            for uid, paths in study.series.items()
        ],
    }

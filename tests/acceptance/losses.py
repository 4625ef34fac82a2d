"""What of the traffic that was acknowledged is missing, there twice, or older than it should be."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydicom import Dataset, dcmread

from tests.acceptance.hospital import Hospital, accession_of, counts, stored_files
from tests.acceptance.traffic import FAMILY, Case, Tally
from tests.peers.fhir_client import Resource
from tests.peers.process import PeerError, wait_until


def lost_entries(hospital: Hospital, tally: Tally) -> list[str]:
    """Compare the worklist with what was acknowledged: every order's newest state, once."""
    items = hospital.worklist(PatientName=f"{FAMILY}*")
    shown = {item.AccessionNumber: item for item in items}
    wrong = [
        number for number, times in Counter(i.AccessionNumber for i in items).items() if times > 1
    ]
    wrong += [case.order.accession for case in tally.cases if not is_right(case, shown)]
    return wrong


def is_right(case: Case, shown: dict[str, Dataset]) -> bool:
    entry = shown.get(case.order.accession)
    if case.fate in {"cancelled", "performed"}:
        return entry is None
    if case.fate == "scanned" and entry is None:
        # Nobody reported the step: whether it is still to be done is the site's own matter.
        return True
    return (
        entry is not None
        and entry.StudyInstanceUID == case.order.study_uid
        and entry.PatientID == case.order.patient.id
        and entry.RequestedProcedureDescription == case.order.description
    )


def lost_instances(images: Path, tally: Tally) -> list[str]:
    """Find acknowledged images that are not in the store, as they were sent."""
    held = {}
    for path in stored_files(images):
        head = dcmread(path, force=True, specific_tags=["SOPInstanceUID"], stop_before_pixels=True)
        if "SOPInstanceUID" in head:
            held[str(head.SOPInstanceUID)] = path
    return [uid for uid, sent in tally.instances.items() if not same(held.get(uid), sent)]


def same(held: Path | None, sent: Path) -> bool:
    return held is not None and dcmread(held, force=True) == dcmread(sent)


def lost_studies(hospital: Hospital, studies: dict[str, Case]) -> list[str]:
    """Wait for every study at the EHR; give those that never came, or not complete.

    A killed bridge's claims end with their leases (a minute), not with its restart.
    """
    missing = dict(studies)

    def all_there() -> bool:
        published = {uid_of(one): one for one in hospital.ehr.search("ImagingStudy")}
        for uid in [uid for uid in missing if is_complete(missing[uid], published.get(uid))]:
            del missing[uid]
        return not missing

    with contextlib.suppress(PeerError):
        wait_until(all_there, "every study is at the EHR", seconds=120, pause=0.5)
    return list(missing)


def is_complete(case: Case, published: Resource | None) -> bool:
    if published is None or case.study is None:
        return False
    same_order = accession_of(published) == case.order.accession
    return same_order and counts(published) == case.study.counts


def doubled_studies(hospital: Hospital) -> list[str]:
    uids = Counter(uid_of(one) for one in hospital.ehr.search("ImagingStudy"))
    patients = Counter(one["identifier"][0]["value"] for one in hospital.ehr.search("Patient"))
    return [name for name, times in (uids + patients).items() if times > 1]


def uid_of(imaging_study: Resource) -> str:
    (uid,) = [
        one["value"].removeprefix("urn:oid:")
        for one in imaging_study["identifier"]
        if one.get("system") == "urn:dicom:uid"
    ]
    return str(uid)


def overtaken_studies(requests: Sequence[Mapping[str, Any]], since: int = 0) -> list[str]:
    """Studies of which an EHR took something older after something newer.

    `requests` are what it was sent, in order; what happened before number `since` is told already.
    No study of the traffic ever loses an instance.
    """
    told: dict[str, list[tuple[int, int]]] = {}
    overtaken = set()
    for number, request in enumerate(requests):
        if int(request.get("status", 0)) >= 300:
            continue
        for resource in _written(request.get("body")):
            state = _RANKS[resource["status"]], int(resource.get("numberOfInstances", 0))
            before = told.setdefault(uid_of(resource), [state])
            is_older = any(new < old for new, old in zip(state, before[-1], strict=True))
            if is_older and number >= since:
                overtaken.add(uid_of(resource))
            before.append(state)
    return sorted(f"{uid} was told as (status, instances) {told[uid]}" for uid in overtaken)


_RANKS = {"registered": 0, "available": 1, "cancelled": 2, "entered-in-error": 2}


def _written(body: Resource | None) -> list[Resource]:
    entries = (body or {}).get("entry", [{"resource": body or {}}])
    resources = [entry.get("resource", {}) for entry in entries]
    return [each for each in resources if each.get("resourceType") == "ImagingStudy"]

"""A DICOM listener with in-memory services: one for all, emptied before each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bridge.dicom.configuration import DicomConfiguration, Peer
from bridge.domain.performed_step_policy import PerformedStepPolicy, Strictness
from tests.adapters.dicom.services import RunningBridge, running

DEVICES = (
    Peer(ae_title="STRICT01", performed_steps=PerformedStepPolicy(Strictness.STRICT)),
    Peer(ae_title="SILENT01", performed_steps=PerformedStepPolicy(Strictness.SILENT)),
    Peer(ae_title="ANGIO01", performed_steps=PerformedStepPolicy(creates_from_set=True)),
)


@pytest.fixture(scope="session")
def listener() -> Iterator[RunningBridge]:
    with running(DicomConfiguration(peers=DEVICES)) as started:
        yield started


@pytest.fixture
def bridge(listener: RunningBridge) -> RunningBridge:
    listener.empty()
    return listener

"""A DICOM listener with in-memory services: one for all, emptied before each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.adapters.dicom.services import RunningBridge, running


@pytest.fixture(scope="session")
def listener() -> Iterator[RunningBridge]:
    with running() as started:
        yield started


@pytest.fixture
def bridge(listener: RunningBridge) -> RunningBridge:
    listener.empty()
    return listener

"""The Modality Performed Procedure Step SCP (PS3.4 Annex F): what modalities say they did."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, Protocol

from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pynetdicom.events import Event

from bridge.dicom.configuration import DicomConfiguration
from bridge.dicom.connection import calling_ae_title, peer_of
from bridge.dicom.performed_step_report import read_report
from bridge.dicom.performed_step_state import as_creation, state_of
from bridge.dicom.sop_classes import PERFORMED_STEP, PERFORMED_STEP_RETRIEVE
from bridge.dicom.statuses import PERFORMED_STEP as ERRORS
from bridge.dicom.statuses import Status, failure, status, with_attributes
from bridge.domain.errors import BridgeError, DataTypeError
from bridge.domain.performed_step import (
    NoSuchPerformedStep,
    Operation,
    PerformedStepMessage,
    PerformedStepReport,
    PerformedStepStatus,
    Recorded,
)
from bridge.domain.performed_step_policy import PerformedStepPolicy, Strictness

Answer = tuple[int | Dataset, Dataset | None]

_log = logging.getLogger(__name__)


class PerformedStepRecorder(Protocol):
    """What keeps performed steps: `services.record_performed_step`."""

    def create(self, report: PerformedStepReport, peer: str, *, strict: bool = False) -> Recorded:
        """Record a step that has begun."""

    def update(self, report: PerformedStepReport, peer: str, *, strict: bool = False) -> Recorded:
        """Record how a step goes on, or that it ended."""

    def refuse(
        self, report: PerformedStepReport, peer: str, operation: Operation, error: BridgeError
    ) -> None:
        """Keep what could not even be read."""

    def messages(self, sop_instance_uid: str) -> Sequence[PerformedStepMessage]:
        """All that was told of a step, in order; nothing when it is not known."""


class PerformedStepProvider:
    """Answers N-CREATE, N-SET and N-GET requests.

    What is missing or may not be set is let pass, noted and answered with a warning (0107H), or
    refused, as is configured of the device: what counts is which scheduled step was performed.
    """

    def __init__(self, configuration: DicomConfiguration, recorder: PerformedStepRecorder) -> None:
        self._configuration = configuration
        self._recorder = recorder

    def handle_create(self, event: Event) -> Answer:
        """Record an N-CREATE. Without a SOP Instance UID one is assigned (PS3.7 10.1.5.1.4)."""
        request: Any = event.request
        if str(request.AffectedSOPClassUID) != PERFORMED_STEP:
            return _not_of_this_class("N-CREATE"), None
        given = str(request.AffectedSOPInstanceUID or "")
        uid = given or f"2.25.{uuid.uuid4().int}"
        outcome = self._record(
            event, self._recorder.create, uid, request.AttributeList, Operation.CREATE
        )
        return outcome, None if given else _assigned(uid)

    def handle_set(self, event: Event) -> Answer:
        """Record an N-SET."""
        request: Any = event.request
        if str(request.RequestedSOPClassUID) != PERFORMED_STEP:
            return _not_of_this_class("N-SET"), None
        uid = str(request.RequestedSOPInstanceUID or "")
        record = self._update if self._policy(event).creates_from_set else self._recorder.update
        return self._record(event, record, uid, request.ModificationList, Operation.SET), None

    def handle_get(self, event: Event) -> Answer:
        """Tell what is known of a step (F.8, Modality Performed Procedure Step Retrieve)."""
        request: Any = event.request
        if str(request.RequestedSOPClassUID) != PERFORMED_STEP_RETRIEVE:
            return _not_of_this_class("N-GET"), None
        try:
            messages = self._recorder.messages(str(request.RequestedSOPInstanceUID or ""))
            if not messages:
                raise NoSuchPerformedStep("no performed step of this UID was created")
            return _asked_for(state_of(messages), request.AttributeIdentifierList)
        except Exception as error:  # whatever it is, the peer must hear of it
            return failure(error, ERRORS, peer_of(event)), None

    def _policy(self, event: Event) -> PerformedStepPolicy:
        return self._configuration.performed_steps_of(calling_ae_title(event))

    def _update(self, report: PerformedStepReport, peer: str, *, strict: bool = False) -> Recorded:
        """Record an N-SET, and before it the N-CREATE that was lost, when there was none."""
        try:
            return self._recorder.update(report, peer, strict=strict)
        except NoSuchPerformedStep:
            created = as_creation(report.encoded, report.transfer_syntax_uid)
            status = PerformedStepStatus.IN_PROGRESS.value
            self._recorder.create(replace(report, status=status, encoded=created), peer)
            return self._recorder.update(report, peer, strict=strict)

    def _record(
        self,
        event: Event,
        record: Callable[..., Recorded],
        uid: str,
        attributes: Any,
        operation: Operation,
    ) -> int | Dataset:
        policy, peer = self._policy(event), peer_of(event)
        try:
            data = bytes(attributes.getvalue()) if attributes is not None else b""
            report = self._read(data, str(event.context.transfer_syntax), uid, peer, operation)
            strict = policy.strictness is Strictness.STRICT
            return _outcome(record(report, peer, strict=strict), policy, peer, uid)
        except Exception as error:  # whatever it is, the peer must hear of it
            return failure(error, ERRORS, peer)

    def _read(
        self, data: bytes, transfer_syntax_uid: str, uid: str, peer: str, operation: Operation
    ) -> PerformedStepReport:
        try:
            return read_report(data, transfer_syntax_uid, uid)
        except DataTypeError as error:
            unread = PerformedStepReport(sop_instance_uid=uid, status="", encoded=data)
            self._recorder.refuse(unread, peer, operation, error)
            raise


def _not_of_this_class(operation: str) -> Dataset:
    return status(Status.UNRECOGNIZED_OPERATION, f"{operation} is not of this SOP class")


def _outcome(recorded: Recorded, policy: PerformedStepPolicy, peer: str, uid: str) -> int | Dataset:
    if recorded.warnings:
        about = {"peer": peer, "performed_step": uid, "warnings": list(recorded.warnings)}
        _log.warning("performed step taken with warnings", extra=about)
    if not recorded.ignored or policy.strictness is Strictness.SILENT:
        return Status.SUCCESS
    return with_attributes(status(Status.ATTRIBUTE_LIST_ERROR), recorded.ignored)


def _asked_for(state: Dataset, asked: Any) -> Answer:
    """The attributes that were asked for, all when none was named, as far as they are known."""
    tags = [] if asked is None else list(asked) if isinstance(asked, Iterable) else [asked]
    if not tags:
        return Status.SUCCESS, state
    found = Dataset()
    for tag in (*tags, tag_for_keyword("SpecificCharacterSet")):
        if tag in state:
            found.add(state[tag])
    known = all(tag in state for tag in tags)
    return Status.SUCCESS if known else status(Status.OPTIONAL_ATTRIBUTES_UNSUPPORTED), found


def _assigned(uid: str) -> Dataset:
    answer = Dataset()
    answer.AffectedSOPInstanceUID = uid
    return answer

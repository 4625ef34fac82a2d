"""In-memory services behind a real DICOM listener."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from threading import Event

from bridge.dicom.availability import AvailabilityProvider
from bridge.dicom.commitment_scu import CommitmentRequests
from bridge.dicom.configuration import DicomConfiguration
from bridge.dicom.query_retrieve import ImageSource
from bridge.dicom.scu import Remote
from bridge.dicom.server import DicomServer
from bridge.dicom.worklist_codec import WorklistCodec
from bridge.domain.commitment import CommitmentRequest
from bridge.domain.errors import BridgeError
from bridge.domain.performed_step import (
    DuplicatePerformedStep,
    InvalidPerformedStepStatus,
    NoSuchPerformedStep,
    Operation,
    PerformedStepFinal,
    PerformedStepMessage,
    PerformedStepReport,
    Recorded,
)
from bridge.domain.study import InstanceHeader, Receipt, RefusedInstance
from bridge.domain.worklist import WorklistEntry, WorklistItem, WorklistQuery
from bridge.services.content import Content, as_content
from bridge.services.read_images import (
    Above,
    FoundInstance,
    FoundPatient,
    FoundSeries,
    FoundStudy,
    ImageQuery,
)


@dataclass
class Worklist:
    """Answers every query with the same items, and remembers what was asked."""

    items: Sequence[WorklistItem] = ()
    error: Exception | None = None
    queries: list[WorklistQuery] = field(default_factory=list)

    def hold(self, *entries: WorklistEntry) -> None:
        self.items = [WorklistCodec().encode(entry) for entry in entries]

    def find(self, query: WorklistQuery, limit: int) -> Sequence[WorklistItem]:
        self.queries.append(query)
        if self.error is not None:
            raise self.error
        return self.items[: limit + 1]


@dataclass
class Instances:
    """Keeps what it receives."""

    error: Exception | None = None
    received: list[tuple[InstanceHeader, bytes, str, str]] = field(default_factory=list)
    refused: list[RefusedInstance] = field(default_factory=list)
    entered: Event = field(default_factory=Event)
    gate: Event = field(default_factory=Event)

    def __post_init__(self) -> None:
        self.gate.set()

    def receive(
        self, header: InstanceHeader, content: bytes | Content, digest: str, peer: str
    ) -> Receipt:
        self.entered.set()
        self.gate.wait(30)
        if self.error is not None:
            raise self.error
        self.received.append((header, as_content(content).whole(), digest, peer))
        return Receipt.STORED

    def refuse(self, refused: RefusedInstance) -> None:
        self.refused.append(refused)


@dataclass
class PerformedSteps:
    """Keeps steps by the rules of PS3.4 F.7.2."""

    error: Exception | None = None
    steps: dict[str, PerformedStepReport] = field(default_factory=dict)
    told: dict[str, list[PerformedStepMessage]] = field(default_factory=dict)
    refused: list[tuple[bytes, Operation, str]] = field(default_factory=list)
    ignored: tuple[str, ...] = ()
    set_error: Exception | None = None
    strict: bool = False

    def create(self, report: PerformedStepReport, peer: str, *, strict: bool = False) -> Recorded:
        self.strict = strict
        if self.error is not None:
            raise self.error
        if report.status != "IN PROGRESS":
            raise InvalidPerformedStepStatus("a step begins IN PROGRESS")
        if report.sop_instance_uid in self.steps:
            raise DuplicatePerformedStep("the step is known")
        self._keep(report, Operation.CREATE)
        return Recorded()

    def update(self, report: PerformedStepReport, peer: str, *, strict: bool = False) -> Recorded:
        if self.set_error is not None:
            raise self.set_error
        known = self.steps.get(report.sop_instance_uid)
        if known is None:
            raise NoSuchPerformedStep("the step is unknown")
        if known.status != "IN PROGRESS":
            raise PerformedStepFinal("the step has ended")
        self._keep(report, Operation.SET)
        return Recorded(ignored=self.ignored)

    def refuse(
        self, report: PerformedStepReport, peer: str, operation: Operation, error: BridgeError
    ) -> None:
        self.refused.append((report.encoded, operation, error.message))

    def messages(self, sop_instance_uid: str) -> list[PerformedStepMessage]:
        return self.told.get(sop_instance_uid, [])

    def _keep(self, report: PerformedStepReport, operation: Operation) -> None:
        self.steps[report.sop_instance_uid] = report
        told = self.told.setdefault(report.sop_instance_uid, [])
        told.append(
            PerformedStepMessage(
                number=len(told) + 1,
                operation=operation,
                transfer_syntax_uid=report.transfer_syntax_uid,
                encoded=report.encoded,
            )
        )


@dataclass
class RunningBridge:
    """A listener and the services behind it."""

    server: DicomServer
    worklist: Worklist
    instances: Instances
    performed_steps: PerformedSteps

    @property
    def port(self) -> int:
        return self.server.port

    @property
    def remote(self) -> Remote:
        return self.called_by("CT01")

    def empty(self) -> None:
        """Forget everything, so that the next test finds nothing."""
        self.worklist.items, self.worklist.error = (), None
        self.worklist.queries.clear()
        self.instances.error = None
        self.instances.received.clear()
        self.instances.refused.clear()
        self.performed_steps.error = None
        self.performed_steps.steps.clear()
        self.performed_steps.told.clear()
        self.performed_steps.refused.clear()
        self.performed_steps.ignored = ()
        self.performed_steps.set_error = None

    def called_by(self, ae_title: str) -> Remote:
        return Remote(
            ae_title="BRIDGE", host="127.0.0.1", port=self.port, calling_ae_title=ae_title
        )


class Commitments:
    """Keeps requests in a list, unless it is to fail."""

    def __init__(self, error: Exception | None = None) -> None:
        self.requests: list[CommitmentRequest] = []
        self.error = error

    def request(self, request: CommitmentRequest) -> None:
        if self.error is not None:
            raise self.error
        self.requests.append(request)


class NothingAsked:
    """No archive was asked to commit to anything."""

    def open(
        self,
        transaction_uid: str,
        destination: str,
        study_instance_uid: str,
        uids: Collection[str],
        shown_as: str = "",
    ) -> None:
        raise AssertionError(transaction_uid)

    def withdraw(self, transaction_uid: str) -> None:
        raise AssertionError(transaction_uid)

    def awaited(
        self, destination: str, study_instance_uid: str, seconds: float
    ) -> Mapping[str, float]:
        return {}

    def safe(self, destination: str, study_instance_uid: str) -> frozenset[str]:
        return frozenset()

    def is_answered(self, transaction_uid: str) -> bool:
        return True

    def report(self, transaction_uid: str, committed: Collection[str]) -> bool:
        return False


class NoImages:
    """An archive that received nothing."""

    def patients(self, query: ImageQuery) -> Sequence[FoundPatient]:
        return ()

    def studies(self, query: ImageQuery) -> Sequence[FoundStudy]:
        return ()

    def series(self, query: ImageQuery) -> Sequence[FoundSeries]:
        return ()

    def instances(self, query: ImageQuery) -> Sequence[FoundInstance]:
        return ()

    def above(self, found: Sequence[object]) -> Above:
        return Above()

    def open(self, instance: FoundInstance) -> Content:
        raise FileNotFoundError(instance.path)


@contextmanager
def running(
    configuration: DicomConfiguration | None = None,
    images: ImageSource | None = None,
    commitment: Commitments | None = None,
    availability: AvailabilityProvider | None = None,
    commitment_requests: CommitmentRequests | None = None,
) -> Iterator[RunningBridge]:
    """Run a listener on a free port."""
    worklist, instances, performed_steps = Worklist(), Instances(), PerformedSteps()
    server = DicomServer(
        replace(configuration or DicomConfiguration(), port=0),
        worklist=worklist,
        instances=instances,
        performed_steps=performed_steps,
        images=images or NoImages(),
        commitment=commitment or Commitments(),
        availability=availability,
        commitment_requests=commitment_requests or CommitmentRequests(NothingAsked()),
    )
    server.start()
    try:
        yield RunningBridge(server, worklist, instances, performed_steps)
    finally:
        server.stop()

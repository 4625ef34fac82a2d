"""Deliveries: one thing to tell one destination, and what to do when telling it fails."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bridge.domain.errors import BridgeError


class DeliveryState(StrEnum):
    """`PARKED` waits for a hand; `DEAD` was refused for good; both can be retried by hand."""

    PENDING = "pending"
    SENDING = "sending"
    DELIVERED = "delivered"
    PARKED = "parked"
    DEAD = "dead"


class EventKind(StrEnum):
    """What a delivery tells."""

    STUDY_SCHEDULED = "study.scheduled"
    STUDY_STARTED = "study.started"
    STUDY_AVAILABLE = "study.available"
    STUDY_CHANGED = "study.changed"
    STUDY_UNMATCHED = "study.unmatched"
    STUDY_WITHDRAWN = "study.withdrawn"
    ORDER_HELD = "order.held"
    ORDER_SCHEDULED = "order.scheduled"
    ORDER_CHANGED = "order.changed"
    ORDER_CANCELED = "order.canceled"
    PATIENT_ARRIVED = "patient.arrived"
    STEP_STARTED = "step.started"
    STEP_COMPLETED = "step.completed"
    STEP_DISCONTINUED = "step.discontinued"
    ACKNOWLEDGEMENT = "acknowledgement"
    STORAGE_COMMITMENT = "storage commitment"
    PERFORMED_STEP = "performed step"


ORDER_KINDS = (
    EventKind.ORDER_HELD,
    EventKind.ORDER_SCHEDULED,
    EventKind.ORDER_CHANGED,
    EventKind.PATIENT_ARRIVED,
    EventKind.STEP_STARTED,
    EventKind.STEP_COMPLETED,
    EventKind.STEP_DISCONTINUED,
    EventKind.ORDER_CANCELED,
)
"""What is told of an order, in the order in which it is told when it happened at once."""

STUDY_KINDS = (
    EventKind.STUDY_UNMATCHED,
    EventKind.STUDY_AVAILABLE,
    EventKind.STUDY_CHANGED,
    EventKind.STUDY_WITHDRAWN,
)
"""What is told of a study."""

EXPECTED_STUDY_KINDS = (EventKind.STUDY_SCHEDULED, EventKind.STUDY_STARTED)
"""What is told of the study that an order is to become: that it is known, or will not come.

`STUDY_SCHEDULED` follows its order from the beginning, `STUDY_STARTED` once the examination began.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A claimed delivery. Its lane is (destination, subject): strict order inside, none across.

    `owner` is who claimed it: only that one may say what became of it. `created_at` is the unix
    time of the event.
    """

    pk: int
    destination: str
    subject: str
    kind: EventKind
    attempts: int
    correlation: str
    owner: str = ""
    created_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Sent:
    """A delivery the receiver confirmed: what was said both ways, for the journal.

    `unchanged` is true when the receiver already had exactly this and nothing was sent.
    """

    request: bytes = b""
    response: bytes = b""
    content_hash: str = ""
    unchanged: bool = False


class TransportError(BridgeError):
    """Sending failed. `unreachable` means that nobody was there: it burns no attempt."""

    def __init__(
        self,
        message: str,
        *,
        permanent: bool,
        unreachable: bool = False,
        request: bytes = b"",
        response: bytes = b"",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, permanent=permanent)
        self.unreachable = unreachable
        self.request = request
        self.response = response
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential back-off: `base` seconds doubled per attempt up to `ceiling`, then parked."""

    base: float = 1.0
    ceiling: float = 300.0
    attempts: int = 12


@dataclass(frozen=True, slots=True)
class RetryDecision:
    """What becomes of a delivery that failed: its next state, and how long to wait (seconds)."""

    state: DeliveryState
    delay: float = 0.0
    counts: bool = True


def decide_retry(
    policy: RetryPolicy, error: TransportError, attempts: int, jitter: float
) -> RetryDecision:
    """`attempts` counts those that failed before this one; `jitter` is in [0, 1)."""
    if error.permanent:
        return RetryDecision(DeliveryState.DEAD)
    delay = min(policy.ceiling, policy.base * 2.0 ** min(attempts, 30)) * (0.5 + jitter / 2)
    if error.retry_after is not None:
        delay = max(delay, error.retry_after)
    if error.unreachable:
        return RetryDecision(DeliveryState.PENDING, min(delay, policy.ceiling), counts=False)
    if attempts + 1 >= policy.attempts:
        return RetryDecision(DeliveryState.PARKED)
    return RetryDecision(DeliveryState.PENDING, delay)

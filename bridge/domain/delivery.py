"""Deliveries: one thing to tell one destination, and what to do when telling it fails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    STUDY_FIRST_IMAGE = "study.first_image"
    STUDY_AVAILABLE = "study.available"
    STUDY_CHANGED = "study.changed"
    STUDY_CORRECTED = "study.corrected"
    STUDY_REJECTED = "study.rejected"
    STUDY_EXPIRED = "study.expired"
    STUDY_UNMATCHED = "study.unmatched"
    STUDY_WITHDRAWN = "study.withdrawn"
    MATCH_DECIDED = "match.decided"
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
    SUBSCRIPTION_HANDSHAKE = "subscription handshake"
    SUBSCRIPTION_EVENT = "subscription event"
    SUBSCRIPTION_HEARTBEAT = "subscription heartbeat"
    MESSAGE = "message"


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
"""What is told of a study, in words that say how it stands now."""

CORRECTION_KINDS = (
    EventKind.STUDY_CORRECTED,
    EventKind.STUDY_REJECTED,
    EventKind.STUDY_EXPIRED,
)
"""Finer words: why a study changed or was taken back (IHE RAD IOCM).

Who asks for one of them is told by it instead of by the wider word, never by both.
"""

FINER_STUDY_KINDS = (
    EventKind.STUDY_FIRST_IMAGE,
    EventKind.MATCH_DECIDED,
    *CORRECTION_KINDS,
)
"""What is told of a study only to who asks for it by name."""

EXPECTED_STUDY_KINDS = (EventKind.STUDY_SCHEDULED, EventKind.STUDY_STARTED)
"""What is told of the study that an order is to become: that it is known, or will not come.

`STUDY_SCHEDULED` follows its order from the beginning, `STUDY_STARTED` once the examination began.
"""

LONGEST_RETRY_AFTER = 86_400.0
"""A receiver that asks for more patience than a day, in seconds, has made a mistake."""

_TOLD_WITH: Mapping[EventKind, frozenset[EventKind]] = {
    EventKind.STUDY_CHANGED: frozenset(
        {EventKind.STUDY_CHANGED, EventKind.STUDY_CORRECTED, EventKind.STUDY_AVAILABLE}
    ),
    # Who has not heard of the study yet has nothing to correct.
    EventKind.STUDY_CORRECTED: frozenset({EventKind.STUDY_CORRECTED, EventKind.STUDY_AVAILABLE}),
    EventKind.MATCH_DECIDED: frozenset({EventKind.MATCH_DECIDED}),
    EventKind.ORDER_CHANGED: frozenset({EventKind.ORDER_CHANGED, EventKind.ORDER_SCHEDULED}),
    **dict.fromkeys(EXPECTED_STUDY_KINDS, frozenset(EXPECTED_STUDY_KINDS)),
}
"""A change → what waits and will carry it, since all is told as it stands when it is sent."""

_TURNS = frozenset(
    {
        EventKind.STUDY_WITHDRAWN,
        EventKind.STUDY_UNMATCHED,
        EventKind.STUDY_REJECTED,
        EventKind.STUDY_EXPIRED,
        EventKind.ORDER_CANCELED,
        EventKind.ORDER_HELD,
    }
)
"""After these a change means something else than it did before them."""

_TURNS_FOR: Mapping[EventKind, frozenset[EventKind]] = {EventKind.MATCH_DECIDED: frozenset()}
"""A decision says which one stands, whatever else is told between: the newest is told once."""

REPLAYED_ANY_TIME = frozenset(
    {
        EventKind.STUDY_AVAILABLE,
        EventKind.STUDY_CHANGED,
        EventKind.STUDY_CORRECTED,
        EventKind.MATCH_DECIDED,
    }
)
"""What may be told although something later was: it says how the study stands, and that is true."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A delivery of a lane that is not over. `untouched`: the receiver cannot have heard of it."""

    pk: int
    kind: EventKind
    untouched: bool


def carrier_of(kind: EventKind, lane: Sequence[Waiting]) -> int | None:
    """Which waiting delivery of a lane, given newest first, carries a new event; None for none.

    A change rides with a change, or with what made the record known, that waits before it; a
    decision with the decision that waits. Every other event is one that receivers must see each
    of, in order: it rides only with itself, and only at the end of the lane. What may have reached
    the receiver carries nothing: who knows its id would take the second for a repetition.
    """
    if kind is EventKind.MESSAGE:  # one for each message that is passed on as it came
        return None
    riders, turns = _TOLD_WITH.get(kind), _TURNS_FOR.get(kind, _TURNS)
    for each in lane:
        if each.kind in (riders or {kind}) and each.untouched:
            return each.pk
        if riders is None or each.kind in turns:
            return None
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A claimed delivery. Its lane is (destination, subject): strict order inside, none across.

    `owner` is who claimed it: only that one may say what became of it. `created_at` is the unix
    time of the event. `in_doubt` says that the receiver may have heard of it already.
    """

    pk: int
    destination: str
    subject: str
    kind: EventKind
    attempts: int
    correlation: str
    owner: str = ""
    created_at: float = 0.0
    in_doubt: bool = False


LONGEST_SAID, LONGEST_OF_SUCCESS = 2000, 200
"""Characters of what was said either way that are kept with an attempt that failed, or did not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """What was said at one attempt, in short. `may_have_arrived`: the receiver may have it."""

    request: str = ""
    answered: str = ""
    response: str = ""
    may_have_arrived: bool = True


NOTHING_SAID = Exchange()


def in_short(content: bytes, most: int = LONGEST_SAID) -> str:
    """The beginning of what was said, as text, for people to read; at most so many characters."""
    text = content[: 4 * most].decode("utf-8", "backslashreplace").replace("\0", "\u2400")
    return text if len(text) <= most else text[: most - 1] + "…"


@dataclass(frozen=True, slots=True)
class Sent:
    """A delivery the receiver confirmed: what was said both ways, for the journal.

    `unchanged` is true when the receiver already had exactly this and nothing was sent. `answered`
    is the receiver's own word in short (`201 Created`, `AA`, `0000H`).
    """

    request: bytes = b""
    response: bytes = b""
    content_hash: str = ""
    unchanged: bool = False
    answered: str = ""


class TransportError(BridgeError):
    """Sending failed. `unreachable` means that nobody was there: it burns no attempt.

    `doubtful` says that the failure casts doubt on the destination rather than on what was told:
    silence, 5xx; unless said, whatever is not final and has no answer. `outage` says so for
    certain: it burns no attempt, and another asks next. `retry_after` is the receiver's wish in
    seconds, `answered` its own word in short (`503`, `AE`, `A700H`).
    """

    def __init__(  # noqa: PLR0913
        self,
        message: str,
        *,
        permanent: bool,
        unreachable: bool = False,
        request: bytes = b"",
        response: bytes = b"",
        retry_after: float | None = None,
        answered: str = "",
        doubtful: bool | None = None,
        outage: bool = False,
    ) -> None:
        super().__init__(message, permanent=permanent)
        self.unreachable = unreachable
        self.outage = outage
        self.request = request
        self.response = response
        self.retry_after = retry_after
        self.answered = answered
        self.doubtful = not permanent and not response if doubtful is None else doubtful


class NotYet(TransportError):
    """The destination has heard all, and has yet to do its part: no failure, and no outage."""

    def __init__(self, message: str, *, retry_after: float) -> None:
        super().__init__(message, permanent=False, retry_after=retry_after)
        self.doubtful = False


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
    delay = backoff(policy, error, attempts, jitter)
    if error.unreachable or isinstance(error, NotYet):
        return RetryDecision(DeliveryState.PENDING, delay, counts=False)
    if attempts + 1 >= policy.attempts:
        return RetryDecision(DeliveryState.PARKED)
    return RetryDecision(DeliveryState.PENDING, delay)


def backoff(policy: RetryPolicy, error: TransportError, failures: int, jitter: float) -> float:
    """Seconds to wait after that many failures: anything up to the doubled base ("full jitter").

    So those that failed together do not come again together. A receiver's own wish is kept.
    """
    delay = min(policy.ceiling, policy.base * 2.0 ** min(failures, 30)) * (1.0 - jitter)
    if error.retry_after is not None:
        return max(delay, min(error.retry_after, LONGEST_RETRY_AFTER))
    return delay

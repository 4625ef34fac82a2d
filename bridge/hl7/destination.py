"""The HL7 v2 destination: tells a HIS or RIS what became of its orders, over MLLP.

One message for each procedure, in its newest state. What the receiver confirmed already is not said
again; what is sent again, because nobody knows whether it arrived, is the same message (MSH-10).
"""

from __future__ import annotations

import hashlib
import logging
import threading
from dataclasses import dataclass, field
from typing import Final

from bridge.domain.delivery import (
    CORRECTION_KINDS,
    ORDER_KINDS,
    Delivery,
    EventKind,
    RetryPolicy,
    Sent,
    TransportError,
)
from bridge.domain.publication import News
from bridge.domain.told import IN_DOUBT, ProcedureNews
from bridge.hl7.assigned_numbers import find_assigned
from bridge.hl7.errors import LinkError
from bridge.hl7.intake import source_of
from bridge.hl7.message_writer import MessageWriter, Wire
from bridge.hl7.messages import type_of
from bridge.hl7.order_values import Perspective, telling
from bridge.hl7.passing_on import UNCHANGED, PassingOn
from bridge.hl7.persistent_connection import PersistentConnection
from bridge.hl7.receiver_answers import code_of
from bridge.hl7.sending import Conversation
from bridge.hl7.silences import Silences
from bridge.mapping.errors import ProfileError
from bridge.mapping.library import Profiles
from bridge.mapping.outbound import OutboundProfile
from bridge.services.fence import check_held, check_held_still
from bridge.services.pass_on_messages import PassedOn
from bridge.services.tell_of_procedures import NewsByProcedure, Record, Said

_LOG: Final = logging.getLogger(__name__)
KINDS: Final = frozenset(
    {
        *ORDER_KINDS,
        EventKind.STUDY_AVAILABLE,
        EventKind.STUDY_CHANGED,
        EventKind.STUDY_WITHDRAWN,
    }
)
"""What a receiver is told of when nothing else is configured."""

SPEAKABLE: Final = KINDS | {*CORRECTION_KINDS}
"""What a receiver can be told of."""

_LINGER_SECONDS: Final = 0.3


@dataclass(slots=True)
class _Said:
    """What was said both ways at one attempt."""

    requests: list[bytes] = field(default_factory=list)
    responses: list[bytes] = field(default_factory=list)


class Hl7Destination:
    """Implements `services.deliver.Destination` for a receiver of HL7 v2 messages.

    `send` needs news by procedure (services.tell_of_procedures). One message is under way at a
    time, whoever calls.
    """

    def __init__(
        self,
        *,
        name: str,
        conversation: Conversation,
        writer: CurrentWriter,
        view: Perspective,
        retry: RetryPolicy,
        kinds: frozenset[EventKind] = KINDS,
        passing_on: PassingOn = UNCHANGED,
    ) -> None:
        """Take the parts; `kinds` are the events that were configured."""
        self.name = name
        self.retry = retry
        self._conversation = conversation
        self._writer = writer
        self._view = view
        self._kinds = kinds & {*SPEAKABLE, EventKind.MESSAGE}
        self._passing_on = passing_on
        self._silences = Silences()
        self._lock = threading.Lock()

    @property
    def connection(self) -> PersistentConnection:
        """The connection that is kept to the receiver."""
        return self._conversation.connection

    @property
    def profiles(self) -> Profiles[OutboundProfile]:
        """The profile as it is in force."""
        return self._writer.profiles

    def accepts(self, kind: EventKind) -> bool:
        """Events of orders and studies, of the kinds that were configured."""
        return kind in self._kinds

    def check(self) -> str:
        """Whether a connection is taken, TLS included; no message is sent.

        Raises:
            TransportError: nobody is there.
        """
        address = self.connection.address
        try:
            with address.connect() as client:
                client.linger(_LINGER_SECONDS)
        except LinkError as error:
            raise TransportError(error.message, permanent=False, unreachable=True) from error
        kind = "a TLS connection" if address.tls else "a connection"
        return f"{kind} is taken at {address.host}:{address.port}"

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()

    def send(self, delivery: Delivery, news: News, /) -> Sent:
        """Tell the newest state of each procedure, where the receiver does not have it already.

        Raises:
            TransportError: it was not confirmed.
        """
        with self._lock:
            return self._send(delivery, news)

    def _send(self, delivery: Delivery, news: News) -> Sent:
        if isinstance(news, PassedOn):
            return self._pass_on(delivery, news)
        if not isinstance(news, NewsByProcedure):
            raise TypeError("HL7 v2 is told by procedure")
        said = _Said()
        try:
            for each in news.procedures:
                self._tell(delivery, each, news, said)
        except TransportError as error:
            error.request = b"".join([*said.requests, error.request])
            error.response = b"".join([*said.responses, error.response])
            raise
        if not said.requests:
            return Sent(unchanged=True)
        return Sent(
            request=b"".join(said.requests),
            response=b"".join(said.responses),
            answered=code_of(said.responses[-1]),
        )

    def _say(self, delivery: Delivery, payload: bytes) -> bytes:
        """Send one message, unless another node delivers it by now: it may have told more."""
        check_held()
        try:
            answers = self._conversation.say(payload)
        except TransportError as error:
            self._silences.judge(delivery.pk, error)
            raise
        self._silences.answered(delivery.pk)
        return answers

    def _pass_on(self, delivery: Delivery, news: PassedOn) -> Sent:
        """Send a message as it came, or as this receiver wants it; always in the same bytes."""
        key = f"{delivery.destination}|{delivery.pk}|{delivery.created_at}"
        payload = self._passing_on.payload(key, news.raw, news.listener)
        answers = self._say(delivery, payload)
        return Sent(request=payload, response=answers, answered=code_of(answers))

    def _tell(
        self, delivery: Delivery, each: ProcedureNews, news: NewsByProcedure, said: _Said
    ) -> None:
        writer = self._writer()
        # What it says apart from when and why: the same content need not be said again.
        content = telling(each, "", 0.0, self._view)
        if not writer.tells_of(content.message):
            return
        digest = hashlib.sha256(writer.body(content).encode()).hexdigest()
        if each.told == digest and not each.is_withdrawn:
            return
        payload = self._write(writer, delivery, each)
        where = delivery.destination, delivery.subject, each.procedure.pk
        self._conversation.open(payload)
        check_held()
        if each.told != IN_DOUBT:
            news.record.sending(*where)
        try:
            answers = self._say(delivery, payload)
        except TransportError as error:
            if error.answered and each.told != IN_DOUBT:
                _restore(news.record, where, each.told)
            raise
        said.requests.append(payload)
        said.responses.append(answers)
        check_held_still()
        _take_numbers(news.record, each, answers)
        if each.is_withdrawn:
            news.record.withdrawn(*where)
        else:
            news.record.taken(*where, digest)

    def _write(self, writer: MessageWriter, delivery: Delivery, each: ProcedureNews) -> bytes:
        """The message: always the same for the same delivery and state, with MSH-7 and MSH-10."""
        whole = telling(each, delivery.kind.value, delivery.created_at, self._view)
        key = f"{delivery.destination}|{delivery.pk}|{delivery.created_at}|{each.procedure.pk}"
        return writer.write_for(key, whole, self._view.time(delivery.created_at))


def _take_numbers(record: Record, each: ProcedureNews, answers: bytes) -> None:
    """Before it is noted that the receiver has it: else an assigned number could be lost."""
    found = find_assigned(answers, each.order)
    if found is None:
        return
    response = found.response
    said = Said(
        source=source_of(response),
        type=type_of(response),
        control_id=response.control_id,
        raw=found.raw,
    )
    record.assigned(each.order, each.patient, found.placer, said)


def _restore(record: Record, where: tuple[str, str, int], told: str | None) -> None:
    """Who refuses in so many words still has what it had, or nothing."""
    if told is None:
        record.withdrawn(*where)
    else:
        record.taken(*where, told)


class CurrentWriter:
    """The writer of a link by the newest version of its profile; asked once for each message."""

    def __init__(self, profiles: Profiles[OutboundProfile], name: str, wire: Wire) -> None:
        """Raises ProfileError when the profile cannot be written to this peer."""
        self.profiles = profiles
        self._name = name
        self._wire = wire
        self._profile = profiles.get(name)
        self._writer = MessageWriter(self._profile, wire)

    def __call__(self) -> MessageWriter:
        """The writer as it is now; where a new version cannot be used, the last that could be."""
        profile = self.profiles.get(self._name)
        if profile is not self._profile:
            self._profile = profile
            try:
                self._writer = MessageWriter(profile, self._wire)
            except ProfileError as error:
                _LOG.error("hl7 profile cannot be used: %s", error)
        return self._writer

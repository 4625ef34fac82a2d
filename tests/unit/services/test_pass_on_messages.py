"""Accepted messages are passed on: each once, in the order in which they came."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.domain.delivery import DeliveryState, RetryDecision, Sent, TransportError
from bridge.domain.errors import BridgeError
from bridge.domain.events import Event
from bridge.domain.journal import Disposition
from bridge.domain.patient_events import PatientUpdated
from bridge.domain.subscription import Subscription
from bridge.services.pass_on_messages import PassedOn, PassOnMessages, PassOnRule
from bridge.services.receive_message import InboundMessage, ReceiveMessage
from bridge.services.tell_of_procedures import ProcedureOutbox
from tests.unit.services.core import Core, order, patient, updated, write_answer

ADT = PassOnRule(types=frozenset({"ADT"}), receiver="PACS")


class Relay:
    """The core's messages, passed on to `pacs`."""

    def __init__(self, core: Core, rule: PassOnRule = ADT) -> None:
        self.core = core
        self.messages = ReceiveMessage(
            store=core.store,
            handlers=core.handlers,
            default_start=lambda _at: "",
            pass_on=PassOnMessages({"pacs": rule}),
        )
        self.outbox = ProcedureOutbox(
            core.store, {"pacs": Subscription(kinds=frozenset())}, self.messages, core.clock
        )

    def hear(
        self, raw: str, event: Event | None = None, *, kind: str = "ADT^A08", **message: Any
    ) -> None:
        usual: dict[str, Any] = {
            "protocol": "hl7",
            "peer": "his 127.0.0.1:1",
            "source": "KIS|HAUS",
            "control_id": raw,
            "received_at": self.core.now,
        }
        inbound = InboundMessage(type=kind, raw=raw.encode(), **(usual | message))
        self.messages.receive(inbound, [event or updated(patient())], write_answer)

    def claim(self) -> list[Any]:
        return list(self.outbox.claim("pacs", "node", self.core.now, 60.0, 10))

    def passed(self) -> list[str]:
        """Work off the queue; gives the messages in the order in which they went out."""
        found = []
        while claimed := self.claim():
            assert len(claimed) == len({each.subject for each in claimed})
            for each in claimed:
                news = self.outbox.gather(each)
                assert isinstance(news, PassedOn)
                found.append(news.raw.decode())
                self.outbox.delivered(each, Sent(request=news.raw, response=b"AA"), self.core.now)
        return found


def test_given_messages_then_each_is_passed_on_once_in_its_turn(core: Core) -> None:
    relay = Relay(core)
    for raw in ("first", "second", "third"):
        relay.hear(raw)
    relay.hear("second")
    assert relay.passed() == ["first", "second", "third"]


def test_given_one_that_is_not_taken_then_those_behind_it_wait(core: Core) -> None:
    relay = Relay(core)
    relay.hear("first")
    relay.hear("second")
    (head,) = relay.claim()
    error = TransportError("AE", permanent=False, response=b"AE")
    again = RetryDecision(DeliveryState.PENDING, 10.0)
    relay.outbox.failed(head, error, again, core.now)
    assert relay.passed() == []
    core.now += 11
    assert relay.passed() == ["first", "second"]


def test_given_one_that_is_refused_for_good_then_the_next_follows(core: Core) -> None:
    relay = Relay(core)
    relay.hear("first")
    relay.hear("second")
    (head,) = relay.claim()
    error = TransportError("AR", permanent=True, response=b"AR")
    relay.outbox.failed(head, error, RetryDecision(DeliveryState.DEAD), core.now)
    assert relay.passed() == ["second"]


def test_given_two_listeners_then_one_does_not_wait_for_the_other(core: Core) -> None:
    relay = Relay(core)
    relay.hear("from one")
    relay.hear("from two", peer="ris 127.0.0.1:2")
    assert [each.subject for each in relay.claim()] == ["messages:his", "messages:ris"]


@pytest.mark.parametrize(
    ("rule", "message", "passed"),
    [
        (ADT, {}, True),
        (ADT, {"kind": "ORM^O01"}, False),
        (ADT, {"source": "PACS|HAUS"}, False),
        (ADT, {"protocol": "fhir"}, False),
        (PassOnRule(types=frozenset({"ADT^A40"})), {}, False),
        (PassOnRule(types=frozenset({"ADT^A08"})), {}, True),
        (PassOnRule(types=frozenset({"ADT"}), sources=frozenset({"KIS"})), {}, True),
        (PassOnRule(types=frozenset({"ADT"}), sources=frozenset({"KIS|HAUS"})), {}, True),
        (PassOnRule(types=frozenset({"ADT"}), sources=frozenset({"LAB"})), {}, False),
    ],
)
def test_given_a_rule_then_only_what_it_covers_goes(
    core: Core, rule: PassOnRule, message: dict[str, Any], passed: bool
) -> None:
    relay = Relay(core, rule)
    relay.hear("it", **message)
    assert bool(relay.passed()) is passed


def test_given_a_message_that_is_refused_then_it_goes_nowhere(core: Core) -> None:
    relay = Relay(core, PassOnRule(types=frozenset({"ORM"})))
    relay.hear("no such order", order("SC"), kind="ORM^O01")
    assert core.journal()[-1][0] == Disposition.REFUSED.value
    error = BridgeError("not to be read")
    inbound = InboundMessage(
        protocol="hl7",
        peer="his x",
        source="",
        type="ORM^O01",
        control_id="",
        raw=b"?",
        received_at=core.now,
    )
    relay.messages.refuse(inbound, error, write_answer)
    assert relay.passed() == []


def test_given_a_message_that_has_left_the_journal_then_nothing_is_sent(core: Core) -> None:
    relay = Relay(core)
    relay.hear("it", PatientUpdated(event="A08", patient=patient()))
    (head,) = relay.claim()
    gone = type(head)(
        **{name: getattr(head, name) for name in head.__slots__} | {"correlation": "99"}
    )
    assert relay.outbox.gather(gone) is None

"""Events at a broker that nobody here wrote: each once, in order, through its outages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest

from bridge.broadcast.nats import Broker, NatsDestination
from bridge.domain.delivery import Delivery, EventKind, RetryPolicy, TransportError
from bridge.domain.publication import OrderNews
from tests.peers.nats_server import TOKEN, NatsServer
from tests.unit.broadcast.test_events import ORDER, PATIENT

DELIVERY = Delivery(
    pk=11,
    destination="stream",
    subject="order:7",
    kind=EventKind.ORDER_SCHEDULED,
    correlation="A1",
    attempts=0,
    created_at=1_767_603_600.0,
)
NEWS = OrderNews(order=ORDER, patient=PATIENT)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    with closing(NatsServer(tmp_path_factory.mktemp("nats"))) as server:
        server.create_stream("IMAGING", "bridge.>")
        yield server


@pytest.fixture
def destination(server: NatsServer) -> Iterator[NatsDestination]:
    with closing(destination_of(Broker(url=server.url, token=TOKEN))) as destination:
        yield destination


def destination_of(broker: Broker) -> NatsDestination:
    return NatsDestination(
        name="stream",
        broker=broker,
        source="urn:bridge:HOSP",
        timeout=5.0,
        retry=RetryPolicy(base=1.0, ceiling=1.0, attempts=3),
    )


def test_given_an_event_sent_twice_then_the_stream_holds_it_once(
    server: NatsServer, destination: NatsDestination
) -> None:
    before = len(server.messages("IMAGING"))
    first = destination.send(DELIVERY, NEWS)
    again = destination.send(DELIVERY, NEWS)
    destination.send(replace(DELIVERY, pk=12, kind=EventKind.STEP_STARTED), NEWS)
    assert b"had it already" not in first.response
    assert again.response == first.response + b", which had it already"
    subjects = [subject for subject, _ in server.messages("IMAGING")[before:]]
    assert subjects == ["bridge.order.scheduled", "bridge.step.started"]
    _, event = server.messages("IMAGING")[before]
    assert event["id"] == "stream-11"
    assert event["data"]["accessionNumber"] == "A1"
    assert "PID-1" not in str(event)


def test_given_the_broker_was_away_then_the_next_attempt_finds_it(
    server: NatsServer, destination: NatsDestination
) -> None:
    before = len(server.messages("IMAGING"))
    destination.send(replace(DELIVERY, pk=21), NEWS)
    server.close()
    with pytest.raises(TransportError) as raised:
        destination.send(replace(DELIVERY, pk=22), NEWS)
    assert raised.value.unreachable
    assert not raised.value.permanent
    server.start_again()
    destination.send(replace(DELIVERY, pk=22), NEWS)
    ids = [event["id"] for _, event in server.messages("IMAGING")[before:]]
    assert ids == ["stream-21", "stream-22"]


def test_given_no_stream_takes_the_subject_then_it_says_so_and_is_tried_again(
    server: NatsServer,
) -> None:
    broker = Broker(url=server.url, token=TOKEN, subject="nobody.listens")
    with closing(destination_of(broker)) as destination:
        for act in (lambda: destination.send(DELIVERY, NEWS), destination.check):
            with pytest.raises(TransportError, match=r"no stream .* takes nobody\.listens\.>") as e:
                act()
            assert not e.value.permanent
            assert not e.value.unreachable


def test_given_a_wrong_token_then_it_is_not_taken_for_an_answer(server: NatsServer) -> None:
    with (
        closing(destination_of(Broker(url=server.url, token="wrong"))) as destination,
        pytest.raises(TransportError, match=r"cannot be reached.*Authorization"),
    ):
        destination.send(DELIVERY, NEWS)


def test_given_a_check_then_it_names_the_stream(destination: NatsDestination) -> None:
    assert destination.check() == "NATS keeps the events in the stream IMAGING"

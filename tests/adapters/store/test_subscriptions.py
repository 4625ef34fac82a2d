"""Subscriptions of others, on both databases: numbers are given once, whoever gives them."""

from __future__ import annotations

from dataclasses import replace
from threading import Thread

from bridge.domain.delivery import EventKind
from bridge.domain.offered_subscription import (
    Channel,
    NotificationForm,
    OfferedSubscription,
    PayloadContent,
    SubscriptionEvent,
    SubscriptionState,
)
from bridge.store.repositories import SqlStore, SqlTransaction


def a_subscription(id_: str = "s1", owner: str = "one") -> OfferedSubscription:
    return OfferedSubscription(
        id=id_,
        owner=owner,
        topic="http://bridge.example/fhir/SubscriptionTopic/order-status",
        kinds=frozenset({EventKind.STEP_STARTED, EventKind.STEP_COMPLETED}),
        filters=(("status", "active,completed"), ("patient", "Patient/1")),
        channel=Channel(
            endpoint="https://listener.example/hook",
            form=NotificationForm.R5,
            content=PayloadContent.FULL_RESOURCE,
            headers={"Authorization": "Bearer ü"},
            heartbeat=60,
            timeout=10,
            most_events=5,
        ),
        document='{"resourceType":"Subscription"}',
        release="R5",
        started_at=1.0,
        updated_at=2.0,
        ends_at=3.0,
    )


def an_event(number: int, cause: int = 1, subject: str = "order:1") -> SubscriptionEvent:
    return SubscriptionEvent(
        number=number,
        at=float(number),
        subject=subject,
        said=f"said {number}",
        cause=cause,
        focus="ServiceRequest/1",
        context=("Task/1", "Task/2"),
    )


def record(store: SqlStore, pk: int, event: SubscriptionEvent) -> None:
    store.transact(lambda tx: tx.subscriptions.record(pk, event, 2))


def test_given_a_subscription_when_read_then_it_is_as_it_was_written(store: SqlStore) -> None:
    new = a_subscription()
    pk = store.transact(lambda tx: tx.subscriptions.add(new))
    held = store.read(lambda tx: tx.subscriptions.find("s1"))
    assert held == replace(new, pk=pk)
    changed = replace(held, state=SubscriptionState.ERROR, error="503", version=2, events=7)
    store.transact(lambda tx: tx.subscriptions.change(changed))
    assert store.read(lambda tx: tx.subscriptions.get(pk)) == changed
    assert store.read(lambda tx: tx.subscriptions.of_owner("two")) == []


def test_given_subscriptions_then_what_any_of_the_living_wants_is_known(store: SqlStore) -> None:
    def add(tx: SqlTransaction) -> None:
        tx.subscriptions.add(a_subscription())
        studies = frozenset({EventKind.STUDY_AVAILABLE})
        off = replace(a_subscription("s2"), kinds=studies, state=SubscriptionState.OFF)
        tx.subscriptions.add(off)

    assert store.read(lambda tx: tx.subscriptions.wanted()) == frozenset()
    store.transact(add)
    assert store.read(lambda tx: tx.subscriptions.wanted()) == a_subscription().kinds
    assert [each.id for each in store.read(lambda tx: tx.subscriptions.live())] == ["s1"]


def test_given_events_then_the_newest_are_kept_and_what_is_not_taken_yet(store: SqlStore) -> None:
    pk = store.transact(lambda tx: tx.subscriptions.add(replace(a_subscription(), sent=3)))
    for number in range(1, 7):
        record(store, pk, an_event(number, cause=number))
    found = store.read(lambda tx: tx.subscriptions.recorded(pk, 0, 99, 10))
    assert [each.number for each in found] == [4, 5, 6]
    assert found[0] == an_event(4, cause=4)
    assert store.read(lambda tx: tx.subscriptions.last_said(pk, "order:1")) == "said 6"
    assert store.read(lambda tx: tx.subscriptions.last_said(pk, "order:2")) == ""
    assert store.read(lambda tx: tx.subscriptions.was_caused_by(pk, 6))
    assert not store.read(lambda tx: tx.subscriptions.was_caused_by(pk, 7))
    store.transact(lambda tx: tx.subscriptions.remove(pk))
    assert store.read(lambda tx: tx.subscriptions.find("s1")) is None


def test_given_several_that_number_at_once_then_no_number_is_skipped_or_given_twice(
    store: SqlStore,
) -> None:
    pk = store.transact(lambda tx: tx.subscriptions.add(a_subscription()))

    def number(cause: int) -> None:
        def work(tx: SqlTransaction) -> None:
            held = tx.subscriptions.lock(pk)
            assert held
            event = an_event(held.events + 1, cause=cause)
            tx.subscriptions.record(pk, event, 100)
            tx.subscriptions.change(replace(held, events=event.number))

        store.transact(work)

    threads = [Thread(target=number, args=(cause,)) for cause in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = store.read(lambda tx: tx.subscriptions.recorded(pk, 0, 99, 99))
    assert [each.number for each in found] == list(range(1, 9))
    assert {each.cause for each in found} == set(range(8))

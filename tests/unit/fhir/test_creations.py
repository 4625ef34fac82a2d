from __future__ import annotations

from threading import Barrier, Event, Thread

import pytest

from bridge.domain.delivery import TransportError
from bridge.fhir.bundle import Action, Content, Entry
from bridge.fhir.creations import Creations, KeyedLocks


def content(patient: str, endpoint: str = "e", patients: Action = Action.CREATE) -> Content:
    return (
        Entry(
            resource={"resourceType": "Patient", "identifier": [{"value": patient}]},
            action=patients,
        ),
        *(
            Entry(
                resource={"resourceType": "Endpoint", "identifier": [{"value": each}]},
                action=Action.CREATE,
            )
            for each in [endpoint][: len(endpoint)]
        ),
    )


def write(creations: Creations, what: Content) -> bool:
    with creations.guarding(what) as refresh:
        return refresh


def test_given_an_endpoint_when_written_once_then_it_is_not_refreshed_again() -> None:
    creations = Creations()
    assert [write(creations, content(p)) for p in ("1", "2", "1")] == [True, False, False]
    assert write(creations, content("1", endpoint="moved")) is True


@pytest.mark.parametrize(("unreachable", "again"), [(True, True), (False, False)])
def test_given_the_server_was_away_when_it_is_back_then_endpoints_are_written_again(
    unreachable: bool, again: bool
) -> None:
    creations = Creations()
    write(creations, content("1"))
    error = TransportError("no", permanent=False, unreachable=unreachable)
    with pytest.raises(TransportError), creations.guarding(content("1")):
        raise error
    assert write(creations, content("1")) is again


def test_given_one_patient_when_two_studies_are_written_then_one_waits_for_the_other() -> None:
    creations, inside, release = Creations(), Event(), Event()
    write(creations, content("0"))  # the endpoint is known
    log: list[str] = []

    def first() -> None:
        with creations.guarding(content("1")):
            inside.set()
            release.wait()
            log.append("first")

    def second() -> None:
        with creations.guarding(content("1")):
            log.append("second")

    threads = [Thread(target=first), Thread(target=second)]
    threads[0].start()
    inside.wait()
    threads[1].start()
    write(creations, content("2"))  # another patient's study goes on
    assert log == []
    release.set()
    for thread in threads:
        thread.join()
    assert log == ["first", "second"]


def test_given_a_server_that_owns_its_patients_when_written_then_nobody_waits() -> None:
    creations, both = Creations(), Barrier(2)
    bare = content("1", endpoint="", patients=Action.FIND)

    def run() -> None:
        with creations.guarding(bare):
            both.wait()

    threads = [Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_given_crossing_keys_when_locked_then_nobody_waits_for_ever_and_no_lock_is_left() -> None:
    locks = KeyedLocks()

    def run(keys: list[str]) -> None:
        for _ in range(300):
            with locks.holding(keys):
                pass

    threads = [Thread(target=run, args=(keys,)) for keys in (["a", "b"], ["b", "a"], ["b", "b"])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert locks._locks == {}

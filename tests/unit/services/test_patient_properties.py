"""Whatever is merged, moved, renamed and taken back, in any order: nothing and nobody is lost."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from bridge.domain.errors import BridgeError
from bridge.domain.events import Event
from bridge.domain.identifiers import Identifier
from bridge.domain.journal import Disposition
from bridge.domain.patient import PatientDetails
from bridge.domain.patient_events import (
    IdentifierChanged,
    IdentifiersMoved,
    PatientsLinked,
    PatientsMerged,
)
from bridge.domain.visit import VisitAction, VisitChanged, VisitDetails, VisitNumbers, VisitsMoved
from bridge.store.tables import (
    imaging_service_request,
    patient,
    patient_identifier,
    patient_link,
    patient_merge,
    study,
    visit,
)
from tests.unit.services.conftest import open_quickly
from tests.unit.services.core import HOSP, Core, order, procedure

PEOPLE = ("P", "Q", "R", "S")
FURTHER = ("X", "Y")
ACCOUNTS = ("ACC1", "ACC2")
Opened = Callable[[], Any]

person = st.sampled_from(PEOPLE)
anybody = st.sampled_from(PEOPLE + FURTHER)
acts = st.one_of(
    st.tuples(st.just("order"), anybody, st.sampled_from(ACCOUNTS)),
    st.tuples(st.just("image"), anybody, st.integers(0, 2)),
    st.tuples(st.just("merge"), person, anybody),
    st.tuples(st.just("undo"), st.integers(0, 2), person),
    st.tuples(st.just("move"), person, anybody),
    st.tuples(st.just("rename"), anybody, anybody),
    st.tuples(st.just("link"), person, person),
    st.tuples(st.just("unlink"), person, person),
    st.tuples(st.just("account"), person, person),
    st.tuples(st.just("further"), person, st.sampled_from(FURTHER)),
)


def called(*values: str, **attributes: str) -> PatientDetails:
    identifiers = tuple(Identifier(value, HOSP) for value in values)
    return PatientDetails(identifiers=identifiers, attributes=attributes)


def one(value: str) -> tuple[Identifier, ...]:
    return (Identifier(value, HOSP),)


@pytest.fixture(scope="session")
def fresh(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Opened:
    """Opens another empty bridge each time."""
    directory, numbers = tmp_path_factory.mktemp("properties"), count()

    @contextmanager
    def opened() -> Iterator[World]:
        path = directory / f"{next(numbers)}.db"
        shutil.copy(migrated, path)
        database = open_quickly(path)
        try:
            yield World(Core(database))
        finally:
            database.close()
            for each in directory.glob(f"{path.name}*"):
                each.unlink()

    return opened


class World:
    """A bridge, what was done to it, and what must still be there."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.orders: list[str] = []
        self.studies: set[str] = set()
        self.names: set[str] = set()

    def send(self, *events: Event) -> bool:
        return self.core.send(*events).disposition is Disposition.APPLIED

    def do(self, act: tuple[Any, ...]) -> None:
        kind, first, second = act
        getattr(self, f"do_{kind}")(first, second)

    def do_order(self, who: str, account: str) -> None:
        accession = f"A{len(self.orders)}"
        placed = order(
            "NW",
            procedure(f"1.2.{len(self.orders)}"),
            who=called(who, PatientName=f"TRAN^{who}"),
            accession=accession,
        )
        parts = {name: getattr(placed, name) for name in type(placed).__slots__}
        parts["visit"] = VisitNumbers(account=Identifier(account, HOSP))
        if self.send(type(placed)(**parts)):
            self.orders.append(accession)
            self.names.add(who)

    def do_image(self, who: str, place: int) -> None:
        if place < len(self.orders):
            uid = f"1.2.{place}"
            self.core.image(
                f"{uid}.{len(self.studies)}",
                uid,
                patient_id=who,
                accession=self.orders[place],
                content=f"{uid} {len(self.studies)}".encode(),
            )
            self.studies.add(uid)
            self.core.settle()

    def do_merge(self, survivor: str, retired: str) -> None:
        if self.send(PatientsMerged(survivor=called(survivor), retired=one(retired))):
            self.names |= {survivor, retired}

    def do_undo(self, place: int, _who: str) -> None:
        standing = self.standing()
        if place < len(standing):
            try:
                self.core.undo_merge.undo(standing[place], "property")
            except BridgeError as error:
                assert error.code == "199"

    def do_move(self, target: str, moved: str) -> None:
        if self.send(IdentifiersMoved(patient=called(target), moved=one(moved))):
            self.names |= {target, moved}

    def do_rename(self, previous: str, current: str) -> None:
        if self.send(IdentifierChanged(patient=called(current), previous=one(previous))):
            self.names |= {previous, current}

    def do_link(self, one_: str, other: str) -> None:
        if self.send(PatientsLinked(patients=(called(one_), called(other)))):
            self.names |= {one_, other}

    def do_unlink(self, one_: str, other: str) -> None:
        self.send(PatientsLinked(patients=(called(one_), called(other)), linked=False))

    def do_account(self, target: str, source: str) -> None:
        moved = VisitsMoved(
            event="A44",
            patient=called(target),
            previous=one(source),
            account=Identifier(ACCOUNTS[0], HOSP),
        )
        if self.send(moved):
            self.names.add(target)

    def do_further(self, who: str, value: str) -> None:
        details = VisitDetails(account=Identifier(ACCOUNTS[1], HOSP))
        arrived = VisitChanged(
            event="A01", action=VisitAction.ADMIT, patient=called(who, value), visit=details
        )
        if self.send(arrived):
            self.names |= {who, value}

    # --- what must hold

    def standing(self) -> list[int]:
        query = select(patient_merge.c.pk).where(patient_merge.c.undone_at.is_(None))
        return [row.pk for row in self.rows(query.order_by(patient_merge.c.pk))]

    def rows(self, query: Any) -> list[Any]:
        with self.core.database.read() as connection:
            return list(connection.execute(query).all())

    def check(self) -> None:
        living = {r.pk for r in self.rows(select(patient)) if r.merged_into is None}
        identifiers = self.rows(select(patient_identifier))
        assert {row.value for row in identifiers} == self.names, "an identifier is lost"
        assert len({(r.value, r.authority_key) for r in identifiers}) == len(identifiers)
        assert {row.patient_pk for row in identifiers} <= living, "an identifier leads nowhere"
        named = {row.patient_pk for row in identifiers if not row.alias}
        assert living == named, "a patient without identifier"
        orders = {r.accession_number: r.patient_pk for r in self.rows(_ORDERS)}
        assert list(orders) == self.orders, "an order is lost"
        assert set(orders.values()) <= living, "an order of nobody"
        assert {r.study_instance_uid for r in self.rows(select(study))} == self.studies
        assert {r.patient_pk for r in self.rows(select(visit))} <= living
        for row in self.rows(select(patient_link)):
            assert {row.patient_pk, row.other_pk} <= living
        self.check_worklist(orders)

    def check_worklist(self, orders: dict[str, int]) -> None:
        for item in self.core.worklist():
            (holder,) = self.rows(
                select(patient_identifier.c.patient_pk).where(
                    patient_identifier.c.value == item["patient_id"]
                )
            )
            assert holder.patient_pk == orders[item["accession"]]

    def snapshot(self) -> dict[str, Any]:
        return {
            "identifiers": sorted(
                (r.value, r.patient_pk, r.alias, r.rank)
                for r in self.rows(select(patient_identifier))
            ),
            "orders": [(r.pk, r.patient_pk) for r in self.rows(_ORDERS)],
            "visits": sorted((r.pk, r.patient_pk) for r in self.rows(select(visit))),
            "links": sorted(tuple(r) for r in self.rows(select(patient_link))),
            "patients": sorted(
                (r.pk, r.merged_into or 0, str(r.attributes)) for r in self.rows(select(patient))
            ),
            "outcomes": sorted((r.study_instance_uid, r.outcome) for r in self.rows(select(study))),
            "worklist": self.core.worklist(),
        }


_ORDERS = select(imaging_service_request).order_by(imaging_service_request.c.pk)


@given(st.lists(acts, max_size=14))
@settings(max_examples=40, deadline=None)
def test_nothing_and_nobody_is_lost(fresh: Opened, steps: list[tuple[Any, ...]]) -> None:
    with fresh() as world:
        for each in (("order", "P", "ACC1"), ("order", "Q", "ACC2"), ("image", "P", 0), *steps):
            world.do(each)
            world.check()


@given(st.lists(acts, max_size=10), person, anybody)
@settings(max_examples=40, deadline=None)
def test_a_merge_that_is_taken_back_leaves_everything_as_it_was(
    fresh: Opened, steps: list[tuple[Any, ...]], survivor: str, retired: str
) -> None:
    with fresh() as world:
        world.send(
            VisitChanged(
                event="A01",
                action=VisitAction.ADMIT,
                patient=called(survivor),
                visit=VisitDetails(),
            )
        )
        world.do_order(retired, ACCOUNTS[0])
        for each in steps:
            world.do(each)
        before, standing = world.snapshot(), world.standing()
        world.do_merge(survivor, retired)
        for pk in reversed([pk for pk in world.standing() if pk not in standing]):
            world.core.undo_merge.undo(pk, "property")
        assert world.snapshot() == before


moments = st.integers(0, 23).map(lambda hour: f"20260105{hour:02}0000")


@given(st.lists(st.tuples(moments, st.sampled_from(list(VisitAction))), min_size=1, max_size=6))
@settings(max_examples=40, deadline=None)
def test_an_older_event_never_undoes_a_newer(
    fresh: Opened, events: list[tuple[str, VisitAction]]
) -> None:
    with fresh() as world:
        for place, (at, action) in enumerate(events):
            where = VisitDetails(
                number=Identifier("V1", HOSP),
                attributes={"CurrentPatientLocation": f"{at} {place}"},
            )
            who = called("P", PatientName=f"{at} {place}")
            world.core.send(
                VisitChanged(event="A", action=action, patient=who, visit=where, occurred_at=at)
            )
        newest = max(at for at, _ in events)
        last = max(place for place, (at, _) in enumerate(events) if at == newest)
        (held,) = world.rows(select(patient))
        (there,) = world.rows(select(visit))
        assert held.attributes["PatientName"] == f"{newest} {last}"
        assert there.attributes["CurrentPatientLocation"] == f"{newest} {last}"
        assert there.occurred_at == newest

"""How long the console's search box takes among many messages: `python -m bench.search`.

With it the pages of the journal and of deliveries. Warm is the same process again and again; cold
is a process's first look at files that the system has let go of. `processor` is what this process
computed, whoever else uses the machine: on SQLite all of it.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from bench.database import open_cluster
from bench.report import Section, render, write
from bench.search_rows import (
    DELIVERIES,
    EVERYWHERE,
    FAMILY,
    GIVEN,
    MESSAGES_OF_AN_ORDER,
    NOW,
    fill,
)
from bridge.domain.access import Role, SignedIn
from bridge.domain.delivery import DeliveryState
from bridge.services.find_anything import FindAnything
from bridge.services.follow_names import FollowNames
from bridge.services.read_journal import MessageFilter, ReadJournal
from bridge.services.steer_deliveries import DeliveryFilter
from bridge.store import schema
from bridge.store.database import Database
from bridge.store.repositories import SqlStore

SEARCH_BUDGET, PAGE_BUDGET = 100.0, 200.0
_USER = SignedIn(name="bench", role=Role.VIEWER)
_NOT_INDEXED = 1000
"""Patients, the newest, that the index of names has not reached: orders come all the time."""

_OPEN = tuple(each.value for each in DeliveryState if each is not DeliveryState.DELIVERED)
Work = Callable[[], object]


def _sought(messages: int) -> dict[str, Callable[[], str]]:
    """What is typed, by kind of it."""
    chance, orders = random.Random(2), messages // MESSAGES_OF_AN_ORDER
    fixed = {
        "ID of very many messages": EVERYWHERE,
        "name, whole": "nguyen van anh",
        "name, one common word": "nguyen",
        "name, two common words": "van nguyen",
        "name, common, of nobody": "nguyen le",
        "name, six common words": "tran le pham hoang phan vu",
        "name, a beginning": "khan phuo",
        "name, one letter": "n",
        "name, three letters": "t n v",
        "name, six letters": "a b c d e f",
        "name, rare": "san bado",
        "name, other script": "山田",
        "nothing of that name": "nguyen zzz",
        "wildcard": "%",
        "nothing at all": "no-such-thing-9",
    }
    drawn: dict[str, Callable[[], str]] = {
        "accession number": lambda: f"ACC{chance.randint(1, orders):08}",
        "patient ID": lambda: f"P{chance.randint(1, orders):08}",
        "order number": lambda: f"O{chance.randint(1, orders):08}",
        "Study Instance UID": lambda: f"1.2.826.0.1.3680043.10.{chance.randint(1, orders)}",
        "control ID": lambda: f"C{chance.randint(1, messages)}",
        "beginning of a number": lambda: f"ACC{chance.randint(1, orders):08}"[:7],
        "name, any order": lambda: f"{chance.choice(GIVEN)} {chance.choice(FAMILY)}",
    }
    return drawn | {kind: partial(str, text) for kind, text in fixed.items()}


def _pages(store: SqlStore, messages: int) -> dict[str, Work]:
    """Pages of the journal and of deliveries, with choices that fit many, few and none."""
    journal = ReadJournal(store, time.time)
    middle = NOW + messages // MESSAGES_OF_AN_ORDER * 10.0 / 2
    chosen = {
        "newest": MessageFilter(),
        "refused": MessageFilter(disposition="refused"),
        "a type": MessageFilter(type="ADT"),
        "no such type": MessageFilter(type="ZZZ"),
        "no such peer": MessageFilter(peer="nobody"),
        "mentions": MessageFilter(mentions="P00000100"),
        "mentions, very many": MessageFilter(mentions=EVERYWHERE),
        "mentions, very many, no such type": MessageFilter(mentions=EVERYWHERE, type="ZZZ"),
        "until the middle": MessageFilter(until=middle),
        "an hour of the middle": MessageFilter(since=middle - 3600, until=middle),
    }
    told = {
        "open": DeliveryFilter(states=_OPEN),
        "all": DeliveryFilter(),
        "dead of one destination": DeliveryFilter(states=("dead",), destination="fhir"),
        "no such kind": DeliveryFilter(kind="order.held"),
        "no such reason": DeliveryFilter(reason="nothing such"),
    }

    def destinations() -> object:
        return store.read(lambda tx: tx.delivery_records.destinations())

    def deliveries(which: DeliveryFilter) -> object:
        return store.read(lambda tx: tx.delivery_records.find(which, 100, newest=True))

    return {
        **{f"journal, {name}": partial(journal.page, each) for name, each in chosen.items()},
        **{f"deliveries, {name}": partial(deliveries, each) for name, each in told.items()},
        "deliveries, destinations": destinations,
    }


def measure(store: SqlStore, name: str, messages: int, repeats: int) -> list[Section]:
    """Each kind again and again."""
    search = FindAnything(store, time.time)
    return [
        _warm(
            Section(f"search, {name}, {messages:,} messages"),
            {
                kind: [partial(search.find, text(), _USER) for _ in range(repeats)]
                for kind, text in _sought(messages).items()
            },
            SEARCH_BUDGET,
        ),
        _warm(
            Section(f"pages, {name}, {messages:,} messages, {DELIVERIES:,} deliveries"),
            {kind: [work] * repeats for kind, work in _pages(store, messages).items()},
            PAGE_BUDGET,
        ),
    ]


def _warm(section: Section, works: Mapping[str, list[Work]], budget: float) -> Section:
    loads, worst = [], 0.0
    for kind, each in works.items():
        each[0]()
        loads.append(os.getloadavg()[0])
        took = [_taken(work) for work in each]
        wall, processor = zip(*took, strict=True)
        section.add(kind, "median", statistics.median(wall), "ms")
        worst = max(worst, section.add(kind, "worst", max(wall), "ms"))
        section.add(kind, "processor", statistics.median(processor), "ms")
    section.at_most(f"the worst below {budget:.0f} ms", worst, budget, "ms")
    section.notes.append(f"load average {min(loads):.1f} to {max(loads):.1f} while measuring")
    return section


def _taken(work: Work) -> tuple[float, float]:
    """Milliseconds by the clock, and of this process."""
    began, computed = time.perf_counter(), time.process_time()
    work()
    return (time.perf_counter() - began) * 1000, (time.process_time() - computed) * 1000


def measure_cold(url: str, messages: int, let_go: Work) -> Section:
    """Each kind once, by a process of its own, after the system let go of the files."""
    section = Section("first search of a process, files not in memory")
    for kind, text in _sought(messages).items():
        let_go()
        command = [sys.executable, "-m", "bench.search", "--database", url, "--once", text()]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        section.add(kind, "cold", float(done.stdout), "ms")
    return section


def _once(url: str, text: str) -> float:
    database = Database(url)
    search = FindAnything(SqlStore(database), time.time)
    took, _processor = _taken(partial(search.find, text, _USER))
    database.close()
    return took


def _let_go_of(folder: Path) -> None:
    """Have the system forget what it holds of the files in a folder."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _prepare(url: str, messages: int) -> SqlStore:
    database = Database(url)
    schema.upgrade(database)
    fill(database, messages)
    store = SqlStore(database)
    indexed = messages // MESSAGES_OF_AN_ORDER - _NOT_INDEXED
    began = time.perf_counter()
    FollowNames(store, lambda: NOW + 30.0 + indexed * 10.0).catch_up()
    print(f"names indexed in {time.perf_counter() - began:.1f} s", flush=True)
    return store


def _sqlite(folder: Path, options: argparse.Namespace) -> list[Section]:
    url = f"sqlite:///{folder / 'bridge.db'}"
    store = _prepare(url, options.messages)
    sections = measure(store, "SQLite", options.messages, options.repeats)
    return [*sections, measure_cold(url, options.messages, lambda: _let_go_of(folder))]


def _postgresql(options: argparse.Namespace) -> list[Section]:
    cluster = open_cluster()
    try:
        store = _prepare(cluster.create_database(), options.messages)
        return measure(store, "PostgreSQL", options.messages, options.repeats)
    finally:
        cluster.close()


def main() -> None:
    """Fill a database, index its names, and measure; one that is filled is measured as it is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--keep", type=Path, help="folder in which the SQLite file is kept")
    parser.add_argument("--postgres", action="store_true", help="on PostgreSQL, too")
    parser.add_argument("--database", help="URL of a database to measure instead")
    parser.add_argument("--once", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.once is not None:
        print(_once(options.database, options.once))
        return
    sections: list[Section] = []
    if options.database:
        store = _prepare(options.database, options.messages)
        name = "SQLite" if options.database.startswith("sqlite") else "PostgreSQL"
        sections += measure(store, name, options.messages, options.repeats)
    else:
        with tempfile.TemporaryDirectory() as folder:
            sections += _sqlite(options.keep or Path(folder), options)
        if options.postgres:
            sections += _postgresql(options)
    print(render(sections))
    said: dict[str, object] = {"search": True, "load": os.getloadavg()[0], "nice": os.nice(0)}
    print(f"\nFigures: {write(sections, said)}")


if __name__ == "__main__":
    main()

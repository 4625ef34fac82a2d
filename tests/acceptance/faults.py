"""Faults under load: what each one costs, as rows of a table."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

from tests.acceptance.hospital import Hospital
from tests.acceptance.losses import (
    doubled_studies,
    lost_entries,
    lost_instances,
    lost_studies,
    overtaken_studies,
)
from tests.acceptance.traffic import Traffic
from tests.peers.medplum import MedplumServer


class Site(Protocol):
    """What faults strike."""

    @property
    def hospital(self) -> Hospital: ...
    @property
    def ehr(self) -> MedplumServer: ...
    @property
    def images(self) -> Path: ...


@dataclass(frozen=True, slots=True)
class Fault:
    """`strike` begins it, `mend` ends it `seconds` later."""

    name: str
    strike: Callable[[Any], object]
    mend: Callable[[Any], object]
    seconds: float = 5.0


@dataclass(frozen=True, slots=True)
class Row:
    """What came of a fault. Times in seconds.

    `silence` is the longest time without an acknowledgement since it struck; `caught_up` the time
    from when the senders were done until the EHR held everything.
    """

    fault: str
    in_flight: int
    messages: int
    instances: int
    lost: tuple[str, ...]
    doubled: tuple[str, ...]
    overtaken: tuple[str, ...]
    silence: float
    caught_up: float

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.doubled or self.overtaken)


def endure(
    site: Site, fault: Fault, directory: Path, *, before: float = 2.0, after: float = 3.0
) -> Row:
    """Strike in the middle of traffic, mend, let the traffic end, and compare."""
    directory.mkdir()
    traffic = Traffic(site.hospital, directory)
    asked = len(site.ehr.requests())
    traffic.start()
    try:
        time.sleep(before)
        struck, in_flight = time.monotonic(), traffic.tally.in_flight
        fault.strike(site)
        try:
            time.sleep(fault.seconds)
        finally:
            fault.mend(site)
        time.sleep(after)
    finally:
        tally = traffic.finish()
    done = time.monotonic()
    studies = {case.study.uid: case for case in tally.cases if case.study}
    missing = lost_studies(site.hospital, studies)
    caught_up = time.monotonic() - done
    lost = [*lost_entries(site.hospital, tally), *lost_instances(site.images, tally), *missing]
    return Row(
        fault=fault.name,
        in_flight=in_flight,
        messages=tally.messages,
        instances=len(tally.instances),
        lost=tuple(lost),
        doubled=tuple(doubled_studies(site.hospital)),
        overtaken=tuple(overtaken_studies(site.ehr.requests(), asked)),
        silence=_longest_gap([struck, *(t for t in tally.acknowledged_at if t > struck), done]),
        caught_up=caught_up,
    )


def table(title: str, rows: Sequence[Row]) -> str:
    """The rows for people."""
    heads = (
        "fault",
        "in flight",
        "messages",
        "images",
        "lost",
        "doubled",
        "overtaken",
        "silence",
        "caught up",
    )
    lines = [heads, *map(_cells, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    text = [
        "  ".join(
            f"{cell:<{width}}" if column == 0 else f"{cell:>{width}}"
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    ]
    return "\n".join(["", title, text[0], "-" * len(text[0]), *text[1:]])


def _cells(row: Row) -> tuple[str, ...]:
    counted = (row.in_flight, row.messages, row.instances)
    wrong = (len(row.lost), len(row.doubled), len(row.overtaken))
    times = (row.silence, row.caught_up)
    return (row.fault, *map(str, counted), *map(str, wrong), *(f"{each:.1f} s" for each in times))


def _longest_gap(times: Sequence[float]) -> float:
    ordered = sorted(times)
    return max(b - a for a, b in pairwise(ordered))

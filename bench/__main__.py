"""`python -m bench`: the budgets, measured with peers in the same run."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench import deliveries, footprint, hl7_orders, imaging, storage, worklist
from bench.hl7_orders import Effort
from bench.report import Section, render, summary, write

QUIET = 1.0
"""Load average above which somebody else is using the machine."""


def main() -> int:
    """Measure what was asked for; 0 when every budget is met."""
    options = _options()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="bridge-bench-", dir=options.disk) as folder:
        sections = [_run(name, Path(folder), options) for name in options.sections]
    print(render(sections))
    cpus, after = len(os.sched_getaffinity(0)), os.getloadavg()[0]
    print(f"\n{summary(sections, f'{cpus} cores; load average {load:.1f} → {after:.1f}')}")
    file = write(sections, {k: str(v) for k, v in vars(options).items()} | {"load": load})
    print(f"\nFigures: {file}")
    if load > QUIET:
        print(
            f"Others were using the machine (load {load:.1f} at the start): repeat when it is idle."
        )
    missed = sum(v.met is False for section in sections for v in section.verdicts)
    if missed:
        print(f"{missed} budgets missed")
    return 1 if missed and options.strict else 0


def _run(name: str, folder: Path, options: argparse.Namespace) -> Section:
    print(f"measuring: {name}", flush=True)
    home = folder / name
    home.mkdir()
    return SECTIONS[name](home, options)


def _hl7(folder: Path, options: argparse.Namespace) -> Section:
    messages, rounds = (300, 1) if options.quick else (3000, 3)
    effort = Effort(messages, rounds, options.profile)
    return hl7_orders.measure(folder, effort, postgres=options.postgres)


def _worklist(folder: Path, options: argparse.Namespace) -> Section:
    sizes = [10_000, 100_000]
    if options.full:
        sizes.append(1_000_000)
    return worklist.measure(folder, sizes, 20 if options.quick else 100)


def _storage(folder: Path, options: argparse.Namespace) -> Section:
    if options.quick:
        return storage.measure(folder, {storage.SMALL: 20}, 1)
    return storage.measure(folder, {storage.SMALL: 150, storage.LARGE: 60}, 3)


def _footprint(folder: Path, options: argparse.Namespace) -> Section:
    held = footprint.MILLION if options.full else 0
    if options.quick:
        return footprint.measure(folder, footprint.Effort(500, 0, held))
    return footprint.measure(folder, footprint.Effort(20_000, options.messages, held))


def _imaging(folder: Path, options: argparse.Namespace) -> Section:
    if options.quick:
        return imaging.measure(folder, imaging.Effort(1, 20, 64))
    return imaging.measure(folder, imaging.Effort(10, 300, 2048 if options.full else 512))


def _deliveries(folder: Path, options: argparse.Namespace) -> Section:
    return deliveries.measure(folder, 200 if options.quick else 2000)


SECTIONS: dict[str, Callable[[Path, argparse.Namespace], Section]] = {
    "hl7": _hl7,
    "worklist": _worklist,
    "storage": _storage,
    "imaging": _imaging,
    "deliveries": _deliveries,
    "footprint": _footprint,
}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    add = parser.add_argument
    add("sections", nargs="*", metavar="SECTION", help=f"some of {', '.join(SECTIONS)}; all")
    add("--quick", action="store_true", help="a few seconds each: shows that it works, no more")
    add("--postgres", action="store_true", help="also the bridge on PostgreSQL, and pgbench")
    add("--profile", action="store_true", help="also where the time of an order goes, by room")
    add("--full", action="store_true", help="also 1,000,000 orders and steps, and 2 GB")
    long = "memory is watched over N orders (50,000; the budget says 1,000,000)"
    add("--messages", type=int, default=50_000, metavar="N", help=long)
    add("--strict", action="store_true", help="end with 1 when a budget is missed")
    add("--disk", type=Path, help="folder on the disk to measure on (the temporary folder)")
    options = parser.parse_args()
    unknown = set(options.sections) - set(SECTIONS)
    if unknown:
        parser.error(f"there is no section {', '.join(sorted(unknown))}")
    options.sections = options.sections or list(SECTIONS)
    return options


if __name__ == "__main__":
    sys.exit(main())

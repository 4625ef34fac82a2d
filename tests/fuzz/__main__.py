"""`python -m tests.fuzz`: many broken data sets and conversations against a real listener."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from tempfile import mkdtemp

from bridge.dicom.configuration import DicomConfiguration
from tests.fuzz import conversations, data_sets
from tests.fuzz.harness import harness


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--data-sets", type=int, default=100_000, metavar="N")
    parser.add_argument("--conversations", type=int, default=50_000, metavar="N")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    options = parser.parse_args()
    found = 0
    for what, run, count in (
        ("data sets", data_sets.run, options.data_sets),
        ("conversations", conversations.run, options.conversations),
    ):
        directory, begun = Path(mkdtemp(prefix="fuzz-")), time.monotonic()
        with harness(directory, DicomConfiguration(port=0)) as tried:
            run(tried, count, options.seed)
        print(f"{count} {what} in {time.monotonic() - begun:.0f} s, kept in {directory}")
        for outcome, times in tried.outcomes.most_common():
            print(f"  {outcome:10} {times}")
        for noticed, _ in tried.crashes:
            print(f"  HARM: {noticed}")
        found += len(tried.crashes) + tried.outcomes["no end"]
    print(f"harm done: {found}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

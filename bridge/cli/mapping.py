"""`bridge mapping`: what the profiles make of messages, tested and explained."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from bridge.fhir.reading import explanation as fhir
from bridge.hl7 import explanation as hl7
from bridge.mapping.documents import read_document
from bridge.mapping.fhir_profiles import LANGUAGE, load_fhir_profile
from bridge.mapping.golden import GoldenResult
from bridge.mapping.profiles import DEFAULT, load_profile
from bridge.mapping.shelf import Shelf, default_directory


def add_commands(commands: Any, _common: argparse.ArgumentParser) -> None:
    """Add the parsers of this command."""
    mapping = commands.add_parser("mapping", help="mapping profiles").add_subparsers(required=True)
    testing = mapping.add_parser("test", help="run the golden tests beside the profiles")
    testing.add_argument("files", nargs="*", type=Path, help="*.tests.yaml; all when none is named")
    testing.set_defaults(run=_test)
    explaining = mapping.add_parser("explain", help="what a profile makes of a message, and why")
    explaining.add_argument("file", type=Path, help="one HL7 v2 message, or JSON of FHIR")
    explaining.add_argument("--profile", default=DEFAULT)
    explaining.set_defaults(run=_explain)


def _test(options: argparse.Namespace) -> int:
    files = options.files or sorted(default_directory().glob("*.tests.yaml"))
    failed = count = 0
    for file in files:
        for result in _run(file):
            count += 1
            failed += not result.passed
            if not result.passed:
                print(f"FAILED {result.place} {result.name}")
                print("\n".join(f"  {line}" for line in result.differences))
    print(f"{count - failed} of {count} golden tests passed")
    return 1 if failed else 0


def _explain(options: argparse.Namespace) -> int:
    raw = options.file.read_bytes()
    if Shelf.of().language(options.profile) == LANGUAGE:
        print(fhir.explain(load_fhir_profile(options.profile), raw), end="")
    else:
        print(hl7.explain(load_profile(options.profile), raw), end="")
    return 0


def _run(file: Path) -> tuple[GoldenResult, ...]:
    """The tests of a file, in the language of its profile."""
    entries = read_document(file).entries()
    name = entries["profile"].text if "profile" in entries else ""
    if Shelf.of(file.parent).language(name) == LANGUAGE:
        return fhir.run_tests(file)
    return hl7.run_tests(file)

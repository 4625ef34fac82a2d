"""`bridge mapping`: what the profiles make of messages, tested and explained."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from bridge.cli.mapping_diff import add_parser
from bridge.domain.errors import BridgeError
from bridge.fhir import ehr_explanation
from bridge.fhir.reading import explanation as fhir
from bridge.hl7 import explanation as hl7
from bridge.hl7.outbound_golden import run_outbound_tests
from bridge.mapping.documents import read_document
from bridge.mapping.ehr_profiles import FOLDER, ehr_tests
from bridge.mapping.errors import instead
from bridge.mapping.fhir_profiles import LANGUAGE, load_fhir_profile
from bridge.mapping.golden import GoldenResult
from bridge.mapping.outbound import LANGUAGE as OUTBOUND
from bridge.mapping.profiles import DEFAULT, load_profile
from bridge.mapping.shelf import TESTS, Shelf
from bridge.mapping.versions import Version
from bridge.settings import load


def add_commands(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the parsers of this command."""
    mapping = commands.add_parser("mapping", help="mapping profiles").add_subparsers(required=True)
    testing = mapping.add_parser(
        "test", parents=[common], help="run the golden tests beside the profiles"
    )
    testing.add_argument(
        "names", nargs="*", help="profiles, or their *.tests.yaml; all when none is named"
    )
    testing.set_defaults(run=_test)
    explaining = mapping.add_parser(
        "explain", parents=[common], help="what a profile makes of a message, and why"
    )
    explaining.add_argument("file", type=Path, help="one HL7 v2 message, or JSON of FHIR")
    explaining.add_argument("--profile", default=DEFAULT, help="its name, or its YAML file")
    explaining.set_defaults(run=_explain)
    add_parser(mapping, common)


def _test(options: argparse.Namespace) -> int:
    shelf = Shelf.of(_own_folder(options))
    failed = count = 0
    every = (*shelf.tests(), *ehr_tests(_own_folder(options)))
    for file in [_file(name, shelf) for name in options.names] or every:
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
    version = Version.parse(options.profile, _own_folder(options))
    name, directory = version.name or DEFAULT, version.directory
    language = Shelf.of(directory).language(name)
    if language == OUTBOUND:
        raise BridgeError(f"{name} reads no messages: it says how they are written")
    if language == LANGUAGE:
        print(fhir.explain(load_fhir_profile(name, directory), raw), end="")
    else:
        print(hl7.explain(load_profile(name, directory), raw), end="")
    return 0


def _own_folder(options: argparse.Namespace) -> Path | None:
    """The site's own profiles, where a configuration says so."""
    return load(options.config, os.environ).mappings


def _file(name: str, shelf: Shelf) -> Path:
    """The tests of a profile, named by the profile or by their file."""
    path = Path(name)
    if path.suffix == ".yaml":
        return path
    found = shelf.find(f"{name}{TESTS}") or shelf.find(f"{FOLDER}/{name}{TESTS}")
    if found is None:
        known = [each.name.removesuffix(TESTS) for each in shelf.tests()]
        raise BridgeError(f"there are no tests of {name!r}; {instead(name, known)}")
    return found


def _run(file: Path) -> tuple[GoldenResult, ...]:
    """The tests of a file, in the language of its profile."""
    if file.parent.name == FOLDER:
        return ehr_explanation.run_tests(file)
    entries = read_document(file).entries()
    name = entries["profile"].text if "profile" in entries else ""
    language = Shelf.of(file.parent).language(name)
    if language == OUTBOUND:
        return run_outbound_tests(file)
    if language == LANGUAGE:
        return fhir.run_tests(file)
    return hl7.run_tests(file)

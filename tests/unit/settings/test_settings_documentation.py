"""What is documented is what can be configured."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from bridge.dicom.charsets import character_set as specific_character_set
from bridge.hl7.characters import character_set
from bridge.settings.reference import write_reference
from bridge.settings.schema import Section, walk
from bridge.settings.standard_terms import CHARACTER_SETS, HL7_CHARACTER_SETS
from bridge.settings.tree import Settings

REPOSITORY = Path(__file__).parents[3]


def test_given_the_schema_when_documented_then_the_committed_file_is_current() -> None:
    """Run `python -m bridge.settings > docs/configuration.md` when this fails."""
    committed = (REPOSITORY / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert committed == write_reference()


def test_given_every_key_when_documented_then_it_has_a_sentence() -> None:
    for path, setting in walk(Section(Settings)):
        assert setting.doc.endswith("."), path
        assert "|" not in setting.doc, path
        assert not setting.required or setting.example, path


def test_given_the_module_when_run_then_it_prints_the_documentation() -> None:
    command = [sys.executable, "-m", "bridge.settings"]
    printed = subprocess.run(command, check=True, capture_output=True, cwd=REPOSITORY).stdout
    assert printed.decode() == write_reference()


def test_given_every_hl7_character_set_when_configured_then_the_decoder_knows_it() -> None:
    for label in HL7_CHARACTER_SETS:
        assert character_set(label).codec, label


def test_given_every_specific_character_set_when_configured_then_answers_can_be_written_in_it() -> (
    None
):
    several = (r"\ISO 2022 IR 87\ISO 2022 IR 159", r"ISO 2022 IR 13\ISO 2022 IR 87")
    for terms in (*CHARACTER_SETS, *several):
        chosen = specific_character_set(terms)
        assert chosen.encode("ASCII") == b"ASCII"
        assert (not chosen.terms) == (terms in {"ISO_IR 6", "ISO 2022 IR 6"}), terms

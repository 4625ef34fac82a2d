"""The table of the corpus: what becomes of each third-party file, and whether that is right.

`python -m tests.corpus.table` prints it from a run; with `--write` it also renews
`expectations.csv`, keeping the judgements, and `docs/corpus.md`. A reviewer then sees what changed.
"""

from __future__ import annotations

import csv
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields, replace
from pathlib import Path
from typing import Final

from tests.corpus.dicom_outcomes import DICOM_FILES, send_dicom
from tests.corpus.outcomes import (
    FHIR_FILES,
    HL7_FILES,
    Outcome,
    running,
    send_fhir,
    send_hl7,
    serves_fhir,
)

EXPECTATIONS: Final = Path(__file__).with_name("expectations.csv")
DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "corpus.md"
_LONGEST_REASON: Final = 160
_MOST_REASONS: Final = 4


@dataclass(frozen=True, slots=True)
class Row:
    """One file: what is expected of it, and why a careful integrator agrees."""

    file: str
    verdict: str
    created: str
    reasons: str
    judgement: str = ""

    @staticmethod
    def of(outcome: Outcome, judgement: str = "") -> Row:
        reasons = [reason[:_LONGEST_REASON] for reason in outcome.reasons]
        if len(reasons) > _MOST_REASONS:
            more = len(reasons) - _MOST_REASONS
            reasons = [*reasons[:_MOST_REASONS], f"and {more} more"]
        return Row(outcome.file, outcome.verdict, outcome.created, "; ".join(reasons), judgement)

    @property
    def is_plain(self) -> bool:
        """Whether the bridge did with the file what its sender wanted."""
        return set(self.verdict.translate(_NUMBERS).split()) <= {"accepted"}


_NUMBERS: Final = str.maketrans("", "", "0123456789(),")


def read_expectations() -> dict[str, Row]:
    """The expected outcomes, by file."""
    if not EXPECTATIONS.exists():
        return {}
    with EXPECTATIONS.open(encoding="utf-8", newline="") as file:
        return {row["file"]: Row(**row) for row in csv.DictReader(file)}


def write_expectations(rows: Iterable[Row]) -> None:
    with EXPECTATIONS.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(field.name for field in fields(Row))
        writer.writerows(astuple(row) for row in rows)


def render(rows: Sequence[Row]) -> str:
    """The document: counts, and a table for each protocol."""
    lines = [
        "# What becomes of third-party files",
        "",
        "Each file of the corpus beside this checkout was sent to an empty bridge with the default"
        " profile, in mode `his_only`: HL7 v2 over MLLP, FHIR R4 over HTTP, DICOM by C-STORE"
        " and by STOW-RS (its statuses in this order), then asked for as a picture. `make corpus`"
        " sends them again and says what changed; `python -m tests.corpus.table --write` renews"
        " this page from a run. Only file names and the bridge's own words stand here.",
    ]
    for title in _TITLES:
        chosen = [row for row in rows if _title_of(row) == title]
        if chosen:
            lines += ["", f"## {title}: {len(chosen)} files", "", _counts(chosen), "", *_HEAD]
            lines += [_line(row) for row in chosen]
    return "\n".join(lines) + "\n"


# By the ending of the file; DICOM files have this one or that, or none.
_ENDINGS: Final = {".hl7": "HL7 v2", ".json": "FHIR"}
_TITLES: Final = (*_ENDINGS.values(), "DICOM")


def _title_of(row: Row) -> str:
    return _ENDINGS.get(Path(row.file).suffix, "DICOM")


_HEAD: Final = (
    "| File | Outcome | What it left | Reasons given | Why that is right |",
    "|---|---|---|---|---|",
)


def _line(row: Row) -> str:
    cells = (f"`{row.file}`", row.verdict, row.created, row.reasons, row.judgement)
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _counts(rows: Sequence[Row]) -> str:
    plain = sum(row.is_plain for row in rows)
    return f"{plain} were accepted whole, {len(rows) - plain} were not, for the reasons given."


def run(folder: Path) -> list[Outcome]:
    """Send every file; those of FHIR only to a bridge that has a FHIR server."""
    with running(folder) as bridge:
        outcomes = [send_hl7(bridge, path) for path in HL7_FILES]
        if serves_fhir(bridge):
            outcomes += [send_fhir(bridge, path) for path in FHIR_FILES]
        outcomes += [send_dicom(bridge, path) for path in DICOM_FILES]
        return outcomes


def main(arguments: Sequence[str]) -> int:
    """Print the table of a run."""
    if not HL7_FILES:
        print("The corpus is not beside this checkout.", file=sys.stderr)
        return 1
    expected = read_expectations()
    with tempfile.TemporaryDirectory() as folder:
        rows = [Row.of(outcome) for outcome in run(Path(folder))]
    rows = [replace(row, judgement=_judgement(expected, row)) for row in rows]
    print(render(rows), end="")
    if "--write" in arguments:
        write_expectations(rows)
        DOCUMENT.write_text(render(rows), encoding="utf-8")
    return 0


def _judgement(expected: dict[str, Row], row: Row) -> str:
    """The judgement passed on a file, as long as its outcome is the one it was passed on."""
    known = expected.get(row.file)
    return (
        known.judgement
        if known
        and (known.verdict, known.created)
        == (
            row.verdict,
            row.created,
        )
        else ""
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

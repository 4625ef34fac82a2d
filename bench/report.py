"""What was measured: tables for people, JSON for machines, and budgets that are met or missed."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value: of whom, what, how much, in which unit."""

    subject: str
    what: str
    value: float
    unit: str

    def __str__(self) -> str:
        return f"{format_value(self.value)} {self.unit}".replace(" /s", "/s")


@dataclass(frozen=True, slots=True)
class Verdict:
    """A budget beside what was measured. `met` is None when there is nothing to compare with."""

    budget: str
    measured: str
    met: bool | None


@dataclass(slots=True)
class Section:
    """The figures and verdicts of one row of the budgets; `notes` say what is missing and why."""

    title: str
    figures: list[Figure] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, subject: str, what: str, value: float, unit: str) -> float:
        """Keep a figure, show it at once, and give its value back."""
        figure = Figure(subject, what, value, unit)
        self.figures.append(figure)
        show(f"{subject}, {what}: {figure}")
        return value

    def at_least(self, budget: str, value: float, bound: float, unit: str) -> None:
        """Judge a value that should be `bound` or more."""
        self.verdicts.append(Verdict(budget, _measured(value, unit), value >= bound))

    def at_most(self, budget: str, value: float, bound: float, unit: str) -> None:
        """Judge a value that should be `bound` or less."""
        self.verdicts.append(Verdict(budget, _measured(value, unit), value <= bound))

    def tell(self, what: str, value: float, unit: str) -> None:
        """Report a ratio that has no bound."""
        self.verdicts.append(Verdict(what, _measured(value, unit), None))


def show(line: str) -> None:
    """Say what was just measured: a run takes minutes."""
    print(f"  {line}", flush=True)


def _measured(value: float, unit: str) -> str:
    return f"{format_value(value)} {unit}".replace(" /s", "/s").strip()


def format_value(value: float) -> str:
    """Three significant digits, thousands separated."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def render(sections: list[Section]) -> str:
    """One table: figures of each section, peers below the bridge, then its budgets."""
    lines: list[str] = []
    for section in sections:
        columns = list(dict.fromkeys(figure.what for figure in section.figures))
        subjects = list(dict.fromkeys(figure.subject for figure in section.figures))
        cells = {(f.subject, f.what): str(f) for f in section.figures}
        widths = [max(len(c), *(len(cells.get((s, c), "-")) for s in subjects)) for c in columns]
        first = max(len(subject) for subject in [*subjects, section.title])
        heads = "  ".join(f"{c:>{w}}" for c, w in zip(columns, widths, strict=True))
        lines += ["", f"{section.title:<{first}}  {heads}", "-" * (first + 2 + len(heads))]
        for subject in subjects:
            values = [cells.get((subject, column), "-") for column in columns]
            row = "  ".join(f"{v:>{w}}" for v, w in zip(values, widths, strict=True))
            lines.append(f"{subject:<{first}}  {row}")
        lines += [f"  {_word(v.met):<7}{v.budget}: {v.measured}" for v in section.verdicts]
        lines += [f"  note   {note}" for note in section.notes]
    return "\n".join(lines)


def summary(sections: list[Section], circumstances: str) -> str:
    """Every budget in one table (Markdown), to be pasted into a note."""
    rows = [
        f"| {section.title} | {verdict.budget} | {verdict.measured} | {_word(verdict.met)} |"
        for section in sections
        for verdict in section.verdicts
    ]
    heads = ["| Row | Budget | Measured | |", "|---|---|---|---|"]
    return "\n".join([circumstances, "", *heads, *rows])


def _word(met: bool | None) -> str:
    return {True: "met", False: "MISSED", None: "ratio"}[met]


def write(sections: list[Section], options: dict[str, object]) -> Path:
    """Write everything as JSON into the results folder; give the file."""
    now = datetime.now(UTC)
    content = {
        "finished": now.isoformat(timespec="seconds"),
        "machine": {
            "cpus": len(os.sched_getaffinity(0)),
            "system": platform.platform(),
            "python": platform.python_version(),
        },
        "options": options,
        "sections": [asdict(section) for section in sections],
    }
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"{now:%Y%m%dT%H%M%SZ}.json"
    file.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return file

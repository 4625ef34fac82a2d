"""The tables of the FHIR server's conformance statement, written from those it goes by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum

from bridge.fhir.server.capability import INTERACTIONS
from bridge.fhir.server.operations import MOST_ENTRIES
from bridge.fhir.server.parameters import Parameter
from bridge.fhir.server.query import DEFAULT_COUNT, MODIFIERS, MOST_COUNT
from bridge.fhir.server.refusals import STATUSES
from bridge.fhir.server.resource_types import EVERYWHERE, RESULT_PARAMETERS, TYPES, ResourceType
from bridge.fhir.server.statuses import (
    APPOINTMENT_STATUS,
    ENCOUNTER_STATUS,
    ORDER_STATUS,
    TASK_STATUS,
)
from bridge.fhir.subscriptions.statement import INTERACTIONS as OF_SUBSCRIPTIONS
from bridge.fhir.subscriptions.statement import topic_rows
from bridge.services.find_records import RecordKind

_ROWS: Mapping[RecordKind | None, str] = {
    RecordKind.PATIENT: "each patient",
    RecordKind.ORDER: "each imaging service request",
    RecordKind.STEP: "each scheduled procedure step",
    RecordKind.STUDY: "each study matched to an order",
    RecordKind.VISIT: "each visit",
    RecordKind.APPOINTMENT: "each appointment of an order",
    None: "–",
}
MARK = "<!-- Below: written by `python -m bridge.fhir.server`; a test keeps it current. -->"


def reference() -> str:
    """The tables, as Markdown, behind the mark that begins them."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield f"{MARK}\n\n## Types\n"
    yield from _table(
        ("Type", "Stands for", "Includes", "Reverse includes", "DELETE"),
        (_type_row(each) for each in TYPES.values()),
    )
    yield f"\nInteractions of each: {', '.join(INTERACTIONS)}."
    yield f"Most entries of a Bundle: {MOST_ENTRIES}."
    yield "\n## Search parameters\n"
    yield f"Resources of a page: {DEFAULT_COUNT}, at most {MOST_COUNT}.\n"
    yield from _table(
        ("Kind", "Modifiers"),
        ((kind.value, _modifiers(names)) for kind, names in MODIFIERS.items()),
    )
    yield ""
    yield from _table(
        ("Type", "Parameter", "Kind", "What it finds"),
        (
            *(_parameter_row("all", each) for each in EVERYWHERE),
            *(_parameter_row(t.name, each) for t in TYPES.values() for each in t.parameters),
        ),
    )
    yield ""
    yield from _table(
        ("Parameter of the answer", "Meaning"),
        ((f"`{name}`", doc) for name, doc in RESULT_PARAMETERS.items()),
    )
    yield "\n## Topics of subscriptions\n"
    yield from _table(("Topic", "About", "When", "Filters"), topic_rows())
    yield f"\nInteractions of Subscription: {', '.join(OF_SUBSCRIPTIONS)}, `$status`, `$events`."
    yield "\n## Statuses\n"
    yield from _statuses()
    yield "\n## What the domain refuses\n"
    yield from _table(
        ("What is wrong", "HTTP status"),
        ((_words(kind.__name__), str(status)) for kind, status in STATUSES),
    )


def _modifiers(names: Iterable[str]) -> str:
    said = sorted(f"`:{name}`" for name in names if name and name not in TYPES)
    types = [", `:Type`"] if any(name in TYPES for name in names) else []
    return ", ".join(said) + "".join(types) or "–"


def _statuses() -> Iterator[str]:
    tables: Iterable[tuple[str, Iterable[tuple[StrEnum, str]]]] = (
        ("ServiceRequest", ORDER_STATUS.items()),
        ("Task", TASK_STATUS.items()),
        ("Encounter", ENCOUNTER_STATUS.items()),
        ("Appointment", APPOINTMENT_STATUS.items()),
    )
    rows = (
        (name, state.value.lower(), f"`{code}`") for name, pairs in tables for state, code in pairs
    )
    yield from _table(("Type", "In the domain", "Status"), rows)


def _type_row(type_: ResourceType) -> tuple[str, ...]:
    return (
        type_.name,
        _ROWS[type_.kind],
        ", ".join(f"`{name}`" for name in type_.includes) or "–",
        ", ".join(f"`{name}`" for name in type_.revincludes) or "–",
        type_.deletion,
    )


def _parameter_row(type_: str, parameter: Parameter) -> tuple[str, ...]:
    return type_, f"`{parameter.name}`", parameter.type.value, parameter.doc


def _words(name: str) -> str:
    return "".join(f" {c.lower()}" if c.isupper() else c for c in name).strip()


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' * len(heads)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"

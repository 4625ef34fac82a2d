"""`bridge worklist query`: what a modality is shown, entry by entry, and why an entry is missing.

It is asked inside this process with the code that answers modalities, of the same database and by
the same configuration; nothing has to be running.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any

from bridge.cli.opening import opened, print_row
from bridge.dicom.worklist import Asked
from bridge.dicom.worklist_preview import fields_of, text_of
from bridge.domain.errors import BridgeError
from bridge.domain.worklist import WorklistItem
from bridge.services.explain_worklist import ExplainWorklist, Explanation
from bridge.services.preview_worklist import WorklistAsk, to_explain
from bridge.services.query_worklist import QueryWorklist
from bridge.settings import load
from bridge.store.repositories import SqlStore
from bridge.wiring.worklist_preview import asked_as

_KEYS = (
    "AccessionNumber",
    "PatientID",
    "PatientName",
    "StudyInstanceUID",
    "RequestedProcedureID",
    "Modality",
    "ScheduledStationAETitle",
    "ScheduledProcedureStepStartDate",
    "ScheduledProcedureStepStartTime",
)


def add_commands(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the parsers of this group."""
    worklist = commands.add_parser("worklist", help="the worklist").add_subparsers(required=True)
    query = worklist.add_parser("query", parents=[common], help="what a modality is shown, and why")
    query.add_argument(
        "--as", dest="calling", default="BRIDGECLI", metavar="AE", help="calling AE title"
    )
    query.add_argument(
        "--why",
        action="append",
        default=[],
        metavar="NUMBER",
        help="explain an accession, order, patient or procedure ID, or a Study Instance UID",
    )
    query.add_argument("--fuzzy", action="store_true", help="negotiate fuzzy matching of names")
    query.add_argument("--dump", action="store_true", help="whole data sets, as they are answered")
    query.add_argument("keys", nargs="*", metavar="KEYWORD=VALUE", help="matching keys")
    query.set_defaults(run=_query)


def _query(options: argparse.Namespace) -> int:
    matching = dict(_pair(key) for key in options.keys)
    settings = load(options.config, os.environ)
    asked = asked_as(settings, options.calling, matching, fuzzy=options.fuzzy)
    query, limit = asked.identifier.query, asked.caller.limit
    with opened(options) as database:
        store = SqlStore(database)
        items = () if query.impossible else QueryWorklist(store).find(query, limit)
        _print_answer(asked, items, dump=options.dump)
        ask = WorklistAsk(ae_title=options.calling, keys=matching, why=tuple(options.why))
        for number in to_explain(ask, len(items)):
            _print_explanation(ExplainWorklist(store).explain(query, limit, number))
    return 0


def _pair(key: str) -> tuple[str, str]:
    keyword, equals, value = key.partition("=")
    if not equals:
        raise BridgeError(f"{key}: write KEYWORD=VALUE")
    return keyword, value


def _print_answer(asked: Asked, items: Sequence[WorklistItem], *, dump: bool) -> None:
    limit = asked.caller.limit
    for item in items[:limit]:
        answer = asked.form.write(item)
        print(text_of(answer) + "\n" if dump else "\t".join(fields_of(answer, *_KEYS)))
    final = asked.final(len(items))
    shown = f"{min(len(items), limit)} scheduled procedure steps"
    if final is not None:
        shown += f"; there are more: status {final:04X}"
    print(shown, file=sys.stderr)


def _print_explanation(found: Explanation) -> None:
    if found.note:
        print_row(found.number, found.note)
    for step in found.steps:
        print_row(
            step.accession_number or found.number,
            step.patient_id,
            step.rp_id,
            step.sps_id,
            step.verdict.value,
            "; ".join(step.reasons),
        )

"""`bridge worklist query`: what a modality is shown, entry by entry, and why an entry is missing.

It is asked inside this process with the code that answers modalities, of the same database and by
the same configuration; nothing has to be running.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from bridge.cli.opening import opened, print_row
from bridge.dicom.worklist import Asked
from bridge.dicom.worklist_caller import Caller
from bridge.dicom.worklist_preview import ask_as, fields_of, text_of
from bridge.domain.errors import BridgeError
from bridge.domain.worklist import WorklistItem
from bridge.services.explain_worklist import ExplainWorklist, Explanation
from bridge.services.query_worklist import QueryWorklist
from bridge.settings import Settings, load
from bridge.store.repositories import SqlStore
from bridge.wiring.edges import dicom_configuration

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
# Who asks for one of these means one entry, and wants to know where it is.
_NAMING = ("AccessionNumber", "PatientID", "StudyInstanceUID", "RequestedProcedureID")


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
    asked = _asked(settings, options, matching)
    query, limit = asked.identifier.query, asked.caller.limit
    with opened(options) as database:
        store = SqlStore(database)
        items = () if query.impossible else QueryWorklist(store).find(query, limit)
        _print_answer(asked, items, dump=options.dump)
        for number in options.why or _missed(matching, items):
            _print_explanation(ExplainWorklist(store).explain(query, limit, number))
    return 0


def _pair(key: str) -> tuple[str, str]:
    keyword, equals, value = key.partition("=")
    if not equals:
        raise BridgeError(f"{key}: write KEYWORD=VALUE")
    return keyword, value


def _asked(settings: Settings, options: argparse.Namespace, matching: Mapping[str, str]) -> Asked:
    """The query as the bridge reads it when this AE sends it.

    Raises BridgeError when it would not get so far as to send one.
    """
    configuration = dicom_configuration(
        settings.dicom, zone=settings.site.timezone, mappings=settings.mappings
    )
    known = options.calling in configuration.peers_by_title
    if not known and not configuration.accepts_unknown_peers:
        raise BridgeError(
            f"{options.calling} gets no association: it is none of dicom.peers, and"
            " dicom.unknown_peers is reject"
        )
    peer = configuration.peer(options.calling)
    caller = Caller(
        ae_title=options.calling,
        configuration=configuration,
        now=datetime.now(configuration.zone),
        fuzzy=options.fuzzy and peer.worklist.fuzzy_names,
    )
    return ask_as(caller, matching)


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


def _missed(matching: Mapping[str, str], items: Sequence[WorklistItem]) -> list[str]:
    """The numbers that were asked for when nothing was found."""
    wanted = [matching[keyword] for keyword in _NAMING if matching.get(keyword)]
    return [] if items else [each for each in wanted if not set(each) & set("*?\\")]


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

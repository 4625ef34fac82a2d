"""`bridge study`: what was received, where it belongs and why, and a person's word on it."""

from __future__ import annotations

import argparse
import getpass
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from bridge.cli.opening import opened, print_row, utc_time
from bridge.cli.waiting import listed
from bridge.domain.errors import UnknownKey
from bridge.domain.identifiers import Authority, Identifier
from bridge.domain.matching import MatchDecision, Verdict
from bridge.domain.order import CodedConcept
from bridge.settings import load
from bridge.store.repositories import SqlStore, SqlTransaction

if TYPE_CHECKING:  # loaded only by the commands that decide something: it takes long
    from bridge.services.resolve_study import ResolveStudy

_SIGNS = {Verdict.AGREES: "=", Verdict.DIFFERS: "≠", Verdict.UNKNOWN: "?"}


def add_commands(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the parsers of this group."""
    group = commands.add_parser("study", help="studies").add_subparsers(required=True)
    listing = group.add_parser("list", parents=[common], help="studies, the newest first")
    listing.add_argument(
        "--waiting", action="store_true", help="only those that belong to no order"
    )
    listing.add_argument("--limit", type=int, default=100, metavar="N", help="at most so many")
    listing.set_defaults(run=_list)
    show = group.add_parser(
        "show", parents=[common], help="what was decided of a study, by whom, on which evidence"
    )
    show.add_argument("uid", metavar="STUDY-INSTANCE-UID")
    show.set_defaults(run=_show)
    for name, text, act in (
        ("link", "link a study to the orders of these numbers", _link),
        ("unlink", "take a study away from the orders it is matched to", _unlink),
        ("move", "say whose images a study shows, and decide anew", _move),
        ("reject", "show a study to nobody any more", _reject),
        ("restore", "show again what rejection notes hide of a study", _restore),
        ("undo", "take the last such decision back", _undo),
    ):
        acting = group.add_parser(name, parents=[common], help=text)
        acting.add_argument("uid", metavar="STUDY-INSTANCE-UID")
        if name == "link":
            acting.add_argument("numbers", nargs="+", metavar="ACCESSION-OR-ORDER-NUMBER")
        if name == "move":
            acting.add_argument("--to", required=True, metavar="PATIENT-ID[^AUTHORITY]")
        if name != "undo":
            acting.add_argument("--reason", required=True, help="why, for whoever asks later")
        acting.add_argument("--by", default="", metavar="NAME", help="who decides")
        acting.set_defaults(run=_resolve, act=act)
    _add_order(group, common)


def _add_order(group: Any, common: argparse.ArgumentParser) -> None:
    text = "order what an unscheduled study shows, as done, and link it"
    ordering = group.add_parser("order", parents=[common], help=text)
    ordering.add_argument("uid", metavar="STUDY-INSTANCE-UID")
    ordering.add_argument("--reason", required=True, help="why, for whoever asks later")
    ordering.add_argument("--by", default="", metavar="NAME", help="who decides")
    ordering.add_argument(
        "--procedure",
        default="",
        metavar="CODE^TEXT^SCHEME",
        help="what was done (a text alone: ^TEXT); else what the images call it",
    )
    ordering.set_defaults(run=_order)


def _list(options: argparse.Namespace) -> int:
    for row in listed(options, lambda found, n: found.studies(waiting=options.waiting, limit=n)):
        print_row(
            utc_time(row.updated_at),
            row.study_instance_uid,
            row.accession_number or "-",
            row.state,
            row.outcome or "undecided",
            row.reason,
        )
    return 0


def _show(options: argparse.Namespace) -> int:
    with opened(options) as database:
        lines = SqlStore(database).read(lambda tx: list(_described(tx, options.uid)))
    for line in lines:
        print_row(*line)
    return 0


def _described(tx: SqlTransaction, uid: str) -> Iterator[tuple[object, ...]]:
    study = tx.studies.find(uid)
    if study is None:
        raise UnknownKey(f"there is no study {uid}")
    yield ("study", uid, study.state.value, f"{len(study.instance_uids)} instances")
    for decision, at in tx.studies.decisions(study.pk):
        yield ("decision", utc_time(at), *_outcome(decision))
        for candidate in decision.candidates:
            keys = ", ".join(candidate.keys) or "suggested"
            named = (candidate.number or "-", f"score {candidate.score}")
            yield ("candidate", *named, f"patient {candidate.agreement.value}", keys)
            for each in candidate.evidence:
                sign = _SIGNS[each.verdict]
                yield ("evidence", each.field, each.study or "-", sign, each.order or "-")
    for resolution, undone_by in tx.resolutions.of_study(study.pk):
        told = (resolution.action.value, resolution.who, resolution.reason)
        if resolution.patient_pk:
            told = (f"move to {tx.patients.get(resolution.patient_pk).patient_id.value}", *told[1:])
        undone = f"taken back by {undone_by}" if undone_by else ""
        yield ("resolution", utc_time(resolution.at), *told, undone)


def _resolve(options: argparse.Namespace) -> int:
    # What follows a decision takes long to load, and no other command of this group needs it.
    from bridge.wiring.reconciling import resolving_studies  # noqa: PLC0415

    act: Callable[[ResolveStudy, argparse.Namespace, str], MatchDecision] = options.act
    settings = load(options.config, os.environ)
    with opened(options) as database, resolving_studies(settings, database) as resolve:
        decision = act(resolve, options, options.by or getpass.getuser())
    print_row("decision", *_outcome(decision))
    return 0


def _order(options: argparse.Namespace) -> int:
    from bridge.wiring.reconciling import ordering_studies  # noqa: PLC0415 - as above

    settings = load(options.config, os.environ)
    procedure = _concept(options.procedure)
    with opened(options) as database, ordering_studies(settings, database) as ordering:
        who = options.by or getpass.getuser()
        decision = ordering.order(options.uid, who, options.reason, procedure)
    print_row("decision", *_outcome(decision))
    return 0


def _concept(text: str) -> CodedConcept | None:
    """`CODE^TEXT^SCHEME` as HL7 writes it; a code of no named scheme is the site's own (`L`)."""
    code, meaning, scheme, *_ = (*(each.strip() for each in text.split("^")), "", "")
    if not code and not meaning:
        return None
    return CodedConcept(code, scheme or ("L" if code else ""), meaning or code)


def _link(resolve: ResolveStudy, options: argparse.Namespace, who: str) -> MatchDecision:
    numbers = [Identifier(each) for each in options.numbers]
    return resolve.link(options.uid, numbers, who, options.reason)


def _unlink(resolve: ResolveStudy, options: argparse.Namespace, who: str) -> MatchDecision:
    return resolve.unlink(options.uid, who, options.reason)


def _move(resolve: ResolveStudy, options: argparse.Namespace, who: str) -> MatchDecision:
    value, _, authority = options.to.partition("^")
    to = Identifier(value.strip(), Authority(authority.strip(" ^")))
    return resolve.move(options.uid, to, who, options.reason)


def _reject(resolve: ResolveStudy, options: argparse.Namespace, who: str) -> MatchDecision:
    return resolve.reject(options.uid, who, options.reason)


def _restore(resolve: ResolveStudy, options: argparse.Namespace, who: str) -> MatchDecision:
    return resolve.restore(options.uid, who, options.reason)


def _undo(resolve: ResolveStudy, options: argparse.Namespace, who: str) -> MatchDecision:
    return resolve.undo(options.uid, who)


def _outcome(decision: MatchDecision) -> tuple[object, ...]:
    return (decision.outcome.value, decision.decided_by, decision.reason)

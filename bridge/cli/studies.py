"""`bridge study`: what was received, where it belongs and why, and a person's word on it."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from bridge.cli.opening import opened, print_row, utc_time
from bridge.cli.options import add_decider, add_limit, add_reason, decider
from bridge.cli.study_preview import preview_rows
from bridge.cli.waiting import listed
from bridge.domain.errors import UnknownKey
from bridge.domain.identifiers import Authority, Identifier
from bridge.domain.matching import MatchDecision, RankedCandidate, Verdict
from bridge.domain.order import CodedConcept
from bridge.settings import load
from bridge.store.repositories import SqlStore, SqlTransaction

if TYPE_CHECKING:  # loaded only by the commands that decide something: it takes long
    from bridge.services.preview_study import StudyActs

_SIGNS = {
    Verdict.AGREES: "=",
    Verdict.SOUNDS_ALIKE: "~",
    Verdict.DIFFERS: "≠",
    Verdict.UNKNOWN: "?",
}


def add_commands(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the parsers of this group."""
    group = commands.add_parser("study", help="studies").add_subparsers(required=True)
    listing = group.add_parser("list", parents=[common], help="studies, the newest first")
    listing.add_argument(
        "--waiting", action="store_true", help="only those that belong to no order"
    )
    add_limit(listing)
    listing.set_defaults(run=_list)
    _add_compare(group, common)
    _add_suggest(group, common)
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
            add_reason(acting)
        _add_decision(acting)
        acting.set_defaults(run=_decide, act=act)
    _add_order(group, common)


def _add_suggest(group: Any, common: argparse.ArgumentParser) -> None:
    text = "orders that a study may belong to, by patient, place and time alone"
    suggesting = group.add_parser("suggest", parents=[common], help=text)
    suggesting.add_argument("uid", metavar="STUDY-INSTANCE-UID")
    suggesting.set_defaults(run=_suggest)


def _add_compare(group: Any, common: argparse.ArgumentParser) -> None:
    text = "put a study beside an order, field by field"
    comparing = group.add_parser("compare", parents=[common], help=text)
    comparing.add_argument("uid", metavar="STUDY-INSTANCE-UID")
    comparing.add_argument("number", metavar="ACCESSION-OR-ORDER-NUMBER")
    comparing.set_defaults(run=_compare)


def _add_decision(acting: argparse.ArgumentParser) -> None:
    add_decider(acting)
    acting.add_argument(
        "--dry-run", action="store_true", help="only show what would change, and who would be told"
    )


def _add_order(group: Any, common: argparse.ArgumentParser) -> None:
    text = "order what an unscheduled study shows, as done, and link it"
    ordering = group.add_parser("order", parents=[common], help=text)
    ordering.add_argument("uid", metavar="STUDY-INSTANCE-UID")
    add_reason(ordering)
    _add_decision(ordering)
    ordering.add_argument(
        "--procedure",
        default="",
        metavar="CODE^TEXT^SCHEME",
        help="what was done (a text alone: ^TEXT); else what the images call it",
    )
    ordering.set_defaults(run=_decide, act=_order)


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
    for flaw, count in tx.flaws.of(uid).items():
        yield ("flaw", flaw, f"{count} instances")
    for decision, at in tx.studies.decisions(study.pk):
        yield ("decision", utc_time(at), *_outcome(decision))
        for candidate in decision.candidates:
            yield from _candidate(candidate)
    for resolution, undone_by in tx.resolutions.of_study(study.pk):
        told = (resolution.action.value, resolution.who, resolution.reason)
        if resolution.patient_pk:
            told = (f"move to {tx.patients.get(resolution.patient_pk).patient_id.value}", *told[1:])
        undone = f"taken back by {undone_by}" if undone_by else ""
        yield ("resolution", utc_time(resolution.at), *told, undone)


def _candidate(candidate: RankedCandidate) -> Iterator[tuple[object, ...]]:
    keys = ", ".join(candidate.keys) or "suggested"
    named = (candidate.number or "-", f"score {candidate.score}")
    yield ("candidate", *named, f"patient {candidate.agreement.value}", keys)
    for each in candidate.evidence:
        yield ("evidence", each.field, each.study or "-", _SIGNS[each.verdict], each.order or "-")


def _suggest(options: argparse.Namespace) -> int:
    from bridge.wiring.reconciling import study_desk  # noqa: PLC0415 - as above

    settings = load(options.config, os.environ)
    with opened(options) as database, study_desk(settings, database) as desk:
        suggested = desk.suggest.for_study(options.uid)
    for each in suggested:
        for line in _candidate(each):
            print_row(*line)
    return 0


def _decide(options: argparse.Namespace) -> int:
    # What follows a decision takes long to load, and no other command of this group needs it.
    from bridge.wiring.reconciling import study_desk  # noqa: PLC0415

    act: Callable[[StudyActs, argparse.Namespace, str], MatchDecision] = options.act
    who = decider(options)
    settings = load(options.config, os.environ)
    with opened(options) as database, study_desk(settings, database) as desk:
        if options.dry_run:
            preview = desk.preview.of(options.uid, lambda acts: act(acts, options, who))
            for line in preview_rows(preview):
                print_row(*line)
            return 0
        decision = act(desk.acts, options, who)
    print_row("decision", *_outcome(decision))
    return 0


def _compare(options: argparse.Namespace) -> int:
    from bridge.wiring.reconciling import study_desk  # noqa: PLC0415 - as above

    settings = load(options.config, os.environ)
    with opened(options) as database, study_desk(settings, database) as desk:
        found = desk.compare.with_number(options.uid, Identifier(options.number))
    for each in found:
        print_row("order", each.number, f"patient {each.agreement.value}", ", ".join(each.keys))
        for field in each.fields:
            print_row(field.field, field.likeness.value, field.study or "-", field.order or "-")
    return 0


def _concept(text: str) -> CodedConcept | None:
    """`CODE^TEXT^SCHEME` as HL7 writes it; a code of no named scheme is the site's own (`L`)."""
    code, meaning, scheme, *_ = (*(each.strip() for each in text.split("^")), "", "")
    if not code and not meaning:
        return None
    return CodedConcept(code, scheme or ("L" if code else ""), meaning or code)


def _order(acts: StudyActs, options: argparse.Namespace, who: str) -> MatchDecision:
    return acts.ordering.order(options.uid, who, options.reason, _concept(options.procedure))


def _link(acts: StudyActs, options: argparse.Namespace, who: str) -> MatchDecision:
    numbers = [Identifier(each) for each in options.numbers]
    return acts.resolve.link(options.uid, numbers, who, options.reason)


def _unlink(acts: StudyActs, options: argparse.Namespace, who: str) -> MatchDecision:
    return acts.resolve.unlink(options.uid, who, options.reason)


def _move(acts: StudyActs, options: argparse.Namespace, who: str) -> MatchDecision:
    value, _, authority = options.to.partition("^")
    to = Identifier(value.strip(), Authority(authority.strip(" ^")))
    return acts.resolve.move(options.uid, to, who, options.reason)


def _reject(acts: StudyActs, options: argparse.Namespace, who: str) -> MatchDecision:
    return acts.resolve.reject(options.uid, who, options.reason)


def _restore(acts: StudyActs, options: argparse.Namespace, who: str) -> MatchDecision:
    return acts.resolve.restore(options.uid, who, options.reason)


def _undo(acts: StudyActs, options: argparse.Namespace, who: str) -> MatchDecision:
    return acts.resolve.undo(options.uid, who)


def _outcome(decision: MatchDecision) -> tuple[object, ...]:
    return (decision.outcome.value, decision.decided_by, decision.reason)

"""`bridge delivery`: what is still to be told, why it is not, and the hand that steers it."""

from __future__ import annotations

import argparse
import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from bridge.cli.opening import opened, print_row, utc_time
from bridge.cli.options import add_decider, add_limit, add_reason, decider
from bridge.domain.delivery import DeliveryState, EventKind
from bridge.domain.errors import BridgeError, UnknownKey
from bridge.services.steer_deliveries import (
    Act,
    DeliveryDetail,
    DeliveryFilter,
    DeliveryRow,
    DestinationState,
    Hold,
    Lane,
    Moved,
    SteerDeliveries,
)
from bridge.settings import load
from bridge.store.repositories import SqlStore

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)([smhd])")
_LOOK_SECONDS = 0.5
_NO_CHOICE = "say which: numbers, --destination, --kind, --error, --older-than …, or --all"


def add_commands(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the parsers of this group."""
    group = commands.add_parser("delivery", help="the outbox").add_subparsers(required=True)
    listing = group.add_parser("list", parents=[common], help="deliveries and their state")
    _add_choice(listing)
    listing.add_argument(
        "--state", action="append", choices=[each.value for each in DeliveryState], default=[]
    )
    add_limit(listing)
    listing.set_defaults(run=_list)
    show = group.add_parser(
        "show", parents=[common], help="one delivery: what it waits for, what was said each time"
    )
    show.add_argument("number", type=int)
    show.set_defaults(run=_show)
    status = group.add_parser(
        "status", parents=[common], help="each destination: what waits, what is held back, outages"
    )
    status.set_defaults(run=_status)
    _add_moves(group, common)
    _add_holds(group, common)


def _add_moves(group: Any, common: argparse.ArgumentParser) -> None:
    retry = group.add_parser(
        "retry", parents=[common], help="send parked or dead ones again, in their lanes' order"
    )
    retry.add_argument(
        "--overtaken-too",
        action="store_true",
        help="also what its receiver has heard something newer after",
    )
    park = group.add_parser("park", parents=[common], help="hold pending ones and their lanes")
    for moving, run in ((retry, _retry), (park, _park)):
        moving.add_argument("numbers", nargs="*", type=int, metavar="NUMBER")
        moving.add_argument("--all", action="store_true", help="every one there is")
        _add_choice(moving)
        _add_act(moving)
        moving.set_defaults(run=run)


def _add_holds(group: Any, common: argparse.ArgumentParser) -> None:
    for name, run, text in (
        ("pause", _pause, "send nothing more to a destination, or of one subject"),
        ("drain", _drain, "send what waits and nothing newer; ends when it is empty"),
        ("resume", _resume, "let go what was paused or drained"),
    ):
        holding = group.add_parser(name, parents=[common], help=text)
        holding.add_argument("destination")
        holding.add_argument(
            "--subject", default="", help="only this order or study, as `list` shows it"
        )
        if name == "drain":
            holding.add_argument(
                "--wait",
                type=_duration,
                default=None,
                metavar="TIME",
                help="longest wait for it to be empty, such as 30s or 5m; 0s does not wait",
            )
        _add_act(holding)
        holding.set_defaults(run=run)


def _add_choice(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--destination", default="", metavar="NAME")
    parser.add_argument("--subject", default="", help="one order or study, as `list` shows it")
    parser.add_argument("--kind", default="", choices=["", *(each.value for each in EventKind)])
    parser.add_argument(
        "--error", default="", metavar="TEXT", help="whose last error contains this text"
    )
    parser.add_argument(
        "--older-than",
        type=_duration,
        default=None,
        metavar="TIME",
        help="whose event is older: 90s, 30m, 2h, 3d",
    )


def _add_act(parser: argparse.ArgumentParser) -> None:
    add_reason(parser, required=False)
    add_decider(parser)


def _duration(text: str) -> float:
    found = _DURATION.fullmatch(text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no time such as 90s, 30m, 2h or 3d")
    return float(found[1]) * _UNITS[found[2]]


def _chosen(options: argparse.Namespace, **more: Any) -> DeliveryFilter:
    age = options.older_than
    return DeliveryFilter(
        destination=options.destination,
        subject=options.subject,
        kind=options.kind,
        reason=options.error,
        before=None if age is None else time.time() - age,
        **more,
    )


def _act(options: argparse.Namespace) -> Act:
    return Act(by=decider(options), reason=options.reason)


@contextmanager
def _steering(options: argparse.Namespace) -> Iterator[SteerDeliveries]:
    with opened(options) as database:
        yield SteerDeliveries(store=SqlStore(database), clock=time.time)


def _list(options: argparse.Namespace) -> int:
    with _steering(options) as steering:
        rows = steering.listed(_chosen(options, states=tuple(options.state)), options.limit)
    for row in rows:
        print_row(*_described(row))
    return 0


def _described(row: DeliveryRow) -> tuple[object, ...]:
    return (
        row.pk,
        utc_time(row.created_at),
        row.destination,
        row.subject,
        row.kind,
        row.state,
        f"attempts={row.attempts}",
        row.last_error,
    )


def _show(options: argparse.Namespace) -> int:
    with _steering(options) as steering:
        detail = steering.show(options.number)
    if detail is None:
        raise UnknownKey(f"there is no delivery {options.number}")
    print_row(*_described(detail.row))
    for line in _waits_for(detail):
        print_row("waits", line)
    for attempt in detail.attempts:
        answered = " ".join(part for part in (attempt.answered, attempt.error) if part)
        print_row("attempt", utc_time(attempt.at), attempt.outcome, answered)
        if attempt.message_pk is not None:
            print_row("message", attempt.message_pk)
        for name, said in (("request", attempt.request), ("response", attempt.response)):
            for line in said.splitlines():
                print_row(name, line)
    return 0


def _waits_for(detail: DeliveryDetail) -> Iterator[str]:
    if detail.behind is not None:
        yield f"for delivery {detail.behind}, which is before it in its lane"
    for hold in detail.holds:
        yield f"because {hold.lane} is {_held(hold)}"
    if detail.row.state == DeliveryState.PARKED:
        yield f"for a hand: bridge delivery retry {detail.row.pk}"
    if detail.row.state == DeliveryState.PENDING and detail.row.not_before > time.time():
        yield f"until {utc_time(detail.row.not_before)}"


def _held(hold: Hold) -> str:
    what = "drained" if hold.drains else "paused"
    return f"{what} since {utc_time(hold.since)} by {hold.who} {hold.reason}".rstrip()


def _status(options: argparse.Namespace) -> int:
    with _steering(options) as steering:
        states = steering.destinations()
    for state in states:
        counts = ", ".join(f"{count} {name}" for name, count in sorted(state.counts.items()))
        print_row(state.name, counts or "nothing waits", *_trouble(state))
    return 0


def _trouble(state: DestinationState) -> Iterator[str]:
    if state.oldest_waiting_at is not None:
        yield f"oldest {utc_time(state.oldest_waiting_at)}"
    if state.down_since is not None:
        yield f"down since {utc_time(state.down_since)}: {state.down_reason}"
    for hold in state.holds:
        yield f"{hold.lane.subject} {_held(hold)}".strip()


def _retry(options: argparse.Namespace) -> int:
    with _steering(options) as steering:
        chosen = _to_move(options)
        moved = steering.retry(chosen, _act(options), overtaken_too=options.overtaken_too)
    return _moved(moved, chosen)


def _park(options: argparse.Namespace) -> int:
    with _steering(options) as steering:
        chosen = _to_move(options)
        moved = steering.park(chosen, _act(options))
    return _moved(moved, chosen)


def _to_move(options: argparse.Namespace) -> DeliveryFilter:
    chosen = _chosen(options, pks=tuple(options.numbers))
    if chosen == DeliveryFilter() and not options.all:
        raise BridgeError(_NO_CHOICE)
    return chosen


def _moved(moved: Moved, chosen: DeliveryFilter) -> int:
    if moved.overtaken:
        print(
            f"{moved.overtaken} left alone: their receiver has heard something newer of the same"
            " subject (--overtaken-too sends them all the same)"
        )
    elif chosen.pks and not moved.moved:
        numbers = " ".join(map(str, chosen.pks))
        raise UnknownKey(f"delivery {numbers} is not in a state that allows this")
    if len(chosen.pks) != 1:
        print(f"{moved.moved} deliveries moved")
    return 0


def _lane(options: argparse.Namespace, known: Sequence[DestinationState]) -> Lane:
    configured = [each.name for each in load(options.config, os.environ).destinations]
    names = {*configured, *(each.name for each in known)}
    if options.destination not in names:
        said = ", ".join(sorted(names)) or "there is none"
        raise UnknownKey(f"there is no destination {options.destination}: {said}")
    return Lane(destination=options.destination, subject=options.subject)


def _pause(options: argparse.Namespace) -> int:
    with _steering(options) as steering:
        lane = _lane(options, steering.destinations())
        steering.pause(lane, _act(options))
    print(f"{lane} is paused")
    return 0


def _resume(options: argparse.Namespace) -> int:
    with _steering(options) as steering:
        lane = _lane(options, steering.destinations())
        if not steering.resume(lane, _act(options)):
            raise UnknownKey(f"{lane} is not held back")
    print(f"{lane} goes on")
    return 0


def _drain(options: argparse.Namespace) -> int:
    with _steering(options) as steering:
        lane = _lane(options, steering.destinations())
        left = steering.drain(lane, _act(options))
        print(f"{lane}: {left} deliveries are still sent, newer ones wait", flush=True)
        end = None if options.wait is None else time.monotonic() + options.wait
        while left and (end is None or time.monotonic() < end):
            time.sleep(_LOOK_SECONDS)
            left = steering.draining(lane)
    print(f"{lane} is empty" if not left else f"{lane}: {left} deliveries are still to be sent")
    return 0 if not left else 1

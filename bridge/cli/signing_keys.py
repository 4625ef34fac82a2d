"""`bridge signing-key`: keys to sign with at FHIR servers (SMART Backend Services)."""

from __future__ import annotations

import argparse
import os
import time
from typing import Any

from bridge.cli.opening import print_row, utc_time
from bridge.domain.errors import UnknownKey
from bridge.fhir.signing_keys import ALGORITHMS, SigningKeys
from bridge.settings import load
from bridge.wiring.fhir_access import key_folder


def add_commands(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the parsers of this command."""
    key = commands.add_parser(
        "signing-key", help="keys to sign with at FHIR servers"
    ).add_subparsers(required=True)
    generate = key.add_parser(
        "generate", parents=[common], help="make a key, and show it to others at once"
    )
    generate.add_argument("--algorithm", choices=[*ALGORITHMS], default="ES384")
    generate.add_argument(
        "--wait",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help="sign with it only from then on, so that servers have read the key set before",
    )
    generate.set_defaults(run=_generate)
    listing = key.add_parser("list", parents=[common], help="the keys, the newest first")
    listing.set_defaults(run=_list)
    retire = key.add_parser("retire", parents=[common], help="remove a key for good")
    retire.add_argument("kid", help="its id")
    retire.set_defaults(run=_retire)


def _keys(options: argparse.Namespace) -> SigningKeys:
    return SigningKeys(key_folder(load(options.config, os.environ)))


def _generate(options: argparse.Namespace) -> int:
    print(_keys(options).generate(options.algorithm, time.time(), options.wait).kid)
    return 0


def _list(options: argparse.Namespace) -> int:
    now = time.time()
    for each in _keys(options).all():
        due = "signs" if each.signs_from <= now else "will sign"
        print_row(
            each.kid,
            each.algorithm,
            f"made {utc_time(each.created_at)}",
            f"{due} from {utc_time(each.signs_from)}",
        )
    return 0


def _retire(options: argparse.Namespace) -> int:
    if not _keys(options).retire(options.kid):
        raise UnknownKey(f"there is no key {options.kid!r}")
    return 0

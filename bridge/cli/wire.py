"""`bridge send`: what a modality or a HIS would do, by hand."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from bridge.dicom.scu import Remote, echo, store
from bridge.domain.errors import BridgeError
from bridge.hl7.mllp_client import send
from bridge.settings import Settings, load


def add_commands(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the parsers of this group."""
    sending = commands.add_parser("send", help="send to a listener").add_subparsers(required=True)
    hl7 = sending.add_parser("hl7", parents=[common], help="one HL7 v2 message; prints the answer")
    hl7.add_argument("file", type=Path)
    hl7.add_argument("--host", default="")
    hl7.add_argument("--port", type=int, default=0)
    hl7.set_defaults(run=_send_hl7)
    dicom = sending.add_parser("dicom", parents=[common], help="C-STORE files; no file: C-ECHO")
    dicom.add_argument("files", nargs="*", type=Path)
    dicom.add_argument("--as", dest="calling", default="BRIDGECLI", metavar="AE")
    dicom.set_defaults(run=_send_dicom)


def _send_hl7(options: argparse.Namespace) -> int:
    host, port = _hl7_address(options)
    answer = send(host, port, options.file.read_bytes())
    print(answer.decode("utf-8", "backslashreplace").replace("\r", "\n").rstrip())
    return 0 if b"MSA|AA" in answer or b"MSA|CA" in answer else 1


def _hl7_address(options: argparse.Namespace) -> tuple[str, int]:
    """What the command line names, else the first listener of the configuration."""
    if options.host and options.port:
        return options.host, options.port
    listeners = load(options.config, os.environ).hl7.listeners
    if not listeners:
        raise BridgeError("the configuration has no HL7 listener; name one with --host and --port")
    return options.host or listeners[0].host, options.port or listeners[0].port


def _send_dicom(options: argparse.Namespace) -> int:
    remote = _remote(load(options.config, os.environ), options.calling)
    if not options.files:
        echo(remote)
        print("C-ECHO succeeded")
        return 0
    failed = 0
    for each in store(remote, options.files):
        print(f"{each.status:04X}\t{each.sop_instance_uid}")
        failed += each.status != 0
    return 1 if failed else 0


def _remote(settings: Settings, calling: str) -> Remote:
    dicom = settings.dicom
    return Remote(
        host=dicom.host, port=dicom.port, ae_title=dicom.ae_title, calling_ae_title=calling
    )

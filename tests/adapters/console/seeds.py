"""What arrives at a desk: orders, images and the end of studies."""

from __future__ import annotations

import hashlib
import time
from itertools import count
from typing import Any

from bridge.domain.events import Event
from bridge.services.receive_message import InboundMessage
from bridge.wiring.core import Core
from tests.unit.services.core import header

_NUMBERS = count(1)


def place(core: Core, *events: Event) -> None:
    """A message of these events."""
    number = next(_NUMBERS)
    message = InboundMessage(
        protocol="hl7",
        peer="his 127.0.0.1",
        source="KIS|HAUS",
        type="ORM^O01",
        control_id=f"C{number}",
        raw=f"MSH|^~\\&|KIS|HAUS|||||ORM^O01|C{number}".encode(),
        received_at=time.time(),
        mode="his_only",
    )
    core.messages.receive(message, events, lambda receipt: b"MSA|AA")


def image(core: Core, *args: Any, content: bytes = b"pixels", **kwargs: Any) -> None:
    """One instance, as `tests.unit.services.core.header` makes them."""
    digest = hashlib.sha256(content).hexdigest()
    core.instances.receive(header(*args, **kwargs), content, digest, "CT01")


def settle(core: Core) -> None:
    """Everything has come: every study is decided on."""
    later = time.time() + 3600
    for fired in core.store.transact(lambda tx: tx.timers.claim("test", later, 1.0, 100)):
        core.complete.look(fired, later)

"""A RIS that takes performed steps: pynetdicom as SCP, with answers by script."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, evt
from pynetdicom.events import Event

from bridge.dicom.scu import Remote
from bridge.dicom.sop_classes import PERFORMED_STEP, VERIFICATION


@dataclass
class Ris:
    """What it was told, and what it answers: `script` first, then by the rules of the standard.

    A script of 0 is success; None takes the message and loses the answer (the association breaks).
    """

    port: int = 0
    script: list[int | Dataset | None] = field(default_factory=list)
    told: list[tuple[str, str, bytes]] = field(default_factory=list)
    steps: dict[str, str] = field(default_factory=dict)

    @property
    def remote(self) -> Remote:
        return Remote(ae_title="RIS", host="127.0.0.1", port=self.port)

    @property
    def operations(self) -> list[str]:
        return [operation for operation, *_ in self.told]

    def create(self, event: Event) -> tuple[int | Dataset, None]:
        request: Any = event.request
        uid = str(request.AffectedSOPInstanceUID)
        content = request.AttributeList.getvalue()
        return self._answer(event, "N-CREATE", uid, content), None

    def set(self, event: Event) -> tuple[int | Dataset, None]:
        request: Any = event.request
        uid = str(request.RequestedSOPInstanceUID)
        content = request.ModificationList.getvalue()
        return self._answer(event, "N-SET", uid, content), None

    def _answer(self, event: Event, operation: str, uid: str, content: bytes) -> int | Dataset:
        scripted = self.script.pop(0) if self.script else 0
        if scripted:
            return scripted
        refusal = self._refusal(operation, uid)
        if refusal is None:
            self.told.append((operation, uid, content))
            ends = b"COMPLETED" in content or b"DISCONTINUED" in content
            self.steps[uid] = "final" if ends else "open"
        if scripted is None:
            event.assoc.abort()
        return 0 if refusal is None else refusal

    def _refusal(self, operation: str, uid: str) -> int | Dataset | None:
        if operation == "N-CREATE":
            return 0x0111 if uid in self.steps else None
        if uid not in self.steps:
            return 0x0112
        return final() if self.steps[uid] == "final" else None


def final() -> Dataset:
    """The standard's answer to an N-SET of a step that has ended."""
    answer = Dataset()
    answer.Status = 0x0110
    answer.ErrorID = 0xA710
    answer.ErrorComment = "Performed Procedure Step Object may no longer be updated"
    return answer


@contextmanager
def running_ris(
    syntaxes: Sequence[str] = (ExplicitVRLittleEndian, ImplicitVRLittleEndian), port: int = 0
) -> Iterator[Ris]:
    """Run a RIS, on a free port unless one is given."""
    ris = Ris()
    entity = AE(ae_title="RIS")
    entity.add_supported_context(VERIFICATION)
    entity.add_supported_context(PERFORMED_STEP, list(syntaxes))
    server = entity.start_server(
        ("127.0.0.1", port),
        block=False,
        evt_handlers=[(evt.EVT_N_CREATE, ris.create), (evt.EVT_N_SET, ris.set)],
    )
    assert server is not None
    ris.port = server.server_address[1]
    try:
        yield ris
    finally:
        server.shutdown()

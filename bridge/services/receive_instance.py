"""Receive one instance: on disk, indexed, and only then acknowledged."""

from __future__ import annotations

import hashlib
import re
from typing import Protocol

from bridge.domain.rejection import RejectionNote
from bridge.domain.study import Arrival, InstanceHeader, Receipt
from bridge.services.complete_study import CompleteStudy
from bridge.services.content import Content, as_content
from bridge.services.transaction import Clock, Store, Transaction

_PLAIN_UID = re.compile(r"[0-9A-Za-z][0-9A-Za-z.\-]{0,63}")


class Objects(Protocol):
    """Where image objects are kept."""

    def put(self, key: str, content: Content) -> None:
        """Store an object; safe against power loss when it returns. Raises StorageFull."""


class ReceiveInstance:
    """Stores instances as they come, byte for byte."""

    def __init__(
        self, *, store: Store, objects: Objects, complete: CompleteStudy, clock: Clock
    ) -> None:
        self._store = store
        self._objects = objects
        self._complete = complete
        self._clock = clock

    def receive(
        self, header: InstanceHeader, content: bytes | Content, digest: str, peer: str
    ) -> Receipt:
        """Keep an instance durably; `digest` (SHA-256, hex) is of its dataset.

        The same dataset again is a no-op. Other bytes under a SOP Instance UID that is held are
        kept beside it as a conflict, never over it. Raises StorageFull or ResourceBusy.
        """
        held = self._store.read(lambda tx: tx.studies.held(header.sop_instance_uid))
        if held and (held.digest, held.study_instance_uid) == (digest, header.study_instance_uid):
            return Receipt.ALREADY_HELD
        content = as_content(content)
        path = object_key(header, digest)
        self._objects.put(path, content)
        arrival = Arrival(
            header=header,
            path=path,
            digest=digest,
            size=content.size,
            peer=peer,
            now=self._clock(),
        )
        return self._store.transact(lambda tx: self._index(tx, arrival))

    def _index(self, tx: Transaction, arrival: Arrival) -> Receipt:
        header = arrival.header
        held = tx.studies.held(header.sop_instance_uid)
        if held is None:
            tx.studies.add_instance(arrival)
            self._complete.instance_arrived(
                tx, header.study_instance_uid, arrival.now, header.performed_step_uids
            )
            if header.rejection is not None:
                self._reject(tx, arrival, header.rejection)
            return Receipt.STORED
        same = (held.digest, held.study_instance_uid) == (
            arrival.digest,
            header.study_instance_uid,
        )
        if same:
            return Receipt.ALREADY_HELD
        tx.studies.add_conflict(arrival)
        return Receipt.CONFLICT

    def _reject(self, tx: Transaction, arrival: Arrival, note: RejectionNote) -> None:
        """Hide what a rejection note rejects (IHE RAD IOCM); whoever was told of it hears so."""
        tx.rejections.add(arrival.header, arrival.peer, arrival.now)
        for uid in sorted({uid for uid, _ in note.references}):
            self._complete.look_soon(tx, uid, arrival.now)


def object_key(header: InstanceHeader, digest: str) -> str:
    """Where an instance lies: study/series/instance, with the digest so that no two collide."""
    folders = (header.study_instance_uid, header.series_instance_uid)
    name = f"{_safe(header.sop_instance_uid)}-{digest[:16]}.dcm"
    return "/".join((*(_safe(each) for each in folders), name))


def _safe(uid: str) -> str:
    """A UID as a file name. What is no UID (`../`, blanks) is named by its hash instead."""
    return uid if _PLAIN_UID.fullmatch(uid) else hashlib.sha256(uid.encode()).hexdigest()

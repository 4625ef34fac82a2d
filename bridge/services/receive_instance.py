"""Receive one instance: on disk, indexed, and only then acknowledged."""

from __future__ import annotations

import hashlib
import re
from contextlib import suppress
from typing import Protocol

from bridge.domain.errors import BridgeError
from bridge.domain.journal import Direction, Disposition, JournalEntry, Mention
from bridge.domain.rejection import RejectionNote
from bridge.domain.study import (
    Arrival,
    DuplicateInstance,
    Duplicates,
    Held,
    InstanceElsewhere,
    InstanceHeader,
    Receipt,
    RefusedInstance,
)
from bridge.domain.study_news import rejection_by
from bridge.services.complete_study import CompleteStudy
from bridge.services.content import Content, as_content
from bridge.services.room import ENDLESS, Room
from bridge.services.transaction import Clock, Store, Transaction

_PLAIN_UID = re.compile(r"[0-9A-Za-z][0-9A-Za-z.\-]{0,63}")


class Objects(Protocol):
    """Where image objects are kept."""

    def put(self, key: str, content: Content) -> None:
        """Store an object; safe against power loss when it returns. Raises StorageFull."""


class ReceiveInstance:
    """Stores instances as they come, byte for byte."""

    def __init__(
        self,
        *,
        store: Store,
        objects: Objects,
        complete: CompleteStudy,
        clock: Clock,
        duplicates: Duplicates = Duplicates.KEEP,
        room: Room = ENDLESS,
    ) -> None:
        self._store = store
        self._objects = objects
        self._complete = complete
        self._clock = clock
        self._duplicates = duplicates
        self._room = room

    def receive(
        self, header: InstanceHeader, content: bytes | Content, digest: str, peer: str
    ) -> Receipt:
        """Keep an instance durably; `digest` (SHA-256, hex) is of its dataset.

        The same dataset again is a no-op. Other bytes under a SOP Instance UID that is held never
        go over it: one of the two counts, as `duplicates` says, and the other is kept beside it.

        Raises StorageFull or ResourceBusy; InstanceElsewhere when the UID is that of an instance of
        another study, series or patient (which is kept beside it, too), and DuplicateInstance.
        """
        held = self._store.read(lambda tx: tx.studies.held(header.sop_instance_uid))
        if held is not None and held.is_same(header, digest):
            return Receipt.ALREADY_HELD
        if self._is_unwanted(held, header):
            raise DuplicateInstance("an instance of this UID is held, and differs")
        self._room.check()
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
        receipt = self._store.transact(lambda tx: self._index(tx, arrival))
        if receipt is Receipt.MISPLACED:
            raise InstanceElsewhere("an instance of this UID belongs to another study or patient")
        return receipt

    def refuse(self, refused: RefusedInstance) -> None:
        """Keep in the journal what was not taken, and why."""
        entry = JournalEntry(
            direction=Direction.IN,
            protocol="dicom",
            peer=refused.peer,
            type="instance",
            control_id=refused.sop_instance_uid,
            content_hash=hashlib.sha256(refused.beginning).hexdigest(),
            received_at=self._clock(),
            disposition=Disposition.REFUSED,
            raw=refused.beginning,
            error=refused.reason,
            mentions=_mentions(refused.header, refused.sop_instance_uid),
        )
        with suppress(BridgeError):  # the peer hears of the refusal all the same
            self._store.transact(lambda tx: tx.journal.add(entry))

    def _is_unwanted(self, held: Held | None, header: InstanceHeader) -> bool:
        rejects = self._duplicates is Duplicates.REJECT
        return held is not None and rejects and held.fits(header)

    def _index(self, tx: Transaction, arrival: Arrival) -> Receipt:
        header = arrival.header
        if header.rejection is not None:
            tx.orders.hold_still()  # what it rejects is decided on at once
        held = tx.studies.held(header.sop_instance_uid)
        if held is not None:
            return self._index_again(tx, arrival, held)
        if tx.studies.add_instance(arrival):
            self._complete.first_arrived(tx, header.study_instance_uid, arrival.now)
        self._arrived(tx, arrival)
        return Receipt.STORED

    def _index_again(self, tx: Transaction, arrival: Arrival, held: Held) -> Receipt:
        """Another instance under a UID that is held, or the same that came twice at once."""
        header = arrival.header
        if held.is_same(header, arrival.digest):
            return Receipt.ALREADY_HELD
        if held.fits(header) and self._duplicates is Duplicates.REPLACE:
            tx.duplicates.replace(arrival)
            _note(tx, arrival, "it stands in the place of another instance of this UID")
            self._arrived(tx, arrival)
            return Receipt.REPLACED
        tx.duplicates.add(arrival)
        if not held.fits(header):
            return Receipt.MISPLACED
        _note(tx, arrival, "another instance of this UID is held and counts")
        return Receipt.CONFLICT

    def _arrived(self, tx: Transaction, arrival: Arrival) -> None:
        header = arrival.header
        uid = header.study_instance_uid
        if header.rejection is None or tx.studies.is_arriving(uid):
            steps = header.performed_step_uids
            self._complete.instance_arrived(tx, uid, arrival.now, steps)
        if header.rejection is not None:
            self._reject(tx, arrival, header.rejection)
        if header.flaws and tx.flaws.add(arrival):
            _note(tx, arrival, *header.flaws)

    def _reject(self, tx: Transaction, arrival: Arrival, note: RejectionNote) -> None:
        """Hide what a rejection note rejects (IHE RAD IOCM); whoever was told of it hears so."""
        tx.rejections.add(arrival.header, arrival.peer, arrival.now)
        kind = rejection_by(note.code)
        for uid in sorted({uid for uid, _ in note.references}):
            self._complete.rejected(tx, uid, kind, arrival.now)


def _note(tx: Transaction, arrival: Arrival, *warnings: str) -> None:
    """Say in the journal what is odd about an instance; its bytes are in the image store."""
    header = arrival.header
    tx.journal.add(
        JournalEntry(
            direction=Direction.IN,
            protocol="dicom",
            peer=arrival.peer,
            type="instance",
            control_id=header.sop_instance_uid,
            content_hash=arrival.digest,
            received_at=arrival.now,
            disposition=Disposition.NOTED,
            raw=b"",
            warnings=warnings,
            mentions=_mentions(header, header.sop_instance_uid),
        )
    )


def _mentions(header: InstanceHeader | None, uid: str) -> tuple[tuple[Mention, str], ...]:
    mentions = [(Mention.CONTROL_ID, uid)] if uid else []
    if header is not None:
        mentions.append((Mention.STUDY_INSTANCE_UID, header.study_instance_uid))
        if header.patient_id:
            mentions.append((Mention.PATIENT_ID, header.patient_id.value))
        if header.accession:
            mentions.append((Mention.ACCESSION_NUMBER, header.accession.value))
    return tuple(mentions)


def object_key(header: InstanceHeader, digest: str) -> str:
    """Where an instance lies: study/series/instance, with the digest so that no two collide."""
    folders = (header.study_instance_uid, header.series_instance_uid)
    name = f"{_safe(header.sop_instance_uid)}-{digest[:16]}.dcm"
    return "/".join((*(_safe(each) for each in folders), name))


def _safe(uid: str) -> str:
    """A UID as a file name. What is no UID (`../`, blanks) is named by its hash instead."""
    return uid if _PLAIN_UID.fullmatch(uid) else hashlib.sha256(uid.encode()).hexdigest()

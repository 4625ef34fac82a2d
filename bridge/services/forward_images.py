"""Forward images to an archive or a workstation: which, by rule, and which are there already."""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

from bridge.domain.delivery import Delivery, EventKind, Sent, TransportError
from bridge.services.outbox import Claims
from bridge.services.publish_study import subject_of
from bridge.services.read_images import FoundInstance, ImageQuery, ReadImages
from bridge.services.transaction import Clock, Store, Transaction

_NOTHING: Mapping[str, str] = MappingProxyType({})
_MOST_IN_HAND = 4096  # studies that are being sent, of all destinations
_MOST_IN_ONE = 400  # instances asked for in one query
_MOST_NAMED = 5
_TOLD = frozenset({EventKind.STUDY_AVAILABLE, EventKind.STUDY_CHANGED})


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardRule:
    """What goes to one destination; an empty list means all.

    `sources` are the AE titles that images came from; `stations` (Station Name) and `body_parts`
    (Body Part Examined) are what their series says. `unmatched` says whether images go that
    belong to no order, or not to one known yet, `corrections` whether images go again once they
    are shown as another's, or as another order's.
    """

    modalities: frozenset[str] = frozenset()
    sources: frozenset[str] = frozenset()
    stations: frozenset[str] = frozenset()
    body_parts: frozenset[str] = frozenset()
    sop_classes: frozenset[str] = frozenset()
    unmatched: bool = True
    corrections: bool = False

    @property
    def kinds(self) -> frozenset[EventKind]:
        """The events upon which images go."""
        return _TOLD | {EventKind.STUDY_UNMATCHED} if self.unmatched else _TOLD

    def covers(self, instance: FoundInstance, series: Mapping[str, str] = _NOTHING) -> bool:
        """Whether an instance goes, by what it and its series (attributes by keyword) say."""
        said = (
            (self.modalities, instance.modality),
            (self.sources, _source_of(instance)),
            (self.stations, series.get("StationName", "")),
            (self.body_parts, series.get("BodyPartExamined", "").upper()),
            (self.sop_classes, instance.sop_class_uid),
        )
        return all(not wanted or each in wanted for wanted, each in said)


@dataclass(frozen=True, slots=True, kw_only=True)
class Forward:
    """The instances of a study that a destination does not have yet; never empty.

    `shown_as` is whose and which order's they are shown as (`shown_as`).
    """

    study_instance_uid: str
    instances: tuple[FoundInstance, ...]
    shown_as: str = ""


class Note(Protocol):
    """Remembers what a destination has taken (`ForwardOutbox.note`)."""

    def __call__(self, destination: str, study_instance_uid: str, uids: Iterable[str]) -> None:
        """Keep it, durably."""


@dataclass(slots=True)
class ForwardOutcome:
    """What became of the instances of one forward.

    Taken; refused for what they are; or failed, to be tried again. The latter two say why, by SOP
    Instance UID.
    """

    taken: list[FoundInstance] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def sent(self, forward: Forward) -> Sent:
        """What is journaled once everything is there.

        Raises TransportError: to be tried again when something failed, for good when something
        was refused.
        """
        if self.failed:
            raise TransportError(_in_words(self.failed, "could not be sent"), permanent=False)
        if self.refused:
            raise TransportError(_in_words(self.refused, "were refused"), permanent=True)
        uids = [each.sop_instance_uid for each in self.taken]
        told = {"study": forward.study_instance_uid, "instances": uids}
        return Sent(request=json.dumps(told).encode(), response=b"0000")


def _in_words(instances: Mapping[str, str], outcome: str) -> str:
    named = [f"{uid}: {reason}" for uid, reason in list(instances.items())[:_MOST_NAMED]]
    more = f" and {len(instances) - _MOST_NAMED} more" if len(instances) > _MOST_NAMED else ""
    return f"{len(instances)} instances {outcome}: {'; '.join(named)}{more}"


class ForwardOutbox(Claims):
    """The queue of what is forwarded, and the note of what was."""

    def __init__(
        self, store: Store, images: ReadImages, rules: Mapping[str, ForwardRule], clock: Clock
    ) -> None:
        super().__init__(store)
        self._images = images
        self._rules = rules
        self._shown_as: OrderedDict[tuple[str, str], str] = OrderedDict()
        self._clock = clock

    def gather(self, delivery: Delivery) -> Forward | None:
        """What is still to be sent of a study; None when everything is there."""
        uid = delivery.subject.removeprefix(subject_of(""))
        rule = self._rules[delivery.destination]
        there = self._store.read(lambda tx: self._there(tx, delivery.destination, rule, uid))
        missing = tuple(
            each for each in self._covered(rule, uid) if each.sop_instance_uid not in there
        )
        if not missing:
            return None
        told_as = self._shown_as.get((delivery.destination, uid), "")
        return Forward(study_instance_uid=uid, instances=missing, shown_as=told_as)

    def _there(
        self, tx: Transaction, destination: str, rule: ForwardRule, uid: str
    ) -> frozenset[str]:
        """What a destination has, and as it is to have it."""
        # What is read from now on may be newer: the change is told of again then.
        self._shown_as.pop((destination, uid), None)
        self._shown_as[destination, uid] = shown_as(tx, uid)
        while len(self._shown_as) > _MOST_IN_HAND:
            self._shown_as.popitem(last=False)
        return there_as_due(tx, destination, rule, uid)

    def awaits(self, destination: str, sop_instance_uids: Collection[str]) -> bool:
        """Whether a destination is still to get some of these instances that are held."""
        rule, wanted = self._rules[destination], frozenset(sop_instance_uids)
        listed = sorted(wanted)
        studies = {
            each.study_instance_uid
            for start in range(0, len(listed), _MOST_IN_ONE)
            for each in self._images.instances(
                ImageQuery(
                    sop_instance_uids=tuple(listed[start : start + _MOST_IN_ONE]), with_notes=True
                )
            )
        }
        return any(self._lacks(destination, rule, uid, wanted) for uid in studies)

    def _lacks(self, destination: str, rule: ForwardRule, uid: str, wanted: frozenset[str]) -> bool:
        there = self._store.read(lambda tx: tx.forwarded.of(destination, uid))
        due = {each.sop_instance_uid for each in self._covered(rule, uid)}
        return bool((wanted & due) - there)

    def _covered(self, rule: ForwardRule, uid: str) -> Iterator[FoundInstance]:
        """The instances of a study that go to a destination."""
        query = ImageQuery(study_instance_uids=(uid,), with_notes=True)
        series = {s.series_instance_uid: s.attributes for s in self._images.series(query)}
        for each in self._images.instances(query):
            if rule.covers(each, series.get(each.series_instance_uid, _NOTHING)):
                yield each

    def note(self, destination: str, study_instance_uid: str, uids: Iterable[str]) -> None:
        """Remember what a destination has taken, so that a retry does not send it again."""
        taken = tuple(uids)
        if taken:
            now = self._clock()
            sent_as = self._shown_as.get((destination, study_instance_uid), "")
            self._store.transact(
                lambda tx: tx.forwarded.add(destination, study_instance_uid, taken, now, sent_as)
            )


def _source_of(instance: FoundInstance) -> str:
    """The AE title that an instance came from: `CT01@192.0.2.7`."""
    return instance.peer.partition("@")[0]


def shown_as(tx: Transaction, study_instance_uid: str) -> str:
    """Whose and which order's a study is shown as now: another text for another."""
    return hashlib.sha256(tx.studies.presented(study_instance_uid).encode()).hexdigest()[:16]


def there_as_due(
    tx: Transaction, destination: str, rule: ForwardRule, study_instance_uid: str
) -> frozenset[str]:
    """The instances of a study that a destination has, and need not get again."""
    there = tx.forwarded.of(destination, study_instance_uid)
    if not rule.corrections:
        return there
    now = shown_as(tx, study_instance_uid)
    return there - tx.forwarded.differing(destination, study_instance_uid, now)

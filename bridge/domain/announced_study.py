"""Studies that others tell us of: a Study Instance UID given in advance, or images held elsewhere.

FHIR ImagingStudy from a RIS or a PACS; Instance Availability Notification (PS3.4 Annex R) from a
PACS; what a PACS answers when it is asked (C-FIND, QIDO-RS).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from bridge.domain.identifiers import Identifier
from bridge.domain.order import OrderNumbers
from bridge.domain.patient import PatientDetails


class AnnouncedStatus(StrEnum):
    """ImagingStudy.status, as far as it says something to us."""

    REGISTERED = "registered"
    AVAILABLE = "available"
    CANCELLED = "cancelled"
    ENTERED_IN_ERROR = "entered-in-error"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnouncedSeries:
    """A series as announced; `instances` pairs SOP Instance UID with SOP Class UID.

    `number_of_instances` is what its announcer counts, who need not list them. `unavailable` are
    SOP Instance UIDs that were there and are not any more.
    """

    series_instance_uid: str
    modality: str = ""
    number: int | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    instances: tuple[tuple[str, str], ...] = ()
    number_of_instances: int = 0
    unavailable: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """How many instances there are, listed or not."""
        return max(self.number_of_instances, len(self.instances))


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyAnnounced:
    """A study somebody else knows of.

    `registered` gives the order its Study Instance UID in advance; `available` tells of images
    held elsewhere, which reconcile like images that arrived. `accession` and `orders` name what it
    was done for. Who holds them is known by any of `archive` (a name given to it here),
    `retrieve_url` (its WADO-RS base address) and `retrieve_ae_title`.

    `is_whole` tells that `series` are all there are; else they add to what was told before.
    `may_grow` tells that nothing is said of completeness: the study has to settle.
    """

    study_instance_uid: str
    status: AnnouncedStatus
    patient: PatientDetails
    accession: Identifier | None = None
    orders: tuple[OrderNumbers, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    series: tuple[AnnouncedSeries, ...] = ()
    retrieve_url: str = ""
    retrieve_ae_title: str = ""
    archive: str = ""
    is_whole: bool = True
    may_grow: bool = False
    performed_step_uids: tuple[str, ...] = ()
    occurred_at: str = ""
    location: str = "ImagingStudy"


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivedImages:
    """Images of a study that one archive holds, by the newest word on them.

    `told` gives for everyone who told of them when their newest word came about.
    """

    status: AnnouncedStatus
    archive: str = ""
    series: tuple[AnnouncedSeries, ...] = ()
    retrieve_url: str = ""
    retrieve_ae_title: str = ""
    told: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_named(self) -> bool:
        """Whether it is known by anything."""
        return bool(self.archive or self.retrieve_url or self.retrieve_ae_title)

    @property
    def is_available(self) -> bool:
        """Whether images can be had there."""
        return self.status is AnnouncedStatus.AVAILABLE

    def is_meant_by(self, event: StudyAnnounced) -> bool:
        """Whether an announcement names this archive."""
        ours = (self.archive, self.retrieve_url, self.retrieve_ae_title)
        theirs = (event.archive, event.retrieve_url, event.retrieve_ae_title)
        return any(one and one == other for one, other in zip(ours, theirs, strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnouncedImages:
    """Images of a study that others hold, as last announced: those of all archives together."""

    status: AnnouncedStatus
    orders: tuple[OrderNumbers, ...] = ()
    series: tuple[AnnouncedSeries, ...] = ()
    retrieve_url: str = ""
    occurred_at: str = ""
    archives: tuple[ArchivedImages, ...] = ()

    @property
    def available(self) -> tuple[ArchivedImages, ...]:
        """The archives that hold some of them."""
        return tuple(each for each in self.archives if each.is_available)

    @property
    def retrieve_urls(self) -> tuple[str, ...]:
        """The WADO-RS base addresses at which they can be had."""
        urls = (self.retrieve_url, *(each.retrieve_url for each in self.available))
        return tuple(dict.fromkeys(filter(None, urls)))

    @property
    def retrieve_ae_titles(self) -> tuple[str, ...]:
        """The AE titles from which they can be retrieved (C-MOVE)."""
        titles = (each.retrieve_ae_title for each in self.available)
        return tuple(dict.fromkeys(filter(None, titles)))

    def newest_word_of(self, teller: str) -> str:
        """When what somebody told last came about, empty when they told nothing."""
        return max((each.told.get(teller, "") for each in self.archives), default="")

    def tells_the_same_as(self, other: AnnouncedImages) -> bool:
        """Whether there is no difference but in who said so, and when."""
        return _untold(self) == _untold(other)


def _untold(images: AnnouncedImages) -> AnnouncedImages:
    archives = tuple(replace(each, told={}) for each in images.archives)
    return replace(images, occurred_at="", archives=archives)


def announce(held: AnnouncedImages | None, event: StudyAnnounced, teller: str) -> AnnouncedImages:
    """What there is of a study elsewhere once `teller` has said `event`.

    The newest word on an archive counts, whoever said it: a PACS may notify, be asked, and be told
    of by a FHIR server, and yet holds the images once.
    """
    archives = _archives_of(held)
    place = _place(archives, event, teller)
    now = _changed(archives[place] if place is not None else None, event, teller)
    if place is None:
        archives.append(now)
    else:
        archives[place] = now
    if event.is_whole:  # they moved: nobody else says that they are still where they were
        archives = [each for each in archives if each is now or each.told.keys() != {teller}]
    return _together(held, event, archives)


def _archives_of(held: AnnouncedImages | None) -> list[ArchivedImages]:
    if held is None:
        return []
    alone = ArchivedImages(status=held.status, series=held.series, retrieve_url=held.retrieve_url)
    return list(held.archives) or [alone]


def _place(archives: list[ArchivedImages], event: StudyAnnounced, teller: str) -> int | None:
    """Which archive an announcement is about.

    Who names none speaks of the one they spoke of before, or of the only one there is; and one
    that nobody named may be the one that is named now.
    """
    tests: list[Callable[[ArchivedImages], bool]] = [
        lambda each: each.is_meant_by(event),
        lambda each: not each.is_named,
    ]
    if not (event.archive or event.retrieve_url or event.retrieve_ae_title):
        tests = [lambda each: teller in each.told, lambda _: len(archives) == 1]
    places = (place for test in tests for place, each in enumerate(archives) if test(each))
    return next(places, None)


def _changed(before: ArchivedImages | None, event: StudyAnnounced, teller: str) -> ArchivedImages:
    held = {each.series_instance_uid: each for each in before.series} if before else {}
    if not event.is_whole:
        series = _added(held, event.series)
    elif event.status is AnnouncedStatus.AVAILABLE:
        series = tuple(_renewed(held.get(s.series_instance_uid), s) for s in event.series)
    else:
        series = ()
    gone = not event.is_whole and not any(each.count for each in series)
    return ArchivedImages(
        archive=event.archive or (before.archive if before else ""),
        status=AnnouncedStatus.CANCELLED if gone else event.status,
        series=series,
        retrieve_url=event.retrieve_url or (before.retrieve_url if before else ""),
        retrieve_ae_title=event.retrieve_ae_title or (before.retrieve_ae_title if before else ""),
        told={**(before.told if before else {}), teller: event.occurred_at},
    )


def _added(
    held: Mapping[str, AnnouncedSeries], said: Iterable[AnnouncedSeries]
) -> tuple[AnnouncedSeries, ...]:
    found = dict(held)
    for each in said:
        before = found.get(each.series_instance_uid)
        found[each.series_instance_uid] = _added_to(before, each)
    return tuple(found.values())


def _added_to(before: AnnouncedSeries | None, said: AnnouncedSeries) -> AnnouncedSeries:
    """A series with the instances that were added; each that is gone counts once."""
    if before is None:
        before = replace(said, instances=(), number_of_instances=0, unavailable=())
    listed = {**dict(before.instances), **dict(said.instances)}
    back = {uid for uid, _ in said.instances} & set(before.unavailable)
    gone = [uid for uid in said.unavailable if uid not in before.unavailable]
    count = max(before.count + len(back), len(listed))
    for uid in gone:
        known = listed.pop(uid, None) is not None
        count -= known or count > len(listed)
    lost = [uid for uid in (*before.unavailable, *gone) if uid not in listed]
    return replace(
        _named(before, said),
        instances=tuple(listed.items()),
        number_of_instances=count,
        unavailable=tuple(lost),
    )


def _renewed(before: AnnouncedSeries | None, said: AnnouncedSeries) -> AnnouncedSeries:
    """A series as it is said to be now; a list of instances is kept while their number is."""
    if before is None:
        return said
    same = not said.instances and before.count == said.count
    return replace(_named(before, said), instances=before.instances if same else said.instances)


def _named(before: AnnouncedSeries, said: AnnouncedSeries) -> AnnouncedSeries:
    """What is said now, with what only was said before."""
    return replace(
        said,
        modality=said.modality or before.modality,
        number=before.number if said.number is None else said.number,
        attributes={**before.attributes, **said.attributes},
    )


def _together(
    held: AnnouncedImages | None, event: StudyAnnounced, archives: list[ArchivedImages]
) -> AnnouncedImages:
    available = [each for each in archives if each.is_available]
    if available:
        status = AnnouncedStatus.AVAILABLE
    elif event.status is AnnouncedStatus.AVAILABLE:
        status = AnnouncedStatus.CANCELLED
    else:
        status = event.status
    return AnnouncedImages(
        status=status,
        orders=event.orders or (held.orders if held else ()),
        series=_united(each for archive in available for each in archive.series),
        retrieve_url=next((each.retrieve_url for each in available if each.retrieve_url), ""),
        occurred_at=event.occurred_at,
        archives=tuple(archives),
    )


def _united(series: Iterable[AnnouncedSeries]) -> tuple[AnnouncedSeries, ...]:
    """Each series once, whichever archives hold copies; those without an instance left out."""
    found: dict[str, AnnouncedSeries] = {}
    for each in series:
        copy = found.get(each.series_instance_uid)
        found[each.series_instance_uid] = each if copy is None else _joined(copy, each)
    shown = (each for each in found.values() if each.count or not each.unavailable)
    return tuple(replace(each, unavailable=()) for each in shown)


def _joined(one: AnnouncedSeries, other: AnnouncedSeries) -> AnnouncedSeries:
    instances = {**dict(one.instances), **dict(other.instances)}
    return replace(
        _named(other, one),
        instances=tuple(instances.items()),
        number_of_instances=max(one.count, other.count),
    )

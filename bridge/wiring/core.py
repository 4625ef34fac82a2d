"""What every role shares: the database, the image store and the use cases over them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from bridge.dicom.commitment_scu import CommitmentRequests
from bridge.dicom.pixels.pool import PixelPool
from bridge.dicom.worklist_codec import WorklistCodec
from bridge.domain.identifiers import Authority
from bridge.domain.study import Duplicates
from bridge.domain.subscription import Subscription
from bridge.mapping.fhir_profiles import FhirProfile
from bridge.mapping.library import Profiles
from bridge.mapping.order_control import load_order_control
from bridge.mapping.profiles import Profile
from bridge.services.commit_storage import CommitStorage
from bridge.services.complete_study import CompleteStudy
from bridge.services.event_handlers import event_handlers
from bridge.services.offer_subscriptions import Subscribers
from bridge.services.outbox import Outbox
from bridge.services.pass_on_messages import PassOnMessages
from bridge.services.project_worklist import ProjectWorklist
from bridge.services.publish_study import PublishStudy
from bridge.services.query_worklist import QueryWorklist
from bridge.services.read_images import ReadImages
from bridge.services.receive_instance import ReceiveInstance
from bridge.services.receive_message import ReceiveMessage
from bridge.services.reconcile import Reconcile
from bridge.services.record_performed_step import RecordPerformedStep
from bridge.services.request_commitment import RequestCommitment
from bridge.services.room import IncomingStore
from bridge.services.tell_of_orders import TellOfOrders
from bridge.services.transaction import Store
from bridge.services.watch_links import LinkTally
from bridge.settings import Settings
from bridge.store.database import Database
from bridge.store.disk_space import DiskSpace
from bridge.store.repositories import SqlStore
from bridge.wiring.images import ImageObjects, open_images
from bridge.wiring.passing_on import pass_on_rules
from bridge.wiring.performed_step_policy import (
    discontinuations,
    open_too_long,
    tell_of_performed_steps,
)
from bridge.wiring.presentation import build_presentation, coerced_sources
from bridge.wiring.profiles import CurrentRules, fhir_profiles, hl7_profiles, matching_rules
from bridge.wiring.room import disk_space


class Wakers:
    """Who wants to know of new work. Filled while the roles are built, after the store is."""

    def __init__(self) -> None:
        self.deliveries: list[Callable[[], None]] = []
        self.timers: list[Callable[[float], None]] = []

    def deliveries_queued(self) -> None:
        """Wake the dispatcher."""
        for wake in self.deliveries:
            wake()

    def timer_set(self, due_at: float) -> None:
        """Tell the timekeeper of a timer."""
        for wake in self.timers:
            wake(due_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """The use cases, over one database and one image store."""

    settings: Settings
    profiles: Profiles[Profile]
    fhir_profiles: Profiles[FhirProfile]
    matching_rules: CurrentRules
    database: Database
    store: SqlStore
    objects: ImageObjects
    outbox: Outbox
    wakers: Wakers
    tally: LinkTally
    messages: ReceiveMessage
    worklist: QueryWorklist
    instances: ReceiveInstance
    images: ReadImages
    commitment: CommitStorage
    commitment_requests: CommitmentRequests
    performed_steps: RecordPerformedStep
    complete: CompleteStudy
    pixels: PixelPool
    reconcile: Reconcile
    projection: ProjectWorklist
    destinations: Mapping[str, Subscription]
    subscribers: Subscribers
    room: DiskSpace
    incoming: IncomingStore


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ground:
    """What the use cases stand on."""

    database: Database
    store: SqlStore
    wakers: Wakers
    tally: LinkTally
    subscribers: Subscribers
    room: DiskSpace
    objects: ImageObjects
    rules: CurrentRules
    incoming: IncomingStore


def _ground(settings: Settings, destinations: Mapping[str, Subscription]) -> _Ground:
    wakers, subscribers = Wakers(), Subscribers()
    database = Database(str(settings.database), shared=settings.processes > 1)
    store = _store(database, wakers, destinations, subscribers)
    room = disk_space(settings)
    return _Ground(
        database=database,
        store=store,
        wakers=wakers,
        tally=LinkTally(time.time),
        subscribers=subscribers,
        room=room,
        objects=open_images(settings),
        rules=matching_rules(settings),
        incoming=IncomingStore(store, room),
    )


def build_core(settings: Settings, destinations: Mapping[str, Subscription]) -> Core:
    """Build the use cases; `destinations` maps names to what they want to know.

    Raises BucketRefuses when images are to go to a bucket whose options make no sense.
    """
    ground = _ground(settings, destinations)
    store, room, objects, incoming = ground.store, ground.room, ground.objects, ground.incoming
    reconcile = _reconcile(settings, destinations, ground.subscribers, ground.rules)
    worklist = ProjectWorklist(WorklistCodec())
    complete = CompleteStudy(
        store=store, reconcile=reconcile, settle_seconds=settings.dicom.settle_seconds
    )
    return Core(
        settings=settings,
        profiles=hl7_profiles(settings),
        fhir_profiles=fhir_profiles(settings),
        matching_rules=ground.rules,
        database=ground.database,
        store=store,
        objects=objects,
        outbox=Outbox(store, destinations),
        wakers=ground.wakers,
        tally=ground.tally,
        messages=_messages(settings, store, worklist, reconcile, ground.tally, room),
        worklist=QueryWorklist(store),
        images=ReadImages(
            store=store, objects=objects, present=build_presentation(settings, store)
        ),
        commitment_requests=CommitmentRequests(RequestCommitment(store, time.time)),
        commitment=_commitment(settings, incoming),
        instances=_instances(settings, store, objects, complete, room),
        performed_steps=_performed_steps(settings, incoming, worklist, complete),
        complete=complete,
        pixels=PixelPool(),
        reconcile=reconcile,
        projection=worklist,
        destinations=destinations,
        subscribers=ground.subscribers,
        room=room,
        incoming=incoming,
    )


def _store(
    database: Database,
    wakers: Wakers,
    destinations: Mapping[str, Subscription],
    subscribers: Subscribers,
) -> SqlStore:
    """The store, with who is told of what its transactions bring about."""
    return SqlStore(
        database,
        deliveries_queued=wakers.deliveries_queued,
        timer_set=wakers.timer_set,
        orders_changed=TellOfOrders(destinations, time.time, subscribers),
    )


def _reconcile(
    settings: Settings,
    destinations: Mapping[str, Subscription],
    subscribers: Subscribers,
    rules: CurrentRules,
) -> Reconcile:
    return Reconcile(
        PublishStudy(destinations, subscribers),
        rules.current,
        presents_orders=coerced_sources(settings),
    )


def _messages(
    settings: Settings,
    store: SqlStore,
    worklist: ProjectWorklist,
    reconcile: Reconcile,
    tally: LinkTally,
    room: DiskSpace,
) -> ReceiveMessage:
    """Messages of any language, applied once."""
    handlers = event_handlers(
        control=load_order_control(),
        worklist=worklist,
        reconcile=reconcile,
        site=Authority(settings.site.assigning_authority),
    )
    return ReceiveMessage(
        store=store,
        handlers=handlers,
        default_start=_default_start(settings),
        tally=tally,
        pass_on=PassOnMessages(pass_on_rules(settings)),
        room=room,
    )


def _instances(
    settings: Settings,
    store: SqlStore,
    objects: ImageObjects,
    complete: CompleteStudy,
    room: DiskSpace,
) -> ReceiveInstance:
    """Images, kept as they come."""
    return ReceiveInstance(
        store=store,
        objects=objects,
        complete=complete,
        clock=time.time,
        duplicates=Duplicates(settings.dicom.duplicates),
        room=room,
    )


def _commitment(settings: Settings, store: Store) -> CommitStorage:
    """Storage commitment, for those that can be told its result."""
    peers = settings.dicom.peers
    reachable = frozenset(each.ae_title for each in peers if each.host and each.port)
    return CommitStorage(store=store, reachable=reachable, clock=time.time)


def _performed_steps(
    settings: Settings, store: Store, worklist: ProjectWorklist, complete: CompleteStudy
) -> RecordPerformedStep:
    """Performed steps, by what the site says of their ends."""
    overdue = open_too_long(settings.dicom.mpps)
    return RecordPerformedStep(
        store=store,
        worklist=worklist,
        complete=complete,
        clock=time.time,
        discontinuations=discontinuations(settings.dicom.mpps),
        tell=tell_of_performed_steps(settings),
        look_after=overdue.seconds if overdue.end else None,
    )


def _default_start(settings: Settings) -> Callable[[float], str]:
    """The start of steps that came without one, in the site's time; empty where they are held."""
    zone: ZoneInfo = settings.site.timezone
    if settings.site.missing_start == "hold":
        return lambda _received_at: ""
    return lambda received_at: datetime.fromtimestamp(received_at, zone).strftime("%Y%m%d%H%M%S")

"""One transaction with all its repositories, and the store that opens it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TypeVar

from sqlalchemy import Connection

from bridge.domain.order import OrderReceived
from bridge.domain.parked import keys_brought_by
from bridge.services.rehearsal import Rehearsed, Touched
from bridge.store import orders, patients
from bridge.store.accounts import Accounts
from bridge.store.alerts import Alerts
from bridge.store.api_keys import ApiKeys
from bridge.store.appointments import Appointments
from bridge.store.audit import AuditTrail
from bridge.store.audit_lists import AuditLists
from bridge.store.commitments import Commitments
from bridge.store.database import Database, refusal_of_data
from bridge.store.deliveries import Deliveries
from bridge.store.delivery_holds import DeliveryHolds, Outages
from bridge.store.delivery_records import DeliveryRecords
from bridge.store.duplicates import InstanceDuplicates
from bridge.store.flaws import InstanceFlaws
from bridge.store.flow import Flow
from bridge.store.forwarded import Forwarded
from bridge.store.images import Images
from bridge.store.journal import Journal
from bridge.store.links import Links
from bridge.store.mapping_versions import MappingVersions
from bridge.store.message_lists import MessageLists
from bridge.store.names import NameIndex
from bridge.store.order_notices import OrderNotices
from bridge.store.orders import Orders
from bridge.store.overview import Overviews
from bridge.store.parked import Parked
from bridge.store.patient_lists import PatientLists
from bridge.store.patient_merges import PatientMerges
from bridge.store.patients import Patients
from bridge.store.performed_results import PerformedResults
from bridge.store.performed_step_messages import PerformedStepMessages
from bridge.store.performed_steps import PerformedSteps
from bridge.store.pipeline import pipeline_of
from bridge.store.records import Records
from bridge.store.rejections import Rejections
from bridge.store.resolutions import Resolutions
from bridge.store.resources import Resources
from bridge.store.retained import Retained
from bridge.store.searches import Searches
from bridge.store.sources import Sources
from bridge.store.statement import Numbers
from bridge.store.stragglers import Stragglers
from bridge.store.studies import Studies
from bridge.store.study_reviews import StudyReviews
from bridge.store.subscriptions import Subscriptions
from bridge.store.surrogates import Surrogates
from bridge.store.timelines import Timelines
from bridge.store.timers import Timers
from bridge.store.told_procedures import ToldProcedures
from bridge.store.visits import Visits
from bridge.store.worklist import Worklist

T = TypeVar("T")
S = TypeVar("S")
_ROWS_TO_COME = Numbers(patients.INSERT, *orders.INSERTS)


OrdersChanged = Callable[["SqlTransaction", Iterable[int], str], None]


class SqlTransaction:
    """Implements `services.transaction.Transaction` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.cause = ""

    @cached_property
    def accounts(self) -> Accounts:
        """Who signs in to the console."""
        return Accounts(self._connection)

    @cached_property
    def audit(self) -> AuditTrail:
        """What was done, by whom."""
        return AuditTrail(self._connection)

    @cached_property
    def patients(self) -> Patients:
        """Patients and their identifiers."""
        return Patients(self._connection)

    @cached_property
    def merges(self) -> PatientMerges:
        """Merges and links of patients."""
        return PatientMerges(self._connection)

    @cached_property
    def visits(self) -> Visits:
        """Visits of patients."""
        return Visits(self._connection)

    @cached_property
    def orders(self) -> Orders:
        """Orders, procedures and steps."""
        return Orders(self._connection)

    @cached_property
    def order_notices(self) -> OrderNotices:
        """How orders stood when they were told of."""
        return OrderNotices(self._connection)

    @cached_property
    def told_procedures(self) -> ToldProcedures:
        """What receivers have on record of single procedures."""
        return ToldProcedures(self._connection)

    @cached_property
    def worklist(self) -> Worklist:
        """The worklist projection."""
        return Worklist(self._connection)

    @cached_property
    def studies(self) -> Studies:
        """Studies, series and instances."""
        return Studies(self._connection)

    @cached_property
    def resolutions(self) -> Resolutions:
        """What persons decided of studies."""
        return Resolutions(self._connection)

    @cached_property
    def duplicates(self) -> InstanceDuplicates:
        """Instances that differ and have the same SOP Instance UID."""
        return InstanceDuplicates(self._connection)

    @cached_property
    def flaws(self) -> InstanceFlaws:
        """What is wrong with instances that were kept all the same."""
        return InstanceFlaws(self._connection)

    @cached_property
    def rejections(self) -> Rejections:
        """What rejection notes hide."""
        return Rejections(self._connection)

    @cached_property
    def forwarded(self) -> Forwarded:
        """What destinations have of the images."""
        return Forwarded(self._connection)

    @cached_property
    def commitments(self) -> Commitments:
        """Requests for storage commitment."""
        return Commitments(self._connection)

    @cached_property
    def performed_steps(self) -> PerformedSteps:
        """Modality Performed Procedure Steps."""
        return PerformedSteps(self._connection)

    @cached_property
    def performed_results(self) -> PerformedResults:
        """Series and doses of performed steps."""
        return PerformedResults(self._connection)

    @cached_property
    def performed_step_messages(self) -> PerformedStepMessages:
        """What modalities sent of performed steps."""
        return PerformedStepMessages(self._connection)

    @cached_property
    def appointments(self) -> Appointments:
        """Appointments and the steps they are for."""
        return Appointments(self._connection)

    @cached_property
    def parked(self) -> Parked:
        """Events that wait for their order."""
        return Parked(self._connection)

    @cached_property
    def journal(self) -> Journal:
        """Every message."""
        return Journal(self._connection)

    @cached_property
    def deliveries(self) -> Deliveries:
        """The outbox."""
        return Deliveries(self._connection)

    @cached_property
    def delivery_holds(self) -> DeliveryHolds:
        """What persons hold back of the outbox."""
        return DeliveryHolds(self._connection)

    @cached_property
    def delivery_records(self) -> DeliveryRecords:
        """The outbox as persons look at it."""
        return DeliveryRecords(self._connection)

    @cached_property
    def outages(self) -> Outages:
        """Which destinations are down."""
        return Outages(self._connection)

    @cached_property
    def retained(self) -> Retained:
        """What retention lets go of."""
        return Retained(self._connection)

    @cached_property
    def surrogates(self) -> Surrogates:
        """What modalities are shown in place of identifiers that are too long."""
        return Surrogates(self._connection)

    @cached_property
    def sources(self) -> Sources:
        """How far servers were read."""
        return Sources(self._connection)

    @cached_property
    def api_keys(self) -> ApiKeys:
        """Keys of the JSON API."""
        return ApiKeys(self._connection)

    @cached_property
    def links(self) -> Links:
        """What passed over links to peers."""
        return Links(self._connection)

    @cached_property
    def alerts(self) -> Alerts:
        """What somebody was alerted to."""
        return Alerts(self._connection)

    @cached_property
    def timers(self) -> Timers:
        """What is to happen later."""
        return Timers(self._connection)

    @cached_property
    def records(self) -> Records:
        """What can be searched for."""
        return Records(self._connection)

    @cached_property
    def resources(self) -> Resources:
        """FHIR resources as received."""
        return Resources(self._connection)

    @cached_property
    def subscriptions(self) -> Subscriptions:
        """Subscriptions of others."""
        return Subscriptions(self._connection)

    @cached_property
    def images(self) -> Images:
        """The index of what was received, for reading."""
        return Images(self._connection)

    @cached_property
    def overview(self) -> Overviews:
        """Counts and lists for the console."""
        return Overviews(self._connection)

    @cached_property
    def study_reviews(self) -> StudyReviews:
        """Studies listed for a person."""
        return StudyReviews(self._connection)

    @cached_property
    def audit_lists(self) -> AuditLists:
        """The audit trail, for reading."""
        return AuditLists(self._connection)

    @cached_property
    def mapping_versions(self) -> MappingVersions:
        """Which mapping profiles were in force."""
        return MappingVersions(self._connection)

    @cached_property
    def patient_lists(self) -> PatientLists:
        """Patients found for a person."""
        return PatientLists(self._connection)

    @cached_property
    def flow(self) -> Flow:
        """Times and counts for the console's charts."""
        return Flow(self._connection)

    @cached_property
    def searches(self) -> Searches:
        """What the one search box asks."""
        return Searches(self._connection)

    @cached_property
    def timelines(self) -> Timelines:
        """What happened to orders and studies."""
        return Timelines(self._connection)

    @cached_property
    def stragglers(self) -> Stragglers:
        """What stayed behind today."""
        return Stragglers(self._connection)

    @cached_property
    def name_index(self) -> NameIndex:
        """The words of names."""
        return NameIndex(self._connection)

    @cached_property
    def message_lists(self) -> MessageLists:
        """The journal, listed for a person."""
        return MessageLists(self._connection)

    def foresee(self, event: OrderReceived) -> None:
        """Ask at once what applying the order is going to ask, where each answer costs a wait."""
        if (pipeline := pipeline_of(self._connection)) is not None:
            pipeline.foreseen.clear()  # what an earlier order did not ask for may be true no more
            _ROWS_TO_COME.foresee(self._connection)
            self.orders.foresee(event)
            self.patients.foresee(event.patient.identifiers)
            accession = event.numbers.accession
            self.performed_steps.foresee(
                (each.study_instance_uid, accession.value if accession else "", each.rp_id)
                for each in event.procedures
                if each.study_instance_uid
            )
            self.parked.foresee(keys_brought_by(event))

    @property
    def touched(self) -> Touched:
        """What this transaction did so far."""
        return Touched(
            study_instance_uids=tuple(self.studies.touched),
            order_pks=tuple(self.orders.changed),
            queued=tuple(self.deliveries.news),
        )

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Undo what is done inside when it raises, and only that.

        Raises a BridgeError for data that the database will not take.
        """
        self._connection.exec_driver_sql("SAVEPOINT part")
        try:
            yield
        except Exception as error:
            self._connection.exec_driver_sql("ROLLBACK TO SAVEPOINT part")
            self._connection.exec_driver_sql("RELEASE SAVEPOINT part")
            if (refusal := refusal_of_data(error)) is not None:
                raise refusal from error
            raise
        self._connection.exec_driver_sql("RELEASE SAVEPOINT part")


class _UndoneError(Exception):
    """A rehearsal is over."""


class SqlStore:
    """Implements `services.transaction.Store`.

    `deliveries_queued` and `timer_set` are called after a commit that left work for them, so that
    it is done at once and not at the next look; the latter with the earliest time that was set.
    `orders_changed` is called before the commit, with the orders that were and what caused it.
    """

    def __init__(
        self,
        database: Database,
        *,
        deliveries_queued: Callable[[], None] = lambda: None,
        timer_set: Callable[[float], None] = lambda _due_at: None,
        orders_changed: OrdersChanged = lambda _tx, _order_pks, _cause: None,
    ) -> None:
        self._database = database
        self._deliveries_queued = deliveries_queued
        self._timer_set = timer_set
        self._orders_changed = orders_changed

    def transact(self, work: Callable[[SqlTransaction], T]) -> T:
        """Run `work` in one transaction and commit it. Raises what `work` raises, undone."""
        used: list[SqlTransaction] = []

        def run(connection: Connection) -> T:
            transaction = SqlTransaction(connection)
            used[:] = [transaction]
            return self._run(transaction, work)

        result = self._database.transact(run)
        opened = used[0].__dict__
        if "deliveries" in opened and opened["deliveries"].queued:
            self._deliveries_queued()
        if "timers" in opened and opened["timers"].earliest is not None:
            self._timer_set(opened["timers"].earliest)
        return result

    def rehearse(
        self,
        work: Callable[[SqlTransaction], T],
        look: Callable[[SqlTransaction, Touched], S],
    ) -> Rehearsed[T, S]:
        """Do what `transact` does, look, undo all of it, and look again. Raises what `work` does.

        It takes the writer's place for that moment, as doing it would.
        """

        def run(connection: Connection) -> Rehearsed[T, S]:
            transaction = SqlTransaction(connection)
            try:
                with transaction.savepoint():
                    result = self._run(transaction, work)
                    touched = transaction.touched
                    after = look(transaction, touched)
                    raise _UndoneError
            except _UndoneError:
                before = look(SqlTransaction(connection), touched)
            return Rehearsed(result=result, before=before, after=after)

        return self._database.transact(run)

    def _run(self, transaction: SqlTransaction, work: Callable[[SqlTransaction], T]) -> T:
        result = work(transaction)
        if "orders" in transaction.__dict__ and (changed := transaction.orders.changed):
            self._orders_changed(transaction, changed, transaction.cause)
        return result

    def read(self, work: Callable[[SqlTransaction], T]) -> T:
        """Run `work` that only reads: what it sees is of one moment."""
        return self._database.look(lambda connection: work(SqlTransaction(connection)))

"""What a query means when a certain AE asks it: its quirks, its place, and what it may see."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bridge.dicom.configuration import DicomConfiguration, Peer
from bridge.dicom.elements import DataSet
from bridge.dicom.worklist_matching import ItemTerms
from bridge.dicom.worklist_query import Identifier, read_identifier
from bridge.domain.worklist import (
    ANYWHERE,
    UNBOUNDED,
    DateTimeRange,
    Visibility,
    WorklistQuery,
)

_DAY = "%Y%m%d"
_FIRST_TIME, _LAST_TIME = "000000", "235959"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """An AE that asks for the worklist at a time of the site. `fuzzy`: it was agreed on."""

    ae_title: str
    configuration: DicomConfiguration
    now: datetime
    fuzzy: bool = False

    @property
    def peer(self) -> Peer:
        """What is known of it."""
        return self.configuration.peer(self.ae_title)

    @property
    def limit(self) -> int:
        """The most entries it is sent."""
        return self.peer.worklist.limit or self.configuration.worklist_limit

    def read(self, dataset: DataSet) -> Identifier:
        """Read an Identifier as this AE means it.

        Raises:
            DataTypeError: a date or time is not one, or the sequence cannot be read.
        """
        identifier = read_identifier(dataset, self.peer.quirks)
        return replace(identifier, query=self._meant(identifier.query))

    def _meant(self, query: WorklistQuery) -> WorklistQuery:
        asked = query.station_ae_titles
        if not set(self.peer.quirks.any_station).isdisjoint(asked):
            asked = ()
        stations = self.configuration.stations(asked) if asked else ANYWHERE
        further = query.further
        if self.fuzzy and isinstance(further, ItemTerms):
            further = replace(further, fuzzy=True)
        return replace(
            self._with_the_night(query),
            station_ae_titles=stations.ae_titles,
            station_takes=stations.takes,
            fuzzy=self.fuzzy,
            further=further,
            visible=self._visible(query),
        )

    def _visible(self, query: WorklistQuery) -> Visibility:
        peer, policy = self.peer, self.peer.worklist
        is_filtered = policy.filter_by_calling_ae
        own = self.configuration.stations((self.ae_title,))
        return Visibility(
            stations=own if is_filtered else ANYWHERE,
            modalities=peer.modalities if is_filtered else (),
            worklist_labels=peer.worklist_labels,
            hidden_statuses=policy.hide_statuses,
            window=UNBOUNDED if _is_particular(query) else self._window(),
        )

    def _window(self) -> DateTimeRange:
        policy = self.peer.worklist
        first = last = ""
        if policy.days_back is not None:
            first = (self.now - timedelta(days=policy.days_back)).strftime(_DAY) + _FIRST_TIME
        if policy.days_ahead is not None:
            last = (self.now + timedelta(days=policy.days_ahead)).strftime(_DAY) + _LAST_TIME
        return DateTimeRange(first=first, last=last)

    def _with_the_night(self, query: WorklistQuery) -> WorklistQuery:
        """A query for today alone also means the end of yesterday, where the AE works at night."""
        hours, today = self.peer.worklist.overnight_hours, self.now.strftime(_DAY)
        if not hours or query.times or query.dates != DateTimeRange(first=today, last=today):
            return query
        midnight = self.now.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
        first = (midnight - timedelta(hours=hours)).strftime(_DAY + "%H%M%S")
        return replace(
            query, dates=UNBOUNDED, start=DateTimeRange(first=first, last=today + _LAST_TIME)
        )


def _is_particular(query: WorklistQuery) -> bool:
    """Whether a query says when, or whom or what it wants, so that no default window applies."""
    said = (
        query.start,
        query.dates,
        query.patient_id,
        query.patient_name,
        query.accession_number,
        query.study_instance_uids,
        query.requested_procedure_id,
        query.sps_id,
        query.admission_id,
    )
    return any(map(bool, said))

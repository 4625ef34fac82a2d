"""What there is to say of a procedure, as the values that rows of outbound profiles name.

Values bear DICOM's keywords (PS3.6), as the targets of inbound profiles do; beside them stand a few
that DICOM has no name for (`mapping.outbound_values`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Final
from urllib.parse import quote

from bridge.domain.order import Order, Step
from bridge.domain.step_history import History
from bridge.domain.step_status import StepEvent, StepStatus
from bridge.domain.study import Study
from bridge.domain.told import ProcedureNews
from bridge.hl7.order_status import status_of_steps
from bridge.mapping.outbound_rows import Telling, Value

_ENDS: Final = frozenset({StepEvent.COMPLETE, StepEvent.DISCONTINUE})
_MOMENT: Final = "%Y%m%d%H%M%S"


@dataclass(frozen=True, slots=True, kw_only=True)
class Perspective:
    """From where a site tells: its time zone, and the link to a study.

    `link` may hold `{study_instance_uid}`, `{accession_number}` and `{patient_id}`; empty for no
    link at all.
    """

    zone: tzinfo = UTC
    link: str = ""

    def time(self, unix: float) -> str:
        """A moment as TS and DTM have it: to the millisecond, with the offset."""
        moment = datetime.fromtimestamp(unix, self.zone)
        return f"{moment:%Y%m%d%H%M%S}.{moment.microsecond // 1000:03}{moment:%z}"

    def moment(self, utc: str) -> str:
        """A moment of a history (`YYYYMMDDHHMMSS` in UTC) at the site, with the offset."""
        try:
            moment = datetime.strptime(utc, _MOMENT).replace(tzinfo=UTC)
        except ValueError:
            return ""
        return f"{moment.astimezone(self.zone):%Y%m%d%H%M%S%z}"


def telling(news: ProcedureNews, event: str, happened: float, view: Perspective) -> Telling:
    """All that can be said of a procedure; `happened` is a unix time, 0 to leave it unsaid."""
    values = {
        **news.patient.attributes,
        **news.order.attributes,
        **news.procedure.attributes,
        **dict(_of_order(news)),
        **dict(_of_steps(news, view)),
        **dict(_of_study(news, view)),
        "EventDateTime": view.time(happened) if happened else "",
    }
    return Telling(
        message="study" if news.study is not None or news.is_withdrawn else "order",
        event=event,
        values={keyword: value for keyword, value in values.items() if value not in (None, "", ())},
        steps=tuple(_side_by_side(dict(_of_step(each)) for each in _told(news.procedure.steps))),
    )


def _side_by_side(steps: Iterable[Mapping[str, Value]]) -> Iterator[Mapping[str, Value]]:
    """The values of each step: what only another one has is empty, not that of the first."""
    steps = tuple(steps)
    empty = {keyword: "" for step in steps for keyword in step}
    for step in steps:
        yield {**empty, **step}


def _told(steps: Iterable[Step]) -> tuple[Step, ...]:
    """The steps that are still wanted; all when none is."""
    steps = tuple(steps)
    return tuple(step for step in steps if step.status is not StepStatus.CANCELED) or steps


def _of_order(news: ProcedureNews) -> Iterator[tuple[str, Value]]:
    order, procedure = news.order, news.procedure
    numbers = order.numbers
    yield "PatientID", news.patient.identifiers
    yield "AccessionNumber", numbers.accession
    yield "PlacerOrderNumberImagingServiceRequest", numbers.placer
    yield "FillerOrderNumberImagingServiceRequest", numbers.filler
    yield "VisitNumber", order.visit.number
    yield "AccountNumber", order.visit.account
    yield "RequestedProcedureID", procedure.rp_id
    yield "StudyInstanceUID", news.study_instance_uid or procedure.study_instance_uid
    yield "RequestedProcedureCodeSequence", procedure.code
    yield "HeldReason", order.held_reason
    yield "OrderStatus", status_of_procedure(order, procedure.steps)


def _of_steps(news: ProcedureNews, view: Perspective) -> Iterator[tuple[str, Value]]:
    steps = _told(news.procedure.steps)
    if steps:
        yield from _of_step(steps[0])
    started = sorted(filter(None, (_when(step.history, {StepEvent.START}) for step in steps)))
    if started:
        yield "StartedAt", view.moment(started[0])
    ended = [_when(step.history, _ENDS) for step in steps]
    if ended and all(ended):
        yield "EndedAt", view.moment(max(ended))


def _of_step(step: Step) -> Iterator[tuple[str, Value]]:
    yield from step.attributes.items()
    yield "ScheduledProcedureStepID", step.sps_id
    yield "Modality", step.modality
    yield "ScheduledStationAETitle", step.station_ae_titles
    yield "ScheduledProcedureStepStartDateTime", step.start_date + step.start_time
    yield "ScheduledProtocolCodeSequence", step.protocol_codes
    yield "StepStatus", step.status.value


def _of_study(news: ProcedureNews, view: Perspective) -> Iterator[tuple[str, Value]]:
    if news.is_withdrawn:
        yield "Withdrawn", "yes"
    elif news.study is not None:
        yield from _of_images(news.study)
        yield "ViewerUrl", _link(news, view.link)


def _of_images(study: Study) -> Iterator[tuple[str, Value]]:
    series = study.whole_series
    described = study.attributes
    yield "StudyDateTime", described.get("StudyDate", "") + _time_of(described)
    yield "StudyDescription", described.get("StudyDescription", "")
    yield "ModalitiesInStudy", tuple(sorted({each.modality for each in series} - {""}))
    yield "NumberOfStudyRelatedSeries", str(len(series))
    yield "NumberOfStudyRelatedInstances", str(sum(each.count for each in series))


def _time_of(described: Mapping[str, str]) -> str:
    return described.get("StudyTime", "").partition(".")[0] if described.get("StudyDate") else ""


def _link(news: ProcedureNews, template: str) -> str:
    accession = news.order.numbers.accession
    known = {
        "study_instance_uid": news.study_instance_uid,
        "accession_number": accession.value if accession else "",
        "patient_id": news.patient.patient_id.value if news.patient.identifiers else "",
    }
    for name, value in known.items():
        template = template.replace(f"{{{name}}}", quote(value, safe=""))
    return template


def _when(history: History, events: Iterable[StepEvent]) -> str:
    """When the newest of these events happened; empty where nobody said."""
    return max((at for at, event in history if event in events), default="")


def status_of_procedure(order: Order, steps: Iterable[Step]) -> str:
    """ORC-5 of a procedure (table 0038)."""
    return status_of_steps({step.status for step in _told(steps)}, is_held=bool(order.held_reason))

"""The JSON API: what the pages show, for programs, each with a key of its own (OpenAPI 3.1).

The routes answer with the same view models as the pages. Whoever asks is written into the audit
trail as `key NAME`. Errors are problem details (RFC 9457).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from bridge.domain.access import SignedIn
from bridge.domain.alert import Alert
from bridge.domain.api_key import ApiKey, Scope
from bridge.domain.audit import AuditEventId, AuditObject
from bridge.domain.errors import BridgeError, ResourceBusy, UnknownKey
from bridge.domain.identifiers import Identifier
from bridge.domain.study_preview import StudyPreview
from bridge.services.audit import RecordView
from bridge.services.check_connections import CheckConnections, Connection, TestResult
from bridge.services.decide_study import DecideStudy, StudyAction, StudyWish
from bridge.services.find_anything import FindAnything, Found
from bridge.services.raise_alerts import RaiseAlerts
from bridge.services.read_audit import AuditFilter, AuditPage, ReadAudit
from bridge.services.read_journal import MessageFilter, MessagePage, ReadJournal
from bridge.services.review_studies import QueueFilter, ReviewedStudy, ReviewStudies, StudyQueue
from bridge.services.show_timeline import ShowTimeline, Timeline
from bridge.services.steer_deliveries import (
    Act,
    DeliveryDetail,
    DeliveryFilter,
    DeliveryRow,
    DestinationState,
    Lane,
    Moved,
    SteerDeliveries,
)
from bridge.services.watch_links import LinkHealth, WatchLinks

VERSION = "1"
MOST = 500
KnownKey = Callable[[str, str], tuple[ApiKey, SignedIn] | None]
_PROBLEM = "application/problem+json"
_Limit = Annotated[int, Query(ge=1, le=MOST)]
_Text = Annotated[str, Query(max_length=200)]
_bearer = HTTPBearer(auto_error=False, description="A key that `bridge key add` made.")


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiServices:
    """The use cases behind the routes."""

    known: KnownKey
    links: WatchLinks
    alerts: RaiseAlerts
    connections: CheckConnections
    search: FindAnything
    timelines: ShowTimeline
    journal: ReadJournal
    studies: ReviewStudies
    decide: DecideStudy
    deliveries: SteerDeliveries
    audit: ReadAudit
    records: RecordView


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What is wanted of a study: an action, with order or accession numbers where it links.

    `patient_id` is whose the images are, where they are moved.
    """

    action: StudyAction
    reason: str = ""
    orders: tuple[str, ...] = ()
    patient_id: str = ""

    @property
    def wish(self) -> StudyWish:
        """The same for the use case."""
        return StudyWish(
            action=self.action,
            orders=tuple(map(Identifier, self.orders)),
            patient=Identifier(self.patient_id) if self.patient_id else None,
            reason=self.reason,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """How a study stands after a decision."""

    outcome: str
    reason: str


class Refused(Exception):
    """Who asks may not. `status` is 401 without a key that is good, 403 for one without a scope."""

    def __init__(self, status: int, title: str) -> None:
        super().__init__(title)
        self.status = status
        self.title = title


def api_application(site: str, services: ApiServices) -> FastAPI:
    """The application to be mounted at `/api`; its description is at `/api/openapi.json`."""
    application = FastAPI(title=f"{site}: bridge", version=VERSION, docs_url=None, redoc_url=None)
    _install_problems(application)
    for routes in (_status, _records, _studies, _deliveries, _audit):
        application.include_router(routes(services))
    return application


def _install_problems(application: FastAPI) -> None:
    @application.exception_handler(Refused)
    async def refused(_request: Request, error: Refused) -> JSONResponse:
        headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else None  # noqa: PLR2004
        return _problem(error.status, error.title, headers)

    @application.exception_handler(RequestValidationError)
    async def invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
        said = "; ".join(f"{each['loc'][-1]}: {each['msg']}" for each in error.errors())
        return _problem(400, said)

    @application.exception_handler(UnknownKey)
    async def unknown(_request: Request, error: UnknownKey) -> JSONResponse:
        return _problem(404, error.message)

    @application.exception_handler(BridgeError)
    async def failed(_request: Request, error: BridgeError) -> JSONResponse:
        is_busy = isinstance(error, ResourceBusy)
        headers = {"Retry-After": "10"} if is_busy else None
        return _problem(503 if is_busy else 409, error.message, headers)


def _problem(status: int, title: str, headers: dict[str, str] | None = None) -> JSONResponse:
    body = {"title": title, "status": status}
    return JSONResponse(body, status_code=status, media_type=_PROBLEM, headers=headers)


def _needs(services: ApiServices, scope: Scope) -> Any:
    """The default of a parameter that gives who asks, when their key is good for a scope."""

    async def holder(
        request: Request,
        given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    ) -> SignedIn:
        address = request.client.host if request.client else ""
        secret = given.credentials if given else ""
        known = await run_in_threadpool(services.known, secret, address) if secret else None
        if known is None:
            raise Refused(401, "no key, or one that is not good any more")
        key, user = known
        if scope not in key.scopes:
            raise Refused(403, f"the key {key.name} is not good for {scope}")
        return user

    return Depends(holder)


def _status(services: ApiServices) -> APIRouter:
    router, holder = APIRouter(tags=["status"]), _needs(services, Scope.STATUS)

    @router.get("/links")
    def links(_user: SignedIn = holder) -> Sequence[LinkHealth]:
        """What passed over each link, and whether it should have been more."""
        return services.links.links()

    @router.get("/alerts")
    def alerts(limit: _Limit = 50, _user: SignedIn = holder) -> Sequence[Alert]:
        """What somebody was alerted to, newest first; `over_at` is null while it lasts."""
        return services.alerts.newest(limit)

    @router.get("/connections")
    def connections(_user: SignedIn = holder) -> Sequence[Connection]:
        """Everything the bridge is connected to, as configured."""
        return services.connections.every()

    @router.post("/connections/{key}/test")
    def test(key: str, user: SignedIn = holder) -> TestResult:
        """Ask a neighbour now: C-ECHO, CapabilityStatement, MLLP."""
        return services.connections.test(key, user)

    return router


def _records(services: ApiServices) -> APIRouter:
    router, holder = APIRouter(tags=["records"]), _needs(services, Scope.RECORDS)

    @router.get("/search")
    def search(q: _Text, user: SignedIn = holder) -> Found:
        """Orders, studies, patients and messages by any number, UID or words of a name."""
        return services.search.find(q, user)

    @router.get("/orders/{pk}/timeline")
    def order(pk: int, user: SignedIn = holder) -> Timeline:
        """Every event of an order, with how long each stretch took."""
        return services.timelines.of_order(pk, user)

    @router.get("/studies/{uid}/timeline")
    def study(uid: str, user: SignedIn = holder) -> Timeline:
        """Every event of a study."""
        return services.timelines.of_study(uid, user)

    @router.get("/messages")
    def messages(
        before: int | None = None, mentions: _Text = "", user: SignedIn = holder
    ) -> MessagePage:
        """The journal, newest first; the next page begins `before` what this one says."""
        return services.journal.page(MessageFilter(mentions=mentions), before, user)

    @router.get("/reconciliation")
    def queue(user: SignedIn = holder) -> StudyQueue:
        """Studies that wait for somebody to say whose they are."""
        services.records.sought(user, AuditObject.STUDY, "reconciliation")
        return services.studies.queue(QueueFilter())

    @router.get("/reconciliation/{uid}")
    def reviewed(uid: str, user: SignedIn = holder) -> ReviewedStudy:
        """A study with its decisions and the orders that may be its own."""
        found = services.studies.study(uid)
        if found is None:
            raise UnknownKey("there is no such study")
        services.records.seen(user, AuditEventId.PROCEDURE_RECORD, AuditObject.STUDY, uid)
        return found

    return router


def _studies(services: ApiServices) -> APIRouter:
    router, holder = APIRouter(tags=["studies"]), _needs(services, Scope.STUDIES)
    path = "/reconciliation/{uid}"

    @router.post(f"{path}/preview")
    def preview(uid: str, decision: Decision, user: SignedIn = holder) -> StudyPreview:
        """What a decision would change, and who would be told; nothing is done."""
        return services.decide.preview(uid, decision.wish, user)

    @router.post(f"{path}/decisions")
    def decide(uid: str, decision: Decision, user: SignedIn = holder) -> Decided:
        """Link, unlink, order, move, reject, restore or undo."""
        made = services.decide.carry_out(uid, decision.wish, user)
        return Decided(outcome=made.outcome.value, reason=made.reason)

    return router


def _deliveries(services: ApiServices) -> APIRouter:
    router = APIRouter(tags=["deliveries"])
    reader = _needs(services, Scope.RECORDS)
    writer = _needs(services, Scope.DELIVERIES)
    steer = services.deliveries

    @router.get("/destinations")
    def destinations(_user: SignedIn = reader) -> Sequence[DestinationState]:
        """How each destination fares, and what waits for it."""
        return steer.destinations()

    @router.get("/deliveries")
    def listed(
        destination: _Text = "",
        state: _Text = "",
        limit: _Limit = 100,
        _user: SignedIn = reader,
    ) -> Sequence[DeliveryRow]:
        """Deliveries, newest first."""
        return steer.listed(_chosen(destination, state), limit)

    @router.get("/deliveries/{pk}")
    def detail(pk: int, _user: SignedIn = reader) -> DeliveryDetail:
        """A delivery with its attempts, what was said and what was answered."""
        found = steer.show(pk)
        if found is None:
            raise UnknownKey("there is no such delivery")
        return found

    @router.post("/deliveries/{pk}/retry")
    def retry(pk: int, reason: _Text = "", user: SignedIn = writer) -> Moved:
        """Try a parked or dead delivery again."""
        return steer.retry(DeliveryFilter(pks=(pk,)), _act(user, reason))

    @router.post("/destinations/{name}/pause")
    def pause(name: str, reason: _Text = "", user: SignedIn = writer) -> None:
        """Hold everything for a destination."""
        steer.pause(Lane(destination=name), _act(user, reason))

    @router.post("/destinations/{name}/resume")
    def resume(name: str, reason: _Text = "", user: SignedIn = writer) -> bool:
        """Go on; false when nothing was held."""
        return steer.resume(Lane(destination=name), _act(user, reason))

    return router


def _audit(services: ApiServices) -> APIRouter:
    router, holder = APIRouter(tags=["audit"]), _needs(services, Scope.AUDIT)

    @router.get("/audit")
    def audit(user: SignedIn = holder) -> AuditPage:
        """Who saw and did what, newest first."""
        return services.audit.page(AuditFilter(), user)

    return router


def _chosen(destination: str, state: str) -> DeliveryFilter:
    states = (state,) if state else ()
    return DeliveryFilter(destination=destination, states=states)


def _act(user: SignedIn, reason: str) -> Act:
    return Act(by=user.name, reason=reason, role=user.role.value, address=user.address)

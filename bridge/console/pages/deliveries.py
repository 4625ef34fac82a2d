"""Deliveries: what waits for whom and why, every attempt, and what an operator does about it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from bridge.console.access import Operator, Viewer, local_path
from bridge.console.forms import Form, FormFields
from bridge.console.view import View
from bridge.console.words import N_
from bridge.domain.access import SignedIn
from bridge.domain.audit import AuditEventId, AuditObject
from bridge.domain.delivery import DeliveryState, EventKind
from bridge.domain.errors import RequiredFieldMissing, UnknownKey
from bridge.services.audit import RecordView
from bridge.services.steer_deliveries import (
    Act,
    DeliveryFilter,
    DestinationState,
    Hold,
    Lane,
    Moved,
    SteerDeliveries,
)
from bridge.services.transaction import Clock

LISTED = 100
"""How many deliveries are shown at most."""

LONGEST = 200
"""Characters of a choice that count."""

_CHOICES = ("destination", "state", "kind", "subject", "reason")
OPEN = tuple(each.value for each in DeliveryState if each is not DeliveryState.DELIVERED)
_LARGEST_PK = 2**63 - 1
_PK = re.compile(r"[0-9]{1,18}")
_HOLDS = {"pause": N_("Pause"), "drain": N_("Drain"), "resume": N_("Resume")}
ACTS = {
    "retry": N_("Send again"),
    "park": N_("Park"),
    **_HOLDS,
}
KINDS = (
    N_("study.scheduled"),
    N_("study.started"),
    N_("study.first_image"),
    N_("study.available"),
    N_("study.changed"),
    N_("study.corrected"),
    N_("study.rejected"),
    N_("study.expired"),
    N_("study.unmatched"),
    N_("study.withdrawn"),
    N_("match.decided"),
    N_("order.held"),
    N_("order.scheduled"),
    N_("order.changed"),
    N_("order.canceled"),
    N_("patient.arrived"),
    N_("step.started"),
    N_("step.completed"),
    N_("step.discontinued"),
    N_("acknowledgement"),
    N_("storage commitment"),
    N_("performed step"),
)
"""Kinds of events (`domain.delivery.EventKind`), for translation."""


def deliveries_router(
    view: View,
    deliveries: SteerDeliveries,
    records: RecordView,
    destinations: Sequence[str],
    clock: Clock,
) -> APIRouter:
    """The pages below `/deliveries`; `destinations` are the names of all that are configured."""
    router, pages = APIRouter(), _Pages(view, deliveries, records, destinations, clock)
    router.add_api_route("/deliveries", pages.listed, methods=["GET"])
    router.add_api_route("/deliveries/{pk:int}", pages.one, methods=["GET"])
    router.add_api_route("/deliveries/move", pages.move, methods=["POST"])
    router.add_api_route("/deliveries/hold", pages.hold, methods=["POST"])
    return router


class _Pages:
    def __init__(
        self,
        view: View,
        deliveries: SteerDeliveries,
        records: RecordView,
        destinations: Sequence[str],
        clock: Clock,
    ) -> None:
        self._view = view
        self._deliveries = deliveries
        self._records = records
        self._destinations = destinations
        self._clock = clock
        self._moves: Mapping[str, Callable[[DeliveryFilter, Act], Moved]] = {
            "retry": deliveries.retry,
            "park": deliveries.park,
        }

    def listed(
        self, request: Request, user: Viewer, moved: int | None = None, overtaken: int = 0
    ) -> Response:
        """How each destination fares, and deliveries by choice; the newest of them first."""
        sent = request.query_params
        said = {name: sent.get(name, "").replace("\0", "")[:LONGEST] for name in _CHOICES}
        chosen, state = _filter(said), said["state"]
        if chosen.subject:
            self._records.sought(user, AuditObject.DELIVERY, chosen.in_words())
        rows = self._deliveries.listed(chosen, LISTED)
        states = {each.name: each for each in self._deliveries.destinations()}
        names = sorted({*self._destinations, *states})
        return self._view.page(
            request,
            "deliveries.html",
            rows=rows[::-1],
            is_whole=len(rows) < LISTED,
            destinations=names,
            states=[(name, states.get(name), _hold_of_all(states.get(name))) for name in names],
            chosen=chosen,
            state=state,
            all_states=[each.value for each in DeliveryState],
            kinds=[each.value for each in EventKind],
            now=self._clock(),
            moved=moved,
            overtaken=overtaken,
            back=request.url.path + (f"?{request.url.query}" if request.url.query else ""),
        )

    def one(self, request: Request, user: Viewer, pk: int, moved: int | None = None) -> Response:
        """A delivery with every attempt."""
        found = self._deliveries.show(pk) if pk <= _LARGEST_PK else None
        if found is None:
            raise UnknownKey(f"there is no delivery {pk}")
        event, kind = AuditEventId.EXPORT, AuditObject.DELIVERY
        self._records.seen(user, event, kind, str(pk))
        row = found.row
        held = self._deliveries.destinations()
        holds = [h for each in held if each.name == row.destination for h in each.holds]
        lane = next((h for h in holds if h.lane.subject == row.subject), None)
        return self._view.page(
            request,
            "delivery.html",
            found=found,
            row=row,
            lane=lane,
            moved=moved,
            can_retry=row.state in (DeliveryState.PARKED.value, DeliveryState.DEAD.value),
            can_park=row.state == DeliveryState.PENDING.value,
        )

    def move(self, request: Request, user: Operator, form: Form) -> Response:
        """Send again or park: the deliveries that are ticked, or all of a choice."""
        move = self._moves.get(form.get("act"))
        if move is None:
            raise UnknownKey("there is no such action")
        pks = tuple(map(int, filter(_PK.fullmatch, form.every("pk"))))
        if not pks and form.get("all") != "yes":
            raise RequiredFieldMissing("no delivery was chosen")
        if pks:
            chosen = DeliveryFilter(pks=pks)
        else:
            chosen = _filter({name: form.get(f"chosen_{name}") for name in _CHOICES})
        done = move(chosen, _by(user, form))
        return _back(form, {"moved": done.moved, "overtaken": done.overtaken})

    def _known(self) -> frozenset[str]:
        """Destinations that are configured, and others that something still waits for."""
        waiting = (each.name for each in self._deliveries.destinations())
        return frozenset((*self._destinations, *waiting))

    def hold(self, request: Request, user: Operator, form: Form) -> Response:
        """Pause, drain or resume a destination, or one of its lanes."""
        lane = Lane(destination=form.get("destination"), subject=form.get("subject"))
        act, by = form.get("act"), _by(user, form)
        if act not in _HOLDS or lane.destination not in self._known():
            raise UnknownKey("there is no such action")
        if act == "pause":
            self._deliveries.pause(lane, by)
        elif act == "drain":
            self._deliveries.drain(lane, by)
        else:
            self._deliveries.resume(lane, by)
        return _back(form, {})


def _hold_of_all(state: DestinationState | None) -> Hold | None:
    """What holds back a whole destination, not only a lane of it."""
    holds = state.holds if state else ()
    return next((each for each in holds if not each.lane.subject), None)


def _filter(said: Mapping[str, str]) -> DeliveryFilter:
    """Without a state: whatever is not delivered; `all` is everything."""
    state = said["state"]
    states: tuple[str, ...] = OPEN
    if state:
        states = () if state == "all" else (state,)
    return DeliveryFilter(
        destination=said["destination"],
        subject=said["subject"].strip(),
        kind=said["kind"],
        states=states,
        reason=said["reason"].strip(),
    )


def _by(user: SignedIn, form: FormFields) -> Act:
    return Act(
        by=user.name,
        reason=form.get("why").strip(),
        role=user.role.value,
        address=user.address,
    )


def _back(form: FormFields, told: Mapping[str, int]) -> Response:
    """To the page that the form stood on, without what it told before."""
    path, _, query = local_path(form.get("next", "/deliveries")).partition("?")
    kept = [
        each for each in query.split("&") if each.partition("=")[0] not in ("moved", "overtaken")
    ]
    parts = [each for each in (*kept, urlencode(told)) if each]
    return RedirectResponse(f"{path}?{'&'.join(parts)}" if parts else path, 303)

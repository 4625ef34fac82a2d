"""STOW-RS, the Store transaction (PS3.18 section 10.5): instances in by HTTP.

Each instance is kept as by C-STORE, durable before it is said to be; one that cannot be kept does
not keep the others out.
"""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email.message import Message
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool

from bridge.dicom.part10 import locate
from bridge.dicom.sop_classes import is_storage
from bridge.dicom.statuses import STORAGE, Status, code_of
from bridge.dicom.storage import Arriving, InstanceReceiver, Stores
from bridge.dicomweb.parts import (
    Holding,
    MalformedBody,
    Part,
    PartTooLarge,
    read_alone,
    read_parts,
)
from bridge.dicomweb.query import InvalidQuery, uid
from bridge.domain.errors import BridgeError, DataTypeError
from bridge.domain.study import InstanceHeader

DICOM = "application/dicom"
DICOM_JSON = "application/dicom+json"
_MULTIPART = "multipart/related"
_RETRY_SECONDS = "5"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Failed:
    """An instance that was not kept, as far as it said what it is."""

    reason: Status
    header: InstanceHeader | None = None


@dataclass(slots=True)
class _Outcome:
    """What became of the instances of one request."""

    kept: list[InstanceHeader] = field(default_factory=list)
    failed: list[_Failed] = field(default_factory=list)

    @property
    def status(self) -> HTTPStatus:
        """PS3.18 table 10.5.3-1."""
        if not self.failed:
            return HTTPStatus.OK
        if self.kept:
            return HTTPStatus.ACCEPTED
        full = all(each.reason is Status.OUT_OF_RESOURCES for each in self.failed)
        return HTTPStatus.SERVICE_UNAVAILABLE if full else HTTPStatus.CONFLICT


def stow_router(
    receiver: InstanceReceiver, base_url: str, holding: Holding, stores: Stores = is_storage
) -> APIRouter:
    """Routes beside those of retrieval; `holding` says how instances are held as they arrive."""
    router = APIRouter()
    store = _Store(receiver, stores, base_url.rstrip("/"), holding)
    router.add_api_route("/studies", store.post, methods=["POST"])
    router.add_api_route("/studies/{study}", store.post, methods=["POST"])
    return router


class _Store:
    """The Store transaction."""

    def __init__(
        self, receiver: InstanceReceiver, stores: Stores, base_url: str, holding: Holding
    ) -> None:
        self._receiver = receiver
        self._stores = stores
        self._base_url = base_url
        self._holding = holding

    async def post(self, request: Request) -> Response:
        """Keep the instances of a body, all of one study when the path names one."""
        wanted = _study_of(request)
        peer = f"STOW@{request.client.host if request.client else ''}"
        outcome = _Outcome()
        try:
            async for part in self._files(request):
                with contextlib.closing(part.content):
                    await run_in_threadpool(self._keep, part, wanted, peer, outcome)
        except (PartTooLarge, MalformedBody) as error:
            is_large = isinstance(error, PartTooLarge)
            if not outcome.kept:
                code = HTTPStatus.REQUEST_ENTITY_TOO_LARGE if is_large else HTTPStatus.BAD_REQUEST
                raise HTTPException(code, str(error)) from error
            reason = Status.OUT_OF_RESOURCES if is_large else Status.CANNOT_UNDERSTAND
            outcome.failed.append(_Failed(reason))
        if not outcome.kept and not outcome.failed:
            raise HTTPException(HTTPStatus.BAD_REQUEST, "the body holds no instance")
        status = outcome.status
        retry = {"Retry-After": _RETRY_SECONDS} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
        body = json.dumps(_answer(outcome, self._base_url, wanted))
        return Response(body, status_code=status, media_type=DICOM_JSON, headers=retry)

    async def _files(self, request: Request) -> AsyncIterator[Part]:
        """What a body holds: the parts of a multipart, or one alone."""
        media = _media_type(request)
        if media.get_content_type() == DICOM:
            yield Part(DICOM, await read_alone(request.stream(), self._holding))
            return
        boundary = media.get_param("boundary")
        kind = str(media.get_param("type") or DICOM).lower()
        if media.get_content_type() != _MULTIPART or kind != DICOM:
            raise HTTPException(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                f'only {_MULTIPART}; type="{DICOM}" can be stored',
            )
        if not boundary:
            raise HTTPException(HTTPStatus.BAD_REQUEST, "Content-Type names no boundary")
        async for part in read_parts(request.stream(), str(boundary), self._holding):
            yield part

    def _keep(self, part: Part, wanted: str, peer: str, outcome: _Outcome) -> None:
        arriving = Arriving(self._receiver, self._stores, part.content, peer)
        try:
            outcome.kept.append(_kept(arriving, part.media_type, wanted))
        except Exception as error:  # whatever it is, the others are kept and this one is named
            if not isinstance(error, BridgeError):
                _log.error("an instance was not kept", exc_info=error, extra={"peer": peer})
            arriving.refuse(error)
            outcome.failed.append(_Failed(code_of(error, STORAGE), arriving.header))


def _kept(arriving: Arriving, media_type: str, wanted: str) -> InstanceHeader:
    """Have one instance kept; raises when it is not."""
    if media_type != DICOM:
        raise DataTypeError(f"a part of type {media_type} is no instance")
    before, declared, start = locate(arriving.spool.source)
    header = arriving.read(declared, start)
    if wanted and header.study_instance_uid != wanted:
        raise DataTypeError("the instance is of another study", location="StudyInstanceUID")
    arriving.keep(before, start)
    return header


def _study_of(request: Request) -> str:
    try:
        return uid(request.path_params["study"]) if "study" in request.path_params else ""
    except InvalidQuery as error:
        raise HTTPException(HTTPStatus.BAD_REQUEST, str(error)) from error


def _media_type(request: Request) -> Message:
    media = Message()
    media["Content-Type"] = request.headers.get("content-type", "application/octet-stream")
    return media


def _answer(outcome: _Outcome, base_url: str, wanted: str) -> dict[str, Any]:
    """Store Instances Response (PS3.18 table 10.5.3-2) in the DICOM JSON model."""
    studies = {each.study_instance_uid for each in outcome.kept} | ({wanted} - {""})
    answer: dict[str, Any] = {}
    if len(studies) == 1:
        answer["00081190"] = _element("UR", f"{base_url}/studies/{studies.pop()}")
    if outcome.failed:
        answer["00081198"] = _element("SQ", *map(_failed_item, outcome.failed))
    if outcome.kept:
        items = [_kept_item(each, base_url) for each in outcome.kept]
        answer["00081199"] = _element("SQ", *items)
    return answer


def _kept_item(header: InstanceHeader, base_url: str) -> dict[str, Any]:
    url = (
        f"{base_url}/studies/{header.study_instance_uid}"
        f"/series/{header.series_instance_uid}/instances/{header.sop_instance_uid}"
    )
    return {**_reference(header), "00081190": _element("UR", url)}


def _failed_item(failed: _Failed) -> dict[str, Any]:
    reference = _reference(failed.header) if failed.header else {}
    return {**reference, "00081197": _element("US", int(failed.reason))}


def _reference(header: InstanceHeader) -> dict[str, Any]:
    return {
        "00081150": _element("UI", header.sop_class_uid),
        "00081155": _element("UI", header.sop_instance_uid),
    }


def _element(vr: str, *values: Any) -> dict[str, Any]:
    return {"vr": vr, "Value": list(values)}

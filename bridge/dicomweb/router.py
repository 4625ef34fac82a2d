"""Routes of the Studies Service (PS3.18 chapter 10): retrieve (10.4) and search (10.6)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain
from typing import Any, TypeVar

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import StreamingResponse

from bridge.dicomweb import multipart
from bridge.dicomweb.accept import accepts, media_ranges, takes
from bridge.dicomweb.answers import instance_answer, series_answer, study_answer
from bridge.dicomweb.metadata import metadata
from bridge.dicomweb.query import InvalidQuery, image_query, uid
from bridge.domain.errors import BridgeError
from bridge.services.read_images import FoundInstance, ImageQuery, ReadImages

T = TypeVar("T")
DICOM = "application/dicom"
DICOM_JSON = "application/dicom+json"
_STUDY = "/studies/{study}"
_SERIES = _STUDY + "/series/{series}"
_INSTANCE = _SERIES + "/instances/{instance}"
_SERVICE = re.compile(r"(.*?)/(?:studies|series|instances)(?:/|$)")


def wado_router(images: ReadImages, base_url: str = "") -> APIRouter:
    """Routes to be mounted where `base_url` points; empty takes the address from each request."""
    router = APIRouter()
    retrieve, search = _Retrieve(images), _Search(images, base_url)
    for path in (_STUDY, _SERIES, _INSTANCE):
        router.add_api_route(path, retrieve.instances, methods=["GET"])
        router.add_api_route(path + "/metadata", retrieve.metadata, methods=["GET"])
    router.add_api_route("/studies", search.studies, methods=["GET"])
    for path in ("/series", _STUDY + "/series"):
        router.add_api_route(path, search.series, methods=["GET"])
    for path in ("/instances", _STUDY + "/instances", _SERIES + "/instances"):
        router.add_api_route(path, search.instances, methods=["GET"])
    return router


class _Retrieve:
    """WADO-RS: instances as they are stored, and their metadata."""

    def __init__(self, images: ReadImages) -> None:
        self._images = images

    def instances(self, request: Request) -> Response:
        """Give a study, a series or an instance (PS3.18 section 10.4.1.1.1)."""
        found = _found(self._images, request)
        as_parts = _as_parts(request, found)
        contents = _begun((i.transfer_syntax_uid, self._images.content(i)) for i in found)
        if not as_parts:
            syntax, content = next(contents)
            media_type = f"{DICOM}; transfer-syntax={syntax}"
            return Response(content, headers={"Content-Type": media_type})
        boundary = multipart.new_boundary()
        headers = {"Content-Type": multipart.content_type(boundary)}
        return StreamingResponse(multipart.parts(contents, boundary), headers=headers)

    def metadata(self, request: Request) -> Response:
        """Give what instances say but their pixels (PS3.18 section 10.4.1.1.2)."""
        _demand_json(request)
        found = _found(self._images, request)
        documents = _begun(
            metadata(self._images.content(each), each.transfer_syntax_uid) for each in found
        )
        return StreamingResponse(_json_array(documents), media_type=DICOM_JSON)


class _Search:
    """QIDO-RS: studies, series and instances by what identifies them."""

    def __init__(self, images: ReadImages, base_url: str) -> None:
        self._images = images
        self._base_url = base_url.rstrip("/")

    def studies(self, request: Request) -> Response:
        """Find studies."""
        return self._search(request, self._images.studies, study_answer)

    def series(self, request: Request) -> Response:
        """Find series, of one study or of all."""
        return self._search(request, self._images.series, series_answer)

    def instances(self, request: Request) -> Response:
        """Find instances, of one series, of one study or of all."""
        return self._search(request, self._images.instances, instance_answer)

    def _search(
        self,
        request: Request,
        find: Callable[[ImageQuery], Sequence[T]],
        answer: Callable[[T, str], dict[str, Any]],
    ) -> Response:
        _demand_json(request)
        with _refusing():
            query = image_query([*request.query_params.multi_items(), *_path_keys(request)])
            limit = query.limit or 0
            found = find(replace(query, limit=limit + 1))
        base_url = self._base_url or _base_url_of(request)
        body = json.dumps([answer(each, base_url) for each in found[:limit]])
        headers = {}
        if len(found) > limit:  # PS3.18 section 10.6.3.4
            headers["Warning"] = f'299 {base_url} "There are additional results; ask with offset"'
        return Response(body, media_type=DICOM_JSON, headers=headers)


@contextmanager
def _refusing() -> Iterator[None]:
    """Errors as HTTP statuses: 400 for the request, 500 and 503 for what went wrong here."""
    try:
        yield
    except InvalidQuery as error:
        raise HTTPException(400, str(error)) from error
    except BridgeError as error:
        raise HTTPException(500 if error.permanent else 503, error.message) from error


def _path_keys(request: Request) -> list[tuple[str, str]]:
    keys = {"study": "StudyInstanceUID", "series": "SeriesInstanceUID"}
    return [(keys[name], uid(value)) for name, value in request.path_params.items()]


def _found(images: ReadImages, request: Request) -> Sequence[FoundInstance]:
    """The instances a path names; 404 when there are none."""
    with _refusing():
        named = {name: (uid(value),) for name, value in request.path_params.items()}
        found = images.instances(
            ImageQuery(
                study_instance_uids=named["study"],
                series_instance_uids=named.get("series", ()),
                sop_instance_uids=named.get("instance", ()),
            )
        )
    if not found:
        raise HTTPException(404, f"no such {list(named)[-1]} was received")
    return found


def _as_parts(request: Request, found: Sequence[FoundInstance]) -> bool:
    """Whether to answer in parts, or with the file of one instance alone; 406 when neither."""
    stored = {each.transfer_syntax_uid for each in found}
    ranges = media_ranges(request.headers.get("accept", ""))
    in_parts = [each for each in ranges if each.covers("multipart/related")]
    if takes((r for r in in_parts if r.parameters.get("type", DICOM) == DICOM), stored):
        return True
    alone = [each for each in ranges if each.covers(DICOM)]
    if "instance" in request.path_params and takes(alone, stored):
        return False
    raise HTTPException(
        406,
        'only multipart/related; type="application/dicom" can be had, in the stored transfer'
        f" syntax: ask for transfer-syntax=* (stored here: {', '.join(sorted(stored))})",
    )


def _demand_json(request: Request) -> None:
    if not accepts(request.headers.get("accept", ""), (DICOM_JSON, "application/json")):
        raise HTTPException(406, f"only {DICOM_JSON} can be had")


def _begun(items: Iterator[T]) -> Iterator[T]:
    """The same items, the first already there: what fails at once still gets its HTTP status."""
    with _refusing():
        first = next(items)
    return chain([first], items)


def _json_array(documents: Iterator[dict[str, Any]]) -> Iterator[bytes]:
    before = b"["
    for each in documents:
        yield before + json.dumps(each).encode()
        before = b","
    yield b"]"


def _base_url_of(request: Request) -> str:
    """The address of the service a request was made to, up to where the resources begin."""
    url = str(request.url.replace(query=""))
    path = request.url.path
    service = _SERVICE.match(path)
    return url.removesuffix(path) + (service.group(1) if service else "")

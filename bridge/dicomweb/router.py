"""Routes of the Studies Service (PS3.18 chapter 10): retrieve (10.4) and search (10.6)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from fastapi import APIRouter, Request, Response

from bridge.dicom.pixels.pool import PixelPool
from bridge.dicom.stored_file import prepare_library
from bridge.dicomweb.answers import instance_answer, series_answer, study_answer
from bridge.dicomweb.capabilities import Capabilities
from bridge.dicomweb.problems import ProblemRoute
from bridge.dicomweb.query import image_query, included, uid
from bridge.dicomweb.rendered import Rendered
from bridge.dicomweb.retrieve import Resources, Retrieve, in_model, wants_xml
from bridge.services.read_images import Above, ImageQuery, ReadImages

T = TypeVar("T")
_STUDY = "/studies/{study}"
_SERIES = _STUDY + "/series/{series}"
_INSTANCE = _SERIES + "/instances/{instance}"
_FRAMES = _INSTANCE + "/frames/{frames}"
_SERVICE = re.compile(r"(.*?)/(?:studies|series|instances)(?:/|$)")


def wado_router(images: ReadImages, base_url: str = "", pool: PixelPool | None = None) -> APIRouter:
    """Routes to be mounted where `base_url` points; empty takes the address from each request.

    `pool` decodes images; without one the routes have their own.
    """
    prepare_library()
    router = APIRouter(route_class=ProblemRoute)
    resources = Resources(images, base_url, _SERVICE)
    pool = pool or PixelPool()
    retrieve, search = Retrieve(resources, pool), _Search(resources)
    rendered = Rendered(resources, pool)
    for path in (_STUDY, _SERIES, _INSTANCE):
        router.add_api_route(path, retrieve.instances, methods=["GET"])
        router.add_api_route(path + "/metadata", retrieve.metadata, methods=["GET"])
    router.add_api_route(_FRAMES, retrieve.frames, methods=["GET"])
    router.add_api_route(_INSTANCE + "/bulkdata/{path:path}", retrieve.bulk_data, methods=["GET"])
    for path in (_STUDY, _SERIES, _INSTANCE, _FRAMES):
        router.add_api_route(path + "/rendered", rendered.rendered, methods=["GET"])
        router.add_api_route(path + "/thumbnail", rendered.thumbnail, methods=["GET"])
    router.add_api_route("/wado", rendered.by_uri, methods=["GET"])
    router.add_api_route("/studies", search.studies, methods=["GET"])
    for path in ("/series", _STUDY + "/series"):
        router.add_api_route(path, search.series, methods=["GET"])
    for path in ("/instances", _STUDY + "/instances", _SERIES + "/instances"):
        router.add_api_route(path, search.instances, methods=["GET"])
    Capabilities(router).add_routes()
    return router


class _Search:
    """QIDO-RS: studies, series and instances by what identifies them."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._images = resources.images

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
        answer: Callable[[T, str, Above], dict[str, Any]],
    ) -> Response:
        is_xml = wants_xml(request)
        asked = request.query_params.multi_items()
        query = image_query([*asked, *_path_keys(request)])
        limit = query.limit or 0
        found = find(replace(query, limit=limit + 1))
        page, base_url = found[:limit], self._resources.base_url(request)
        is_wanted = included(asked) or not request.path_params
        above = self._images.above(page) if is_wanted else Above()
        response = in_model((answer(each, base_url, above) for each in page), is_xml=is_xml)
        if len(found) > limit:  # PS3.18 section 8.3.4.4
            more = "There are additional results; ask with offset"
            response.headers["Warning"] = f'299 {base_url} "{more}"'
        return response


def _path_keys(request: Request) -> list[tuple[str, str]]:
    keys = {"study": "StudyInstanceUID", "series": "SeriesInstanceUID"}
    return [(keys[name], uid(value)) for name, value in request.path_params.items()]

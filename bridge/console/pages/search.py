"""The one search box: whatever a text leads to, with the likeliest first."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from bridge.console.access import Viewer
from bridge.console.view import View
from bridge.services.find_anything import LONGEST, FindAnything


def search_router(view: View, search: FindAnything) -> APIRouter:
    """The page at `/search`."""
    router = APIRouter()

    @router.get("/search")
    def show(
        request: Request,
        user: Viewer,
        q: Annotated[str, Query(max_length=LONGEST)] = "",
        all: bool = False,
    ) -> Response:
        """List what `q` leads to; a number of one order only leads to it at once."""
        found = search.find(q, user)
        if not all and found.only_order is not None:
            return RedirectResponse(f"/orders/{found.only_order.pk}", status_code=303)
        if not all and found.only_study is not None:
            uid = found.only_study.study_instance_uid
            return RedirectResponse(f"/studies/{uid}", status_code=303)
        return view.page(request, "search.html", found=found, sought=q.strip())

    return router

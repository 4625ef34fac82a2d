"""The console as one application: its pages, its static files, and what guards them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, FastAPI
from fastapi.responses import Response
from fastapi.staticfiles import StaticFiles

from bridge.console.access import Access, same_origin
from bridge.console.answers import Answers
from bridge.console.headers import SecurityHeaders
from bridge.console.view import STATIC, View


def console_application(
    view: View, access: Access, public_url: str, routers: Iterable[APIRouter]
) -> FastAPI:
    """Everything of the console, to be mounted at the root after all else.

    `public_url` is the address under which browsers reach it.
    """
    application = FastAPI(
        docs_url=None, redoc_url=None, openapi_url=None, dependencies=[Depends(same_origin)]
    )
    application.state.access = access
    application.state.public_host = urlsplit(public_url).netloc
    Answers(view).install(application)
    for router in routers:
        application.include_router(router)
    application.mount("/static", _KeptFiles(directory=STATIC))
    application.add_middleware(SecurityHeaders, secure=access.secure)
    return application


class _KeptFiles(StaticFiles):
    """Files whose address holds what is in them (`view.static_path`): kept for good."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["cache-control"] = "public, max-age=31536000, immutable"
        return response

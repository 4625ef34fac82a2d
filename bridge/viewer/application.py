"""The viewer as one application: OHIF's files, its configuration, and the images it asks for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import quote

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import FileResponse, PlainTextResponse, RedirectResponse, Response

from bridge.viewer.configuration import app_config

INDEX = "index.html"
_DICOM_WEB = "/dicom-web"
# OHIF compiles WebAssembly and starts workers from blobs; nothing may be fetched from elsewhere.
_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
        "worker-src 'self' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self' data: blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "frame-ancestors 'self'",
    )
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    # Volumes are shared between OHIF's workers, which browsers allow to isolated pages only.
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-embedder-policy": "require-corp",
}
_NOT_SIGNED_IN = 401

MayRead = Callable[[Request], bool]


def is_there(folder: Path) -> bool:
    """Whether OHIF's files lie in a folder."""
    return (folder / INDEX).is_file()


def viewer_application(
    folder: Path, dicom_web: APIRouter, may_read: MayRead, *, title: str, console: str
) -> FastAPI:
    """Serve OHIF out of `folder`, and images to whom `may_read` lets.

    `console` is the address at which people sign in; `title` is the name of the site.
    """
    application = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    root = folder.resolve()

    def signed_in(request: Request) -> None:
        if not may_read(request):
            raise NotSignedIn

    application.include_router(dicom_web, prefix=_DICOM_WEB, dependencies=[Depends(signed_in)])

    @application.exception_handler(NotSignedIn)
    async def refuse(request: Request, _error: Exception) -> Response:
        if request.url.path.startswith(_DICOM_WEB):
            return PlainTextResponse("Sign in at the console.", status_code=_NOT_SIGNED_IN)
        asked = f"?{request.url.query}" if request.url.query else ""
        back = quote(f"/viewer{asked}", safe="")
        return RedirectResponse(f"{console.rstrip('/')}/sign-in?next={back}", status_code=303)

    @application.get("/app-config.js")
    def configuration() -> Response:
        return PlainTextResponse(app_config(_DICOM_WEB, title), media_type="text/javascript")

    @application.get("/{path:path}")
    def file(request: Request, path: str) -> Response:
        """A file of OHIF's; any other path is one of its pages, which its script finds."""
        found = (root / path).resolve()
        if path and found.is_relative_to(root) and found.is_file():
            return FileResponse(found)
        if Path(path).suffix:
            return PlainTextResponse("The viewer has no such file.", status_code=404)
        signed_in(request)
        return FileResponse(root / INDEX)

    application.middleware("http")(_guard)
    return application


class NotSignedIn(Exception):
    """Nobody we know asks."""


async def _guard(request: Request, call: Callable[[Request], Awaitable[Response]]) -> Response:
    response = await call(request)
    for name, value in _HEADERS.items():
        response.headers[name] = value
    return response

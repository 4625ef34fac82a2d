"""Who asks, and whether they may: the session cookie, roles, CSRF, and where requests come from.

A route says who may use it by the type of a parameter: `user: Viewer`, `Operator` or `Admin`.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import quote, urlsplit

from fastapi import Depends, Request, Response
from fastapi.concurrency import run_in_threadpool

from bridge.console.forms import form_fields
from bridge.console.words import N_
from bridge.domain.access import Role, SignedIn
from bridge.services.sign_in import SignIn

CSRF_FIELD = "csrf"
CSRF_HEADER = "x-csrf-token"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class NotSignedIn(Exception):
    """Nobody we know asks: pages lead to the sign-in, the API answers 401."""


class NotAllowed(Exception):
    """Whoever asks may not: 403. `reason` is a text for translation."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Sessions of browsers. `secure` says that the console is reached by HTTPS only."""

    sign_in: SignIn
    secure: bool
    longest_seconds: float

    @property
    def cookie(self) -> str:
        """The cookie's name; the prefix makes browsers keep it to this host (RFC 6265bis)."""
        return "__Host-bridge_session" if self.secure else "bridge_session"

    def user_of(self, request: Request) -> SignedIn | None:
        """Whose session the request carries."""
        secret = request.cookies.get(self.cookie, "")
        return self.sign_in.known(secret, client_address(request)) if secret else None

    def holds(self, request: Request) -> bool:
        """Whether the session of a request lasts; unlike a request, to ask does not prolong it."""
        return self.sign_in.holds(request.cookies.get(self.cookie, ""))

    def let_in(self, response: Response, secret: str) -> None:
        """Hand a new session to the browser."""
        # Lax and not strict: an OpenID provider sends people back here from its own site.
        response.set_cookie(
            self.cookie,
            secret,
            max_age=int(self.longest_seconds),
            path="/",
            secure=self.secure,
            httponly=True,
            samesite="lax",
        )

    def let_out(self, request: Request, response: Response) -> None:
        """End the session of a request."""
        secret = request.cookies.get(self.cookie, "")
        if secret:
            self.sign_in.out(secret, client_address(request))
        response.delete_cookie(self.cookie, path="/", secure=self.secure, httponly=True)


def client_address(request: Request) -> str:
    """Where a request came from; uvicorn has looked at what a proxy of ours says."""
    return request.client.host if request.client else ""


def access_of(request: Request) -> Access:
    """The access of the application that serves a request."""
    access = request.app.state.access
    assert isinstance(access, Access)  # noqa: S101 - the application puts it there
    return access


def require(role: Role) -> Callable[[Request], Coroutine[Any, Any, SignedIn]]:
    """A dependency that gives who asks, when they are signed in and have a role that covers this.

    Raises NotSignedIn or NotAllowed; also for a change that does not carry the session's CSRF
    token, in the form field `csrf` or in the header X-CSRF-Token.
    """

    async def signed_in(request: Request) -> SignedIn:
        user = await run_in_threadpool(access_of(request).user_of, request)
        if user is None:
            raise NotSignedIn
        request.state.user = user
        if request.method not in SAFE_METHODS and not await _carries_token(request, user):
            raise NotAllowed(N_("This page was too old; open it again and repeat what you did."))
        if not user.role.covers(role):
            raise NotAllowed(N_("Your role does not allow this."))
        return user

    return signed_in


async def _carries_token(request: Request, user: SignedIn) -> bool:
    form = await form_fields(request)
    said = request.headers.get(CSRF_HEADER) or form.get(CSRF_FIELD)
    return hmac.compare_digest(said.encode(), user.csrf_token.encode())


async def same_origin(request: Request) -> None:
    """Refuse changes that another site has a browser make; raises NotAllowed.

    Beside the CSRF token this also guards the sign-in, which has no session yet.
    """
    if request.method in SAFE_METHODS:
        return
    fetched = request.headers.get("sec-fetch-site", "")
    origin = request.headers.get("origin", "")
    hosts = (request.headers.get("host", ""), request.app.state.public_host)
    foreign = origin and origin != "null" and urlsplit(origin).netloc not in hosts
    if fetched in ("cross-site", "same-site") or (not fetched and foreign):
        raise NotAllowed(N_("Another site asked for this."))


def sign_in_path(request: Request) -> str:
    """The sign-in page that leads back to where a request wanted to go."""
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    if request.method not in SAFE_METHODS or wanted == "/":
        return "/sign-in"
    return f"/sign-in?next={quote(wanted)}"


def local_path(path: str) -> str:
    """A path of this console; the first page in place of anything that leads elsewhere."""
    parts = urlsplit(path)
    is_ours = path.startswith("/") and not path.startswith(("//", "/\\"))
    if not is_ours or parts.netloc or parts.scheme or not path.isprintable() or "\\" in path:
        return "/"
    return path


Viewer = Annotated[SignedIn, Depends(require(Role.VIEWER))]
Operator = Annotated[SignedIn, Depends(require(Role.OPERATOR))]
Admin = Annotated[SignedIn, Depends(require(Role.ADMIN))]

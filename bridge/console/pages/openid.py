"""Signing in through an OpenID provider: there, and back."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from bridge.console import openid
from bridge.console.access import access_of, client_address, local_path
from bridge.console.openid import NotVouchedFor, OpenIdClient, ProviderFails
from bridge.console.view import View
from bridge.console.words import N_

CALLBACK = "/sign-in/openid/callback"
_UNDER_WAY_SECONDS = 900
_FAILS = N_("The provider cannot be asked just now.")
_REFUSED = N_("The provider does not vouch for you, or gives you no role here.")
_INTERRUPTED = N_("This sign-in was interrupted or took too long. Begin again.")


def openid_router(view: View, client: OpenIdClient, secret: Callable[[], str]) -> APIRouter:
    """The way to the provider and the way back."""
    router = APIRouter()

    def cookie(request: Request) -> str:
        return "__Host-bridge_openid" if access_of(request).secure else "bridge_openid"

    def failed(request: Request, text: str, status: int) -> Response:
        title = view.say(request, N_("You are not signed in"))
        shown = {"title": title, "text": view.say(request, text)}
        return view.page(request, "notice.html", status=status, **shown)

    @router.get("/sign-in/openid")
    def leave(request: Request, next: str = "/") -> Response:
        """Send the browser to the provider, and have it keep what the answer must fit."""
        way = openid.Request(state=secret(), nonce=secret(), verifier=secret())
        try:
            response = RedirectResponse(client.address(way), status_code=303)
        except ProviderFails:
            return failed(request, _FAILS, 503)
        held = {"s": way.state, "n": way.nonce, "v": way.verifier, "to": local_path(next)}
        response.set_cookie(
            cookie(request),
            json.dumps(held).encode().hex(),
            max_age=_UNDER_WAY_SECONDS,
            path="/",
            secure=access_of(request).secure,
            httponly=True,
            samesite="lax",
        )
        return response

    @router.get(CALLBACK)
    def come_back(request: Request, code: str = "", state: str = "") -> Response:
        """Let in whom the provider vouches for."""
        access = access_of(request)
        held = _held(request.cookies.get(cookie(request), ""))
        if not code or not hmac.compare_digest(state.encode(), held.get("s", "-").encode()):
            return failed(request, _INTERRUPTED if not code or not state else _REFUSED, 403)
        way = openid.Request(state=held["s"], nonce=held["n"], verifier=held["v"])
        try:
            account = client.account(code, way)
        except NotVouchedFor:
            access.sign_in.not_vouched_for(client.provider.name, client_address(request))
            return failed(request, _REFUSED, 403)
        except ProviderFails:
            return failed(request, _FAILS, 503)
        name = client.provider.name
        session = access.sign_in.by_provider(account, name, client_address(request))
        response = RedirectResponse(local_path(held["to"]), status_code=303)
        response.delete_cookie(cookie(request), path="/", secure=access.secure, httponly=True)
        access.let_in(response, session)
        return response

    return router


def _held(text: str) -> dict[str, str]:
    """What the browser kept; nothing when it is none of ours."""
    try:
        held = json.loads(bytes.fromhex(text))
    except ValueError:
        return {}
    is_ours = isinstance(held, dict) and {"s", "n", "v", "to"} <= held.keys()
    return {str(key): str(value) for key, value in held.items()} if is_ours else {}

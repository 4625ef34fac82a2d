"""Signing in and out, and the choice of language."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from bridge.console.access import Viewer, access_of, client_address, local_path
from bridge.console.forms import Form
from bridge.console.language import COOKIE, LANGUAGES
from bridge.console.view import View
from bridge.console.words import N_
from bridge.domain.errors import BridgeError
from bridge.services.access import SHORTEST_PASSWORD, SignInRefused, TooManyTries
from bridge.services.manage_accounts import ManageAccounts

_YEAR_SECONDS = 365 * 24 * 3600
_WRONG = N_("Name and password do not fit.")
_TOO_MANY = N_("Too many sign-ins have failed lately. Wait %(minutes)d minutes.")
_OLD_LINK = N_("This link has been used, or is too old. `bridge user link NAME` makes a new one.")
_CHOOSE = N_("Choose a name, and a password of at least %(n)d characters, the same twice.")


def sign_in_router(view: View, accounts: ManageAccounts, provider: str = "") -> APIRouter:
    """Sign-in and sign-out; `provider` is the name of an OpenID provider to offer, if any."""
    router = APIRouter()

    def form(request: Request, wanted: str, problem: str = "", status: int = 200) -> Response:
        return view.page(
            request,
            "sign_in.html",
            status=status,
            wanted=local_path(wanted),
            problem=problem,
            provider=provider,
            has_accounts=accounts.exist(),
        )

    @router.get("/sign-in")
    def show(request: Request, next: str = "/") -> Response:
        """The form; whoever is signed in already goes on."""
        if access_of(request).user_of(request) is not None:
            return RedirectResponse(local_path(next), status_code=303)
        return form(request, next)

    @router.post("/sign-in")
    def sign_in(request: Request, fields: Form) -> Response:
        """Check name and password."""
        access, wanted = access_of(request), fields.get("next", "/")
        name, password = fields.get("name").strip(), fields.get("password")
        try:
            secret = access.sign_in.by_password(name, password, client_address(request))
        except SignInRefused:
            return form(request, wanted, view.say(request, _WRONG), 401)
        except TooManyTries as error:
            minutes = max(1, round(error.after / 60))
            answer = form(request, wanted, view.say(request, _TOO_MANY, minutes=minutes), 429)
            answer.headers["Retry-After"] = str(int(error.after))
            return answer
        response = RedirectResponse(local_path(wanted), status_code=303)
        access.let_in(response, secret)
        return response

    @router.post("/sign-out")
    def sign_out(request: Request, user: Viewer) -> Response:
        """End the session."""
        response = RedirectResponse("/sign-in", status_code=303)
        access_of(request).let_out(request, response)
        return response

    @router.post("/language")
    def language(fields: Form) -> Response:
        """Keep the language that somebody chose."""
        response = RedirectResponse(local_path(fields.get("next", "/")), status_code=303)
        chosen = fields.get("language")
        if chosen in LANGUAGES:
            response.set_cookie(COOKIE, chosen, max_age=_YEAR_SECONDS, samesite="lax")
        return response

    _add_links(router, view)
    return router


def _add_links(router: APIRouter, view: View) -> None:
    """One-time links. Opening one changes nothing: mail readers and browsers open links ahead."""

    def link_page(request: Request, code: str, problem: str = "") -> Response:
        owner = access_of(request).sign_in.owner_of_link(code)
        values = {"code": code, "owner": owner, "shortest": SHORTEST_PASSWORD}
        if owner is None:
            problem = view.say(request, _OLD_LINK)
        status = 200 if not problem else 401
        return view.page(request, "link.html", status=status, problem=problem, **values)

    @router.get("/sign-in/link")
    def show_link(request: Request, code: str = "") -> Response:
        """What a link is for, and the button that uses it."""
        return link_page(request, code)

    @router.post("/sign-in/link")
    def use_link(request: Request, fields: Form) -> Response:
        """Sign in by a link; the first one makes the first administrator."""
        access, code = access_of(request), fields.get("code")
        address = client_address(request)
        try:
            if access.sign_in.owner_of_link(code) == "":
                password = fields.get("password")
                if password != fields.get("again"):
                    return link_page(request, code, _choose(request))
                name = fields.get("name").strip()
                secret = access.sign_in.first_administrator(code, name, password, address)
            else:
                secret = access.sign_in.by_link(code, address)
        except SignInRefused:
            return link_page(request, code)
        except BridgeError:
            return link_page(request, code, _choose(request))
        response = RedirectResponse("/", status_code=303)
        access.let_in(response, secret)
        return response

    def _choose(request: Request) -> str:
        return view.say(request, _CHOOSE, n=SHORTEST_PASSWORD)

"""The console: its pages over the use cases, and who may open them."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator

from fastapi import APIRouter, FastAPI

from bridge.console.access import Access
from bridge.console.application import console_application
from bridge.console.openid import OpenIdClient, Provider
from bridge.console.pages.openid import CALLBACK, openid_router
from bridge.console.pages.sign_in import sign_in_router
from bridge.console.pages.viewing import viewing_router
from bridge.console.passwords import Argon2
from bridge.console.view import View
from bridge.domain.access import Account, Role
from bridge.domain.errors import UnknownKey
from bridge.services.access import AccessPolicy, AccessStore
from bridge.services.audit import RecordView
from bridge.services.find_problems import Checks
from bridge.services.manage_accounts import ManageAccounts
from bridge.services.overview import ReadOverview
from bridge.services.sign_in import SignIn
from bridge.settings import Settings
from bridge.wiring.console_pages import page_routers
from bridge.wiring.console_views import build_views
from bridge.wiring.core import Core
from bridge.wiring.viewer import viewer_address

_SECRET_BYTES = 32
_TRIES_BY_ADDRESS, _TRIES_BY_NAME = 6, 10  # for each by one name from one address


def new_secret() -> str:
    """A secret of sessions and links, fit for addresses."""
    return secrets.token_urlsafe(_SECRET_BYTES)


def build_console(core: Core, overview: ReadOverview, checks: Checks) -> FastAPI:
    """The application of the console, to be mounted at the root; `checks` are those of the roles.

    `state.end_streams` lets browsers go that listen for events.
    """
    settings = core.settings
    viewer = viewer_address(settings)
    view = View(site=settings.site.name, zone=settings.site.timezone, has_viewer=bool(viewer))
    policy = access_policy(settings)
    sign_in = SignIn(
        store=core.store, hasher=Argon2(), clock=time.time, secret=new_secret, policy=policy
    )
    access = Access(
        sign_in=sign_in,
        secure=settings.http.public_url.startswith("https:"),
        longest_seconds=policy.longest_seconds,
    )
    views = build_views(view, core, overview, checks)
    routers = (
        *_sign_in_routers(core, view),
        *views.routers,
        *page_routers(view, core),
        viewing_router(view, core.images, RecordView(core.store, time.time), viewer),
    )
    application = console_application(view, access, settings.http.public_url, routers)
    application.state.end_streams = views.feeds.close
    return application


def _sign_in_routers(core: Core, view: View) -> Iterator[APIRouter]:
    provider = openid_provider(core.settings)
    yield sign_in_router(
        view, build_accounts(core.settings, core.store), provider.name if provider else ""
    )
    if provider is not None:
        yield openid_router(view, OpenIdClient(provider, time.time), new_secret)


def openid_provider(settings: Settings) -> Provider | None:
    """The OpenID provider that is configured, if one is."""
    openid = settings.console.openid
    if not openid.issuer:
        return None
    roles = {
        Role.ADMIN: frozenset(openid.admins),
        Role.OPERATOR: frozenset(openid.operators),
        Role.VIEWER: frozenset(openid.viewers),
    }
    return Provider(
        issuer=openid.issuer,
        name=openid.name,
        client_id=openid.client_id,
        client_secret=openid.client_secret.reveal() if openid.client_secret else "",
        redirect_uri=f"{settings.http.public_url.rstrip('/')}{CALLBACK}",
        scopes=openid.scopes,
        name_claim=openid.name_claim,
        role_claim=openid.role_claim,
        roles=roles,
    )


def build_accounts(settings: Settings, store: AccessStore) -> ManageAccounts:
    """The management of accounts."""
    return ManageAccounts(
        store=store,
        hasher=Argon2(),
        clock=time.time,
        secret=new_secret,
        policy=access_policy(settings),
    )


def access_policy(settings: Settings) -> AccessPolicy:
    """How long sign-ins hold, and how often one may be mistaken."""
    console = settings.console
    return AccessPolicy(
        idle_seconds=console.idle_minutes * 60,
        longest_seconds=console.longest_hours * 3600,
        tries=console.tries,
        tries_by_address=console.tries * _TRIES_BY_ADDRESS,
        tries_by_name=console.tries * _TRIES_BY_NAME,
    )


def first_link(settings: Settings, store: AccessStore) -> str:
    """A one-time link that makes the first administrator; empty where people can sign in."""
    accounts = build_accounts(settings, store)
    if settings.console.openid.issuer or accounts.exist():
        return ""
    return link(settings, accounts.add_link("", "bridge serve"))


def demo_link(settings: Settings, store: AccessStore) -> str:
    """A one-time link that signs in as the administrator of a demonstration."""
    accounts, name = build_accounts(settings, store), "demo"
    try:
        secret = accounts.add_link(name, "bridge demo")
    except UnknownKey:
        accounts.add(Account(name=name, role=Role.ADMIN), "", "bridge demo")
        secret = accounts.add_link(name, "bridge demo")
    return link(settings, secret)


def link(settings: Settings, secret: str) -> str:
    """The address of a one-time link."""
    return f"{settings.http.public_url.rstrip('/')}/sign-in/link?code={secret}"

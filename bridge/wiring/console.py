"""The console: its pages over the use cases, and who may open them."""

from __future__ import annotations

import secrets
import time

from fastapi import FastAPI

from bridge.console.access import Access
from bridge.console.application import console_application
from bridge.console.pages.now import now_router
from bridge.console.pages.sign_in import sign_in_router
from bridge.console.passwords import Argon2
from bridge.console.view import View
from bridge.services.access import AccessPolicy, AccessStore
from bridge.services.manage_accounts import ManageAccounts
from bridge.services.overview import ReadOverview
from bridge.services.sign_in import SignIn
from bridge.settings import Settings
from bridge.wiring.core import Core

_SECRET_BYTES = 32


def new_secret() -> str:
    """A secret of sessions and links, fit for addresses."""
    return secrets.token_urlsafe(_SECRET_BYTES)


def build_console(core: Core, overview: ReadOverview) -> FastAPI:
    """The application of the console, to be mounted at the root."""
    settings = core.settings
    view = View(site=settings.site.name, zone=settings.site.timezone)
    policy = access_policy(settings)
    sign_in = SignIn(
        store=core.store, hasher=Argon2(), clock=time.time, secret=new_secret, policy=policy
    )
    access = Access(
        sign_in=sign_in,
        secure=settings.http.public_url.startswith("https:"),
        longest_seconds=policy.longest_seconds,
    )
    routers = (
        sign_in_router(view, build_accounts(settings, core.store)),
        now_router(view, overview),
    )
    return console_application(view, access, settings.http.public_url, routers)


def build_accounts(_settings: Settings, store: AccessStore) -> ManageAccounts:
    """The management of accounts."""
    return ManageAccounts(
        store=store,
        hasher=Argon2(),
        clock=time.time,
        secret=new_secret,
        policy=access_policy(_settings),
    )


def access_policy(_settings: Settings) -> AccessPolicy:
    """How long sign-ins hold."""
    return AccessPolicy()

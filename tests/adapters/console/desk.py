"""A console on a socket over a bridge without listeners, and people signed in to it."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from html import unescape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx2
import uvicorn
import yaml
from fastapi import FastAPI
from sqlalchemy import select

from bridge.console.access import CSRF_FIELD
from bridge.domain.access import Role
from bridge.domain.delivery import EventKind
from bridge.domain.subscription import Subscription
from bridge.services.access import Session, digest
from bridge.services.overview import ReadOverview
from bridge.settings import load
from bridge.store import schema
from bridge.store.database import Database
from bridge.store.tables import audit
from bridge.wiring.console import build_console
from bridge.wiring.core import Core, build_core

COOKIE = "bridge_session"
TOKEN = "csrf-of-a-test"
TOLD = Subscription(
    kinds=frozenset({EventKind.STUDY_AVAILABLE, EventKind.STUDY_CHANGED, EventKind.STUDY_WITHDRAWN})
)


@dataclass
class Desk:
    """The bridge, the address of its console, and browsers by role."""

    core: Core
    url: str = ""
    _clients: dict[tuple[Role, str], httpx2.Client] = field(default_factory=dict)

    def browser(self, role: Role = Role.OPERATOR, language: str = "en") -> httpx2.Client:
        """A browser in which somebody of this role is signed in."""
        key = (role, language)
        if key not in self._clients:
            secret, now = f"secret of {role}", time.time()
            session = Session(
                account=f"{role}-mai",
                role=role,
                display_name="",
                csrf_token=TOKEN,
                created_at=now,
                seen_at=now,
            )
            if not any(known is role for known, _ in self._clients):
                self.core.store.transact(
                    lambda tx: tx.accounts.open_session(digest(secret), session)
                )
            cookies = {COOKIE: secret, "bridge_language": language}
            self._clients[key] = httpx2.Client(base_url=self.url, cookies=cookies)
        return self._clients[key]

    def get(self, path: str, **parameters: Any) -> str:
        """A page as text without tags; it has to be there."""
        answer = self.browser().get(path, params=parameters)
        assert answer.status_code == 200, (answer.status_code, text_of(answer.text))
        return text_of(answer.text)

    def post(self, path: str, **form: Any) -> httpx2.Response:
        """A form as a browser without script sends it; redirects are not followed."""
        return self.browser().post(path, data={CSRF_FIELD: TOKEN, **form})

    def trail(self) -> list[tuple[str, str, str]]:
        """(who, kind, detail) of every row of the audit trail."""
        with self.core.database.read() as connection:
            query = select(audit.c.who, audit.c.object_kind, audit.c.detail).order_by(audit.c.pk)
            return [tuple(row) for row in connection.execute(query).all()]

    def close(self) -> None:
        """Close the browsers."""
        for each in self._clients.values():
            each.close()


def text_of(page: str) -> str:
    """What a page says: without tags, in single spaces."""
    page = re.sub(r"(?s)<(head|nav|footer|dialog)\b.*?</\1>", " ", page)
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", page)).split())


@cache
def _migrated() -> bytes:
    """A database with the schema, made once."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "bridge.db"
        database = Database(f"sqlite:///{file}")
        schema.upgrade(database)
        database.close()
        return file.read_bytes()


@contextmanager
def open_desk(
    folder: Path,
    configuration: Mapping[str, Any] | None = None,
    destinations: Mapping[str, Subscription] | None = None,
) -> Iterator[Desk]:
    """A desk on an empty database in a folder."""
    file = folder / "bridge.yaml"
    places = {"database": f"sqlite:///{folder}/bridge.db", "images": f"{folder}/images"}
    site = {"name": "HOSP", "timezone": "Asia/Ho_Chi_Minh"}
    file.write_text(yaml.safe_dump({"site": site, **places, **(configuration or {})}))
    settings = load(file, {})
    (folder / "bridge.db").write_bytes(_migrated())
    core = build_core(settings, destinations if destinations is not None else {"ehr": TOLD})
    overview = ReadOverview(store=core.store, clock=time.time, zone=settings.site.timezone)
    app = FastAPI()
    console = build_console(core, overview, {})
    app.mount("/", console)
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", ws="none", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    desk = Desk(core, f"http://127.0.0.1:{listener.getsockname()[1]}")
    try:
        yield desk
    finally:
        desk.close()
        console.state.end_streams()
        server.should_exit = True
        thread.join()
        core.pixels.close()
        core.database.close()

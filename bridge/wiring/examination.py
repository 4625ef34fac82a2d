"""Whether the bridge could work here: its own database, folder and ports, for `bridge doctor`."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from bridge.domain.errors import BridgeError
from bridge.services.watch_links import LinkTally
from bridge.settings import Settings
from bridge.store import schema
from bridge.store.database import Database
from bridge.store.overview import schema_problem
from bridge.store.repositories import SqlStore
from bridge.wiring.addresses import CannotListen, listen
from bridge.wiring.ending_steps import overdue_problem
from bridge.wiring.images import is_bucket, open_bucket, problem_of
from bridge.wiring.link_watch import watch_links
from bridge.wiring.soundness import unsound

LEAST_FREE_BYTES = 1024**3
"""Less room than this for images is worth a complaint: one large study fills it."""

_PATIENCE_SECONDS = 5.0
_LONGEST_ANSWER = 65536
_FINE = "ok"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, whether it is well, and what was seen."""

    what: str
    is_well: bool
    words: str


def examine_here(settings: Settings) -> Iterator[Finding]:
    """Look at what is the bridge's own. Nothing is changed and nothing is left behind."""
    problems = unsound(settings)
    yield Finding("configuration", not problems, " ".join(map(str, problems)) or "valid")
    yield _database(settings)
    yield from _of_database(settings)
    yield _bucket(settings) if is_bucket(settings) else _images(Path(settings.images))
    yield from _ports(settings)


def _database(settings: Settings) -> Finding:
    what, file = f"database {settings.database.masked()}", settings.database.file
    if file is not None and not file.exists():
        problem = _not_writable(file.parent)
        return Finding(what, not problem, problem or "not there yet; `bridge serve` makes it")
    database = Database(str(settings.database))
    try:
        with database.read() as connection:
            revision, head = schema.revision(connection), schema.head()
    except BridgeError as error:
        return Finding(what, False, error.message)
    finally:
        database.close()
    if revision == head:
        return Finding(what, True, f"at revision {revision}")
    if revision is not None and revision > head:
        return Finding(what, False, f"at revision {revision}, newer than this version's {head}")
    return Finding(what, True, f"at revision {revision}; `bridge serve` brings it to {head}")


def _of_database(settings: Settings) -> Iterator[Finding]:
    """What the database knows to be wrong; nothing where there is none to ask."""
    file = settings.database.file
    if file is not None and not file.exists():
        return
    database = Database(str(settings.database))
    try:
        if not schema_problem(database):
            problem = overdue_problem(settings, database)
            yield Finding("performed steps", not problem, problem or "none is open for too long")
            yield from _links(settings, database)
    except BridgeError as error:
        yield Finding("performed steps", False, error.message)
    finally:
        database.close()


def _links(settings: Settings, database: Database) -> Iterator[Finding]:
    """What passed over each link of late, and whether it should have been more."""
    store, zone = SqlStore(database), settings.site.timezone
    for each in watch_links(settings, store, LinkTally(time.time)).links():
        last = (
            datetime.fromtimestamp(each.last_success_at, zone).strftime("%Y-%m-%d %H:%M:%S")
            if each.last_success_at
            else "never"
        )
        words = f"last success {last}, {each.rate:.0f} in the last hour"
        problem = f"{each.problem}; {words}" if each.problem else words
        yield Finding(f"link {each.link.kind} {each.link.peer}", not each.problem, problem)


def _bucket(settings: Settings) -> Finding:
    try:
        problem = problem_of(open_bucket(settings))
    except BridgeError as error:
        problem = error.message
    return Finding(f"images {settings.images}", not problem, problem or "answers")


def _images(folder: Path) -> Finding:
    problem = _not_writable(folder)
    if problem:
        return Finding(f"images {folder}", False, problem)
    free = shutil.disk_usage(_existing(folder)).free
    words = f"writable, {free / 1024**3:.1f} GiB free"
    return Finding(f"images {folder}", free >= LEAST_FREE_BYTES, words)


def _not_writable(folder: Path) -> str:
    """Why nothing can be written to a folder that is there or would be made; empty if it can."""
    try:
        with tempfile.TemporaryFile(dir=_existing(folder)):
            return ""
    except OSError as error:
        return f"cannot be written: {error.strerror or error}"


def _existing(folder: Path) -> Path:
    return next(each for each in (folder, *folder.absolute().parents) if each.exists())


def _ports(settings: Settings) -> Iterator[Finding]:
    """A port is well when it is free, or when this very bridge listens on it."""
    http, dicom = settings.http, settings.dicom
    checks = _checks_of_running_bridge(http.host, http.port) if http.port else {}
    if checks:
        faults = [f"{name}: {words}" for name, words in checks.items() if words != _FINE]
        words = "; ".join(faults) or "served by the bridge, which is ready"
        yield Finding(_address("HTTP", http.host, http.port), not faults, words)
    else:
        yield _port("HTTP", http.host, http.port, is_ours=False)
    for each in settings.hl7.listeners:
        is_ours = checks.get("hl7") == _FINE
        yield _port(f"HL7 {each.name}", each.host, each.port, is_ours=is_ours)
    yield _port("DICOM", dicom.host, dicom.port, is_ours=checks.get("dicom") == _FINE)


def _port(what: str, host: str, port: int, *, is_ours: bool) -> Finding:
    what = _address(what, host, port)
    try:
        listen(what, host, port).close()
    except CannotListen as error:
        reason = error.message.removeprefix(f"{what} cannot listen on {host}:{port}: ")
        return Finding(what, is_ours, "served by the bridge" if is_ours else reason)
    return Finding(what, True, "free" if port else "any free port")


def _address(what: str, host: str, port: int) -> str:
    return f"{what} port {host}:{port}"


def _checks_of_running_bridge(host: str, port: int) -> dict[str, str]:
    """What the bridge that answers there says of its readiness; empty when none answers."""
    reached = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - not to bind
    with closing(HTTPConnection(reached, port, timeout=_PATIENCE_SECONDS)) as connection:
        try:
            connection.request("GET", "/health/ready")
            found = json.loads(connection.getresponse().read(_LONGEST_ANSWER))
            return {str(name): str(words) for name, words in found["checks"].items()}
        except (OSError, HTTPException, ValueError, LookupError, TypeError, AttributeError):
            return {}  # somebody else, or nobody

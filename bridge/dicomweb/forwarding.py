"""Forwarding images by STOW-RS (PS3.18 10.5 as user agent): to an archive that is on the web."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2

from bridge.dicom.encoding import EXPLICIT_LITTLE
from bridge.dicom.native import as_native, is_native
from bridge.dicom.pixels.pool import PixelPool
from bridge.dicom.stored_file import StoredFile
from bridge.dicomweb.multipart import DICOM, OutPart, body, content_type, length, new_boundary
from bridge.domain.delivery import Delivery, EventKind, RetryPolicy, Sent, TransportError
from bridge.domain.errors import BridgeError
from bridge.services.content import Content
from bridge.services.fence import check_held
from bridge.services.forward_images import Forward, ForwardOutcome, Note
from bridge.services.read_images import FoundInstance

_MOST_INSTANCES, _MOST_BYTES = 64, 64 << 20  # of one request, unless one instance is larger
_CONNECT = 5.0  # seconds: who takes longer to connect is not there
# A server that writes an instance down before it answers is given a second more for so many bytes.
_SLOWEST_DISK = 10 << 20

_REFERENCED, _FAILED, _REASON = "00081199", "00081198", "00081197"
_SOP_INSTANCE = "00081155"
_DUPLICATE = 0x0111  # it is there
# Out of resources, processing failure, resource limitation: the same may succeed later.
_PASSING = frozenset({0x0110, 0x0213, *range(0xA700, 0xA800)})
# SOP class or transfer syntax not supported: decoded it may be.
_SYNTAX_NOT_SUPPORTED, _DOES_NOT_MATCH = 0xC122, 0xA900
_AS_WRITTEN = frozenset({0x0122, _SYNTAX_NOT_SUPPORTED})

_OK, _UNSUPPORTED = 200, 415
# Statuses that are about some instance of a request.
_ABOUT_CONTENT = frozenset({400, 409, 413, _UNSUPPORTED, 422})
# Nobody's images get through: no attempt is burned.
_DOWN = frozenset({401, 429, 502, 503, 504})
_FORBIDDEN = frozenset({401, 403})


@dataclass(frozen=True, slots=True, kw_only=True)
class StowServer:
    """A DICOMweb service and how to sign in. Secrets are not shown; `timeout` is in seconds.

    `authorities` is a PEM file of those that may have signed its certificate, empty the system's.
    """

    url: str
    token: str = field(default="", repr=False)
    username: str = ""
    password: str = field(default="", repr=False)
    authorities: str = ""
    timeout: float = 30.0


def check(server: StowServer) -> str:
    """Ask for a study (QIDO-RS); a service that only stores says so. Raises TransportError."""
    address = _address(server)
    with _client(server, _tls(server)) as http, _as_transport_errors():
        answer = http.get(address, params={"limit": "1"}, timeout=_patience(server.timeout))
    if answer.status_code in _FORBIDDEN:
        raise TransportError(f"HTTP status {answer.status_code}", permanent=False)
    return f"a server answers at {address} ({answer.status_code})"


class StowDestination:
    """One DICOMweb service that gets images, as their order has them."""

    def __init__(
        self,
        *,
        name: str,
        server: StowServer,
        retry: RetryPolicy,
        kinds: frozenset[EventKind],
        read: Callable[[FoundInstance], Content],
        note: Note,
        pixels: PixelPool,
    ) -> None:
        """`pixels` decodes what a server does not take as it is stored."""
        self.name = name
        self.retry = retry
        self._kinds = kinds
        self._read = read
        self._note = note
        self._pixels = pixels
        self._server = server
        self._tls = _tls(server)

    def accepts(self, kind: EventKind) -> bool:
        """Whether images go upon events of this kind."""
        return kind in self._kinds

    def close(self) -> None:
        """Nothing is held open."""

    def send(self, delivery: Delivery, forward: Forward, /) -> Sent:
        """Send what the server does not have yet.

        What it takes is noted even when others fail. Raises TransportError: to be tried again when
        the server is away or full, for good when it refuses instances for what they are.
        """
        outcome = ForwardOutcome()
        try:
            with _client(self._server, self._tls) as http:
                for group in _groups(self._opened(forward.instances, outcome)):
                    self._send(http, group, outcome)
        finally:
            taken = [each.sop_instance_uid for each in outcome.taken]
            self._note(self.name, forward.study_instance_uid, taken)
        return outcome.sent(forward)

    def _opened(
        self, instances: Iterable[FoundInstance], outcome: ForwardOutcome
    ) -> Iterator[_Part]:
        for each in instances:
            try:
                content = self._read(each)
            except BridgeError as error:
                outcome.failed[each.sop_instance_uid] = error.message
            else:
                yield _Part(each, content.size, content, each.transfer_syntax_uid)

    def _send(self, http: httpx2.Client, parts: Sequence[_Part], outcome: ForwardOutcome) -> None:
        """Send parts in one request; by halves when the server only says that something is wrong.

        Those that it would take decoded are sent once more.
        """
        answer = self._post(http, parts)
        said = _Said.of(answer)
        if said is None and answer.status_code in _ABOUT_CONTENT and len(parts) > 1:
            half = len(parts) // 2
            self._send(http, parts[:half], outcome)
            self._send(http, parts[half:], outcome)
            return
        if said is None:
            said = _without_words(answer, parts)
        for part in parts:
            self._judge(http, part, said, outcome)

    def _judge(
        self, http: httpx2.Client, part: _Part, said: _Said, outcome: ForwardOutcome
    ) -> None:
        uid = part.instance.sop_instance_uid
        reason = said.failed.get(uid)
        if reason == _DUPLICATE or (reason is None and uid in said.stored):
            outcome.taken.append(part.instance)
        elif reason is None:
            outcome.failed[uid] = "the answer does not mention it"
        elif reason in _PASSING:
            outcome.failed[uid] = f"failure reason {reason:04X}"
        elif reason in _AS_WRITTEN and not is_native(part.syntax):
            self._send_decoded(http, part, outcome)
        else:
            outcome.refused[uid] = f"failure reason {reason:04X}"

    def _send_decoded(self, http: httpx2.Client, part: _Part, outcome: ForwardOutcome) -> None:
        try:
            made = as_native(StoredFile(self._read(part.instance)), self._pixels)
        except BridgeError as error:
            kind = outcome.refused if error.permanent else outcome.failed
            kind[part.instance.sop_instance_uid] = error.message
        except Exception as error:  # a decoder's own words: this one fails alone
            reason = f"it cannot be decoded: {type(error).__name__}"
            outcome.refused[part.instance.sop_instance_uid] = reason
        else:
            decoded = _Part(part.instance, made.size, made.pieces, EXPLICIT_LITTLE)
            self._send(http, [decoded], outcome)

    def _post(self, http: httpx2.Client, parts: Sequence[_Part]) -> httpx2.Response:
        boundary = new_boundary()
        written = [each.written for each in parts]
        size = length(written, boundary)
        headers = {"Content-Type": content_type(boundary), "Content-Length": str(size)}
        check_held()
        with _as_transport_errors():
            answer = http.post(
                _address(self._server),
                content=body(written, boundary),
                headers=headers,
                timeout=_patience(self._server.timeout, size),
            )
        status = answer.status_code
        if answer.is_success or status in _ABOUT_CONTENT:
            return answer
        raise TransportError(
            f"HTTP status {status}",
            permanent=False,
            unreachable=status in _DOWN,
            response=answer.content[:2000],
            retry_after=_retry_after(answer.headers.get("Retry-After", "")),
        )


@dataclass(frozen=True, slots=True)
class _Part:
    """An instance on its way: how long its file is, the pieces, and their transfer syntax."""

    instance: FoundInstance
    size: int
    pieces: Iterable[bytes]
    syntax: str

    @property
    def written(self) -> OutPart:
        # No transfer syntax, which the file itself says: Orthanc's plugin takes no parameter here.
        return OutPart(DICOM, self.size, self.pieces)


def _groups(parts: Iterable[_Part]) -> Iterator[list[_Part]]:
    """Parts in requests that a server can hold."""
    group: list[_Part] = []
    for part in parts:
        size = sum(each.size for each in group) + part.size
        if group and (len(group) == _MOST_INSTANCES or size > _MOST_BYTES):
            yield group
            group = []
        group.append(part)
    if group:
        yield group


@dataclass(frozen=True, slots=True)
class _Said:
    """A Store Instances response (PS3.18 table I.1-1): the stored, and why others are not."""

    stored: frozenset[str]
    failed: dict[str, int]

    @classmethod
    def of(cls, answer: httpx2.Response) -> _Said | None:
        """Read it; None when there is none that can be read.

        One that mentions nobody says that nothing was stored, whatever the status is.
        """
        try:
            told = answer.json()
            told = told[0] if isinstance(told, list) else told
            stored = frozenset(_uid(item) for item in _items(told, _REFERENCED))
            failed = {_uid(item): _reason(item) for item in _items(told, _FAILED)}
        except (ValueError, TypeError, AttributeError, LookupError):
            return None
        return cls(stored, failed) if {_REFERENCED, _FAILED} & set(told) else None


def _without_words(answer: httpx2.Response, parts: Sequence[_Part]) -> _Said:
    """What a bare status says: 200 that all are stored, 4xx that the one that was sent is not."""
    uids = [each.instance.sop_instance_uid for each in parts]
    if answer.status_code == _OK:
        return _Said(frozenset(uids), {})
    if answer.status_code in _ABOUT_CONTENT:
        is_its_kind = answer.status_code == _UNSUPPORTED
        reason = _SYNTAX_NOT_SUPPORTED if is_its_kind else _DOES_NOT_MATCH
        return _Said(frozenset(), dict.fromkeys(uids, reason))
    raise TransportError(
        f"HTTP status {answer.status_code}, and an answer that cannot be read", permanent=False
    )


def _items(told: Any, tag: str) -> list[Any]:
    return list(told.get(tag, {}).get("Value", ()))


def _uid(item: Any) -> str:
    return str(item[_SOP_INSTANCE]["Value"][0])


def _reason(item: Any) -> int:
    values = item.get(_REASON, {}).get("Value") or (0,)
    return int(values[0])


@contextmanager
def _as_transport_errors() -> Iterator[None]:
    try:
        yield
    except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError) as error:
        raise TransportError(
            f"cannot be reached: {type(error).__name__}", permanent=False, unreachable=True
        ) from error
    except httpx2.RequestError as error:
        raise TransportError(f"no answer: {type(error).__name__}", permanent=False) from error
    except BridgeError as error:  # a piece of an instance could not be had
        raise TransportError(error.message, permanent=False) from error


def _patience(seconds: float, size: int = 0) -> httpx2.Timeout:
    return httpx2.Timeout(seconds + size / _SLOWEST_DISK, connect=min(seconds, _CONNECT))


def _retry_after(text: str) -> float | None:
    return float(text) if text.isascii() and text.isdecimal() else None


def _address(server: StowServer) -> str:
    return f"{server.url.rstrip('/')}/studies"


def _tls(server: StowServer) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=server.authorities or None)


def _client(server: StowServer, tls: ssl.SSLContext) -> httpx2.Client:
    return httpx2.Client(
        auth=(server.username, server.password) if server.username else None,
        headers={
            "Accept": "application/dicom+json",
            **({"Authorization": f"Bearer {server.token}"} if server.token else {}),
        },
        verify=tls,
        # Patient data goes to the configured address and to no other.
        trust_env=False,
        follow_redirects=False,
    )

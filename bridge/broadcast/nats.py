"""The NATS destination: events become messages of a JetStream stream, each once.

The broker recognises what it is sent again by the event's id (`Nats-Msg-Id`) for as long as its
stream remembers (two minutes unless it says otherwise); readers know repetitions by the same id.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from nats.aio.client import Client
from nats.errors import Error, MaxPayloadError
from nats.js.errors import APIError, NoStreamResponseError, NotFoundError

from bridge.broadcast.events import KINDS, MEDIA_TYPE, SPEAKABLE, event_id, write_event
from bridge.domain.delivery import Delivery, EventKind, RetryPolicy, Sent, TransportError
from bridge.domain.publication import News

_CONNECT_SECONDS: Final = 5
_PAUSE_SECONDS: Any = 0.1  # the library types it as whole seconds
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
    """Where the broker is, and who we are to it. `subject` begins the subjects of all events."""

    url: str
    subject: str = "bridge"
    token: str = ""
    user: str = ""
    password: str = ""
    credentials: Path | None = None
    ca_file: Path | None = None


class NatsDestination:
    """Implements `services.deliver.Destination` for a broker; its confirmation is the stream's.

    The connection is made with the first event and kept.
    """

    def __init__(
        self,
        *,
        name: str,
        broker: Broker,
        source: str,
        timeout: float,
        retry: RetryPolicy,
        kinds: frozenset[EventKind] = KINDS,
    ) -> None:
        """`source` is the bridge's own name, a URI; `timeout` is in seconds."""
        self.name = name
        self.retry = retry
        self._source = source
        self._timeout = timeout
        self._kinds = kinds & SPEAKABLE
        self._subject = broker.subject
        self._link = _Link(broker, name)

    def accepts(self, kind: EventKind) -> bool:
        """Events of orders and studies, of the kinds that were configured."""
        return kind in self._kinds

    def check(self) -> str:
        """Ask the broker which stream takes the events.

        Raises:
            TransportError: it cannot be reached, or no stream takes them.
        """
        stream = self._wait(self._link.stream_of(f"{self._subject}.check"), b"")
        return f"NATS keeps the events in the stream {stream}"

    def close(self) -> None:
        """Close the connection."""
        self._link.close()

    def send(self, delivery: Delivery, news: News, /) -> Sent:
        """Publish one event, and wait until the stream has it.

        Raises:
            TransportError: it was not confirmed.
        """
        payload = write_event(delivery, news, self._source, self.name)
        subject = f"{self._subject}.{delivery.kind.value}"
        message = self._link.publish(subject, payload, event_id(delivery, self.name), self._timeout)
        said = self._wait(message, payload)
        return Sent(request=payload, response=said.encode(), content_hash="told")

    def _wait(self, work: Coroutine[Any, Any, str], payload: bytes) -> str:
        """Do it on the connection's own thread; its errors in this project's terms."""
        try:
            return self._link.run(work, self._timeout + _CONNECT_SECONDS)
        except MaxPayloadError as error:
            raise _failure(error, "takes no message of this size", payload, True) from error
        except NoStreamResponseError as error:
            text = f"no stream of the broker takes {self._subject}.>"
            raise _failure(error, text, payload) from error
        except APIError as error:
            raise _failure(error, f"the stream refused it: {error}", payload) from error
        except (Error, OSError, TimeoutError, ssl.SSLError) as error:
            gone = not self._link.is_up
            text = "cannot be reached" if gone else "did not confirm it"
            raise _failure(error, f"the broker {text}", payload, unreachable=gone) from error


def _failure(
    error: BaseException,
    text: str,
    payload: bytes,
    permanent: bool = False,
    *,
    unreachable: bool = False,
) -> TransportError:
    said = f"{text}: {error}" if unreachable and str(error) else text
    return TransportError(said, permanent=permanent, unreachable=unreachable, request=payload)


class _Link:
    """One connection, on an event loop in a thread of its own."""

    def __init__(self, broker: Broker, name: str) -> None:
        self._broker = broker
        self._name = name
        self._client: Client | None = None
        self._loop = asyncio.new_event_loop()
        self._connecting = asyncio.Lock()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name=f"nats {name}", daemon=True
        )
        self._thread.start()

    @property
    def is_up(self) -> bool:
        """Whether the broker is connected now."""
        return self._client is not None and self._client.is_connected

    def run(self, work: Coroutine[Any, Any, _T], seconds: float) -> _T:
        """Do something on the connection's thread, for at most so long."""
        return asyncio.run_coroutine_threadsafe(
            asyncio.wait_for(work, seconds), self._loop
        ).result()

    async def publish(self, subject: str, payload: bytes, name: str, seconds: float) -> str:
        """Give the stream's confirmation in words."""
        client = await self._connected()
        headers = {"Nats-Msg-Id": name, "Content-Type": MEDIA_TYPE}
        taken = await client.jetstream().publish(subject, payload, timeout=seconds, headers=headers)
        again = ", which had it already" if taken.duplicate else ""
        return f"{taken.stream} {taken.seq}{again}"

    async def stream_of(self, subject: str) -> str:
        """The stream that takes a subject. Raises NoStreamResponseError when there is none."""
        client = await self._connected()
        try:
            return await client.jetstream().find_stream_name_by_subject(subject)
        except NotFoundError as error:
            raise NoStreamResponseError from error

    def close(self) -> None:
        """Close it and end the thread."""
        if self._client is not None and not self._client.is_closed:
            self.run(self._client.close(), _CONNECT_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _connected(self) -> Client:
        async with self._connecting:
            if self._client is None or not self._client.is_connected:
                if self._client is not None:
                    await self._client.close()
                self._client = Client()
                await self._connect(self._client)
            return self._client

    async def _connect(self, client: Client) -> None:
        """Connect anew: deliveries are tried again by who keeps them, not by the client."""
        broker = self._broker
        options: dict[str, Any] = {}
        if broker.url.startswith("tls://") or broker.ca_file:
            options["tls"] = ssl.create_default_context(cafile=broker.ca_file)
        if broker.credentials:
            options["user_credentials"] = str(broker.credentials)
        try:
            await client.connect(
                broker.url,
                name=f"bridge {self._name}",
                connect_timeout=_CONNECT_SECONDS,
                allow_reconnect=False,
                max_reconnect_attempts=1,  # the least that ends its search for a server
                reconnect_time_wait=_PAUSE_SECONDS,
                error_cb=_told_elsewhere,
                token=broker.token or None,
                user=broker.user or None,
                password=broker.password or None,
                **options,
            )
        except BaseException:
            await client.close()  # else its half-open connection stays
            raise


async def _told_elsewhere(_error: Exception) -> None:
    """Each error also meets the event that was being sent, and is kept with it."""

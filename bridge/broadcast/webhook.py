"""The webhook destination: posts events, and tells from the answer whether to post them again."""

from __future__ import annotations

from bridge.broadcast.events import KINDS, SPEAKABLE, write_event
from bridge.broadcast.signed_post import SignedPost
from bridge.domain.delivery import Delivery, EventKind, RetryPolicy, Sent
from bridge.domain.publication import News


class WebhookDestination:
    """Implements `services.deliver.Destination` for a program that takes events by HTTP POST."""

    def __init__(
        self,
        *,
        name: str,
        url: str,
        secret: str,
        source: str,
        timeout: float,
        retry: RetryPolicy,
        kinds: frozenset[EventKind] = KINDS,
    ) -> None:
        """`source` is the bridge's own name, a URI; `timeout` is in seconds."""
        self.name = name
        self.retry = retry
        self._source = source
        self._kinds = kinds & SPEAKABLE
        self._receiver = SignedPost(url, secret, timeout)

    def accepts(self, kind: EventKind) -> bool:
        """Events of orders and studies, of the kinds that were configured."""
        return kind in self._kinds

    def check(self) -> str:
        """Ask whether anybody is there. Raises TransportError when nobody is."""
        return self._receiver.check()

    def close(self) -> None:
        """Close the connections."""
        self._receiver.close()

    def send(self, delivery: Delivery, news: News, /) -> Sent:
        """Post one event.

        Raises:
            TransportError: it was not confirmed.
        """
        return self._receiver.post(write_event(delivery, news, self._source, self.name))

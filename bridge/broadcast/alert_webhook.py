"""Alerts as signed events by HTTP POST, to a pager, a chat, or whatever wakes people."""

from __future__ import annotations

from bridge.broadcast.events import write_alert
from bridge.broadcast.signed_post import SignedPost
from bridge.domain.alert import Alert, Moment

_TIMEOUT = 20.0


class AlertWebhook:
    """Implements `services.raise_alerts.Channel`. Events keep their id when posted again."""

    def __init__(self, name: str, url: str, secret: str, source: str) -> None:
        """`source` is the bridge's own name, a URI."""
        self.name = f"webhook {name}"
        self._source = source
        self._receiver = SignedPost(url, secret, _TIMEOUT)

    def tell(self, alert: Alert, moment: Moment) -> None:
        """Post it. Raises TransportError when that was not confirmed."""
        self._receiver.post(write_alert(alert, moment, self._source))

    def close(self) -> None:
        """Close the connections."""
        self._receiver.close()

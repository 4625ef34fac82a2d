"""A program that takes events as JSON by HTTP POST, each with the signature of its bytes."""

from __future__ import annotations

import ssl
from typing import Final

import httpx2

from bridge.broadcast.events import MEDIA_TYPE, SIGNATURE, sign
from bridge.domain.delivery import Sent, TransportError
from bridge.services.fence import check_held

_CONNECT: Final = 5.0
_LONGEST_ANSWER: Final = 2000
_TOO_MANY: Final = 429
# What a receiver says that may be otherwise next time; every other 4xx is about what was posted.
_PASSING: Final = frozenset({401, 403, 404, 408, 409, 423, 425, _TOO_MANY})
# Nobody's event gets through: no attempt is burned, and one at a time asks whether it is back.
_DOWN: Final = frozenset({401, _TOO_MANY, 502, 503, 504})


class SignedPost:
    """Any 2xx confirms. Redirects are not followed: what is signed goes where it was meant to."""

    def __init__(self, url: str, secret: str, timeout: float) -> None:
        """Nothing is signed without a `secret`; `timeout` is in seconds."""
        self._url = url
        self._secret = secret
        self._http = httpx2.Client(
            timeout=httpx2.Timeout(timeout, connect=min(timeout, _CONNECT)),
            follow_redirects=False,
        )

    def check(self) -> str:
        """Ask whether anybody is there (HEAD); what it answers does not matter.

        Raises:
            TransportError: nobody is.
        """
        try:
            answer = self._http.head(self._url)
        except (httpx2.HTTPError, ssl.SSLError, OSError) as error:
            raise TransportError(_reason(error), permanent=False, unreachable=True) from error
        return f"an HTTP server answers ({answer.status_code})"

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def post(self, payload: bytes) -> Sent:
        """Post one event.

        Raises:
            TransportError: it was not confirmed.
        """
        headers = {"Content-Type": MEDIA_TYPE}
        if self._secret:
            headers[SIGNATURE] = sign(payload, self._secret)
        check_held()
        try:
            answer = self._http.post(self._url, content=payload, headers=headers)
        except (httpx2.HTTPError, ssl.SSLError, OSError) as error:
            raise TransportError(
                _reason(error),
                permanent=False,
                unreachable=isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout),
                request=payload,
            ) from error
        said = answer.content[:_LONGEST_ANSWER]
        status = answer.status_code
        if not answer.is_success:
            raise TransportError(
                f"the receiver answered {status}",
                permanent=answer.is_client_error and status not in _PASSING,
                unreachable=status in _DOWN,
                doubtful=answer.is_server_error,
                answered=str(status),
                request=payload,
                response=said,
                retry_after=_retry_after(answer.headers.get("Retry-After", "")),
            )
        return Sent(
            request=payload,
            response=said or str(status).encode(),
            content_hash="told",
            answered=str(status),
        )


def _retry_after(text: str) -> float | None:
    return float(text) if text.isascii() and text.isdecimal() else None


def _reason(error: Exception) -> str:
    return f"the receiver cannot be reached: {error}" if str(error) else type(error).__name__

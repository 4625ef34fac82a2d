"""An application entity as a destination: what is alike whatever it is told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from bridge.dicom.scu import PeerUnavailable, Remote, echo
from bridge.domain.delivery import RetryPolicy, TransportError
from bridge.domain.errors import BridgeError


class DicomDestination:
    """Who is told, when it is tried again, and whether anybody is there."""

    def __init__(self, *, name: str, remote: Remote, retry: RetryPolicy) -> None:
        self.name = name
        self.retry = retry
        self._remote = remote

    def check(self) -> str:
        """Verify that the peer answers (C-ECHO). Raises TransportError."""
        with as_transport_errors():
            echo(self._remote)
        return f"C-ECHO succeeded at {self._remote.host}:{self._remote.port}"

    def close(self) -> None:
        """Nothing is held open."""


@contextmanager
def as_transport_errors(request: bytes = b"") -> Iterator[None]:
    """Give what goes wrong with an association as TransportError, to be tried again.

    A peer that is away burns no attempt. `request` is what was to be said, for the journal.
    """
    try:
        yield
    except TransportError:
        raise
    except PeerUnavailable as error:
        raise TransportError(
            error.message, permanent=False, unreachable=True, request=request
        ) from error
    except BridgeError as error:
        raise TransportError(error.message, permanent=False, request=request) from error
    except (ValueError, RuntimeError) as error:  # no context was accepted, or it was lost
        reason = str(error).splitlines()[0]
        raise TransportError(reason, permanent=False, request=request) from error

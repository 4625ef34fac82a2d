"""Image objects in a bucket (S3, GCS, Azure), by obstore; keys as in a local directory.

A store of objects acknowledges a PUT when the object is durable, whole or not at all: what the
local directory does by syncing, the service does by contract.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Mapping
from datetime import timedelta
from tempfile import TemporaryFile
from typing import Any, TypeVar

from obstore import exceptions
from obstore.store import from_url

from bridge.domain.errors import BridgeError, ResourceBusy
from bridge.services.content import Content, as_content

T = TypeVar("T")

# A sender waits for its answer meanwhile, and asks again when it hears "out of resources".
_TIMEOUT = timedelta(seconds=30)
_RETRIES = 3
_NOT_THERE = ".check"
_LONGEST_RETRY = timedelta(seconds=20)
# Beyond this an object goes up in parts (S3 takes parts of 5 MiB and more, 10,000 at most), a few
# at a time: what is in memory is these few.
_LARGE = 16 << 20
_PART, _MOST_PARTS = 8 << 20, 10_000
_PARTS_AT_ONCE = 2
_TIMEOUT_OF_PART = timedelta(seconds=120)  # services that take parts in order let one wait
_IGNORES_RANGES = "non-partial response"


class BucketRefuses(BridgeError):
    """The bucket cannot be used as configured: no such bucket, no right, no credentials."""

    permanent = False
    code = "207"


class NotInPieces(Exception):
    """The service gives whole objects only."""


class BucketObjects:
    """Objects of one bucket, below one prefix; safe for any number of threads and nodes."""

    def __init__(self, url: str, options: Mapping[str, Any]) -> None:
        """Take `s3://BUCKET/PREFIX` (gs, az alike) and obstore's options for that service.

        What `options` leave out comes from the service's own environment variables
        (AWS_ACCESS_KEY_ID …), as its tools read them.

        Raises BucketRefuses when the options contradict each other or name what there is not.
        """
        self._url = url
        self._store = self._opened(options, _TIMEOUT)
        self._store_of_parts = self._opened(options, _TIMEOUT_OF_PART)

    def _opened(self, options: Mapping[str, Any], timeout: timedelta) -> Any:
        open_store: Any = from_url  # its types know the options of each service, ours is any
        return self._answered(
            lambda: open_store(
                self._url,
                config=dict(options),
                client_options={"timeout": timeout, "allow_http": True},
                retry_config={"max_retries": _RETRIES, "retry_timeout": _LONGEST_RETRY},
            )
        )

    def put(self, key: str, content: bytes | Content) -> None:
        """Store `content` under `key`; it is durable when this returns.

        Raises ResourceBusy when the service cannot be reached, BucketRefuses when it says no.
        """
        content = as_content(content)
        try:
            self._answered(lambda: self._put(_checked(key), content))
        except FileNotFoundError as error:  # it forgot the parts that it took already
            raise ResourceBusy(f"{self._url} lost an upload: {_first_line(error)}") from error

    def _put(self, key: str, content: Content) -> None:
        if content.size <= _LARGE:
            self._store.put(key, content.whole())
            return
        part = max(_PART, -(-content.size // _MOST_PARTS))
        self._store_of_parts.put(
            key,
            iter(content),
            use_multipart=True,
            chunk_size=part,
            max_concurrency=_PARTS_AT_ONCE,
        )

    def get(self, key: str) -> bytes:
        """The content stored under `key`.

        Raises FileNotFoundError; ResourceBusy and BucketRefuses as `put` does.
        """
        return self._answered(lambda: bytes(self._store.get(_checked(key)).bytes()))

    def open(self, key: str) -> ObjectSource:
        """The object stored under `key`, to be read piece by piece; raises as `get` does."""
        head = self._answered(lambda: self._store.head(_checked(key)))
        return ObjectSource(self, key, int(head["size"]))

    def piece(self, key: str, start: int, length: int) -> bytes:
        """A piece of an object; raises as `get` does, NotInPieces where the service gives none."""

        def ask() -> bytes:
            try:
                return bytes(self._store.get_range(_checked(key), start=start, length=length))
            except exceptions.GenericError as error:
                if _IGNORES_RANGES in str(error):
                    raise NotInPieces from error
                raise

        return self._answered(ask)

    def fetch(self, key: str) -> int:
        """A file descriptor of a nameless local copy of an object; raises as `get` does."""
        with TemporaryFile() as copy:
            for piece in self._answered(lambda: self._store.get(_checked(key))):
                copy.write(piece)
            copy.flush()
            return os.dup(copy.fileno())

    def has(self, key: str) -> bool:
        """Whether an object is there. Raises as `put` does."""
        try:
            self._answered(lambda: self._store.head(_checked(key)))
        except FileNotFoundError:
            return False
        return True

    def delete(self, key: str) -> None:
        """Remove an object; nothing happens when there is none."""
        try:
            self._answered(lambda: self._store.delete(_checked(key)))
        except FileNotFoundError:
            return

    def check(self) -> None:
        """Ask the service whether the bucket is there and may be read; raises as `put` does."""
        try:
            self.get(_NOT_THERE)
        except FileNotFoundError:
            return

    def _answered(self, ask: Callable[[], T]) -> T:
        try:
            return ask()
        except FileNotFoundError as error:
            if "NoSuchBucket" in str(error):
                raise BucketRefuses(f"{self._url}: there is no such bucket") from error
            raise
        except _REFUSALS as error:
            raise BucketRefuses(f"{self._url} cannot be used: {_first_line(error)}") from error
        except (exceptions.BaseError, OSError) as error:
            raise ResourceBusy(f"{self._url} does not answer: {_first_line(error)}") from error


class ObjectSource:
    """An object of `size` bytes; each piece is a request of its own.

    Services that ignore ranges (`rclone serve s3`) are asked for the whole of it once; it is kept
    in a file without a name as long as the source is.
    """

    def __init__(self, bucket: BucketObjects, key: str, size: int) -> None:
        self.size = size
        self._bucket = bucket
        self._key = key
        self._copy: int | None = None

    def read(self, start: int, length: int) -> bytes:
        """Give `length` bytes from `start`, fewer only at the end; raises as `get` does."""
        length = min(length, self.size - start)
        if length <= 0:
            return b""
        if self._copy is None:
            try:
                return self._bucket.piece(self._key, start, length)
            except NotInPieces:
                self._copy = self._bucket.fetch(self._key)
                weakref.finalize(self, os.close, self._copy)
        return os.pread(self._copy, length, start)


_REFUSALS = (
    exceptions.PermissionDeniedError,
    exceptions.UnauthenticatedError,
    exceptions.UnknownConfigurationKeyError,
    exceptions.InvalidPathError,
    exceptions.NotSupportedError,
)


def _checked(key: str) -> str:
    if any(part in ("", ".", "..") for part in key.split("/")):
        raise ValueError("an object key must stay below the store's prefix")
    return key


def _first_line(error: Exception) -> str:
    """What went wrong, without obstore's dump of its internals (which may name credentials)."""
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__

"""Where images are kept: a local folder, or a bucket."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from bridge.domain.errors import BridgeError
from bridge.services.content import Content, Source
from bridge.settings import Settings
from bridge.store.bucket import BucketObjects
from bridge.store.objects import LocalObjects, incoming


class ImageObjects(Protocol):
    """What both kinds can do."""

    def put(self, key: str, content: Content) -> None:
        """Keep an object (services.receive_instance)."""

    def has(self, key: str) -> bool:
        """Tell whether an object is there (services.commit_storage)."""

    def open(self, key: str) -> Source:
        """Give an object piece by piece (services.read_images)."""


def is_bucket(settings: Settings) -> bool:
    """Whether images go to a bucket rather than into a folder."""
    return "://" in settings.images


def open_images(settings: Settings) -> ImageObjects:
    """The image store of the settings; a bucket is not asked yet.

    Raises BucketRefuses when the options of a bucket make no sense together.
    """
    return open_bucket(settings) if is_bucket(settings) else LocalObjects(Path(settings.images))


def spool_folder(settings: Settings) -> Path:
    """Where long data sets are held as they arrive: on the disk that they go to, if it is here."""
    folder = settings.var / "spool" if is_bucket(settings) else incoming(Path(settings.images))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def open_bucket(settings: Settings) -> BucketObjects:
    """The bucket of the settings. Raises BucketRefuses."""
    said = settings.bucket
    options = {
        "endpoint": said.endpoint,
        "region": said.region,
        "access_key_id": said.access_key_id,
        "secret_access_key": said.secret_access_key.reveal() if said.secret_access_key else "",
    }
    return BucketObjects(settings.images, {key: text for key, text in options.items() if text})


def bucket_check(settings: Settings) -> dict[str, Callable[[], str]]:
    """For readiness: whether the bucket answers; nothing to ask of a local folder."""
    if not is_bucket(settings):
        return {}
    bucket = open_bucket(settings)
    return {"images": lambda: problem_of(bucket)}


def problem_of(bucket: BucketObjects) -> str:
    """Why the bucket cannot be used just now; empty when it can."""
    try:
        bucket.check()
    except BridgeError as error:
        return error.message
    return ""

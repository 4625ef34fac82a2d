"""The room that what arrives is taken into."""

from __future__ import annotations

from pathlib import Path

from bridge.settings import Settings
from bridge.store.disk_space import DiskSpace
from bridge.wiring.images import is_bucket


def disk_space(settings: Settings) -> DiskSpace:
    """The disks of this machine that something is kept on; a database elsewhere looks itself."""
    places = {"var": settings.var}
    if (file := settings.database.file) is not None:
        places["database"] = Path(file).parent
    if not is_bucket(settings):
        places["images"] = Path(settings.images)
    return DiskSpace(places, settings.disk.reserve_mb << 20)

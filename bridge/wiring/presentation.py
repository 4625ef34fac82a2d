"""Images as their orders say they are, for whoever retrieves them."""

from __future__ import annotations

import logging
import time
from datetime import datetime
from zoneinfo import ZoneInfo

from bridge.dicom.coercion import ImageCoercion
from bridge.services.present_study import Presentations
from bridge.services.read_images import FoundInstance, Present
from bridge.settings import Settings
from bridge.store.repositories import SqlStore

log = logging.getLogger(__name__)


def build_presentation(settings: Settings, store: SqlStore) -> Present | None:
    """How stored files are presented; None where the site wants them as they were received."""
    if settings.dicom.coercion == "off":
        return None
    presentations = Presentations(store, time.time)
    zone: ZoneInfo = settings.site.timezone
    coercion = ImageCoercion(f"BRIDGE {settings.site.name}")

    def present(instance: FoundInstance, content: bytes) -> bytes:
        known = presentations.of(instance.study_instance_uid)
        if known is None:
            return content
        try:
            decided_at = datetime.fromtimestamp(known.decided_at, zone)
            return coercion.apply(content, known.coercion, decided_at)
        except Exception:  # what cannot be rewritten is better seen as it is than not at all
            log.exception("image.not_coerced", extra={"sop_class": instance.sop_class_uid})
            return content

    return present

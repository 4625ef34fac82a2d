"""Images as their orders say they are, for whoever retrieves them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

from bridge.dicom.coercion import ImageCoercion
from bridge.services.content import Content
from bridge.services.present_study import Presentation, Presentations
from bridge.services.read_images import FoundInstance, Present
from bridge.settings import Settings
from bridge.store.repositories import SqlStore

log = logging.getLogger(__name__)


def coerced_sources(settings: Settings) -> Callable[[str], bool]:
    """Whether images of an AE title are shown as their order has them."""
    said = {
        title: peer.coercion == "on"
        for peer in settings.dicom.peers
        if peer.coercion is not None
        for title in (peer.ae_title, *peer.aliases)
    }
    usual = settings.dicom.coercion == "on"
    return lambda ae_title: said.get(ae_title, usual)


def build_presentation(settings: Settings, store: SqlStore) -> Present | None:
    """How stored files are presented; None where the site wants them as they were received."""
    if settings.dicom.coercion == "off" and not any(p.coercion for p in settings.dicom.peers):
        return None
    return _Shown(settings, Presentations(store, time.time))


class _Shown:
    """Files as their orders have them, where the device they came from may be shown so."""

    def __init__(self, settings: Settings, presentations: Presentations) -> None:
        self._is_coerced = coerced_sources(settings)
        self._presentations = presentations
        self._zone: ZoneInfo = settings.site.timezone
        self._coercion = ImageCoercion(f"BRIDGE {settings.site.name}")

    def __call__(self, instance: FoundInstance, content: Content) -> Content:
        known = self._known(instance)
        if known is None:
            return content
        try:
            decided_at = datetime.fromtimestamp(known.decided_at, self._zone)
            return self._coercion.apply(content, known.coercion, decided_at)
        except Exception:  # what cannot be rewritten is better seen as it is than not at all
            log.exception("image.not_coerced", extra={"sop_class": instance.sop_class_uid})
            return content

    def version(self, instance: FoundInstance) -> str:
        known = self._known(instance)
        return f"{known.decided_at} {known.coercion}" if known else ""

    def _known(self, instance: FoundInstance) -> Presentation | None:
        if not self._is_coerced(instance.peer.partition("@")[0]):
            return None
        return self._presentations.of(instance.study_instance_uid)

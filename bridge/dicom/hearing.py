"""Associations as traffic: who called, and whether it ended as it should (PS3.8 section 7)."""

from __future__ import annotations

from pynetdicom import evt
from pynetdicom.events import Event

from bridge.domain.link import Link, LinkKind
from bridge.services.watch_links import LinkTally


def hearing(tally: LinkTally) -> list[evt.EventHandlerType]:
    """Handlers that tell what became of each association, by the calling AE title."""

    def released(event: Event) -> None:
        tally.succeeded(_link(event))

    def aborted(event: Event) -> None:
        tally.failed(_link(event), "its last association was aborted")

    def rejected(event: Event) -> None:
        tally.failed(_link(event), "its last association was rejected")

    return [
        (evt.EVT_RELEASED, released),
        (evt.EVT_ABORTED, aborted),
        (evt.EVT_REJECTED, rejected),
    ]


def _link(event: Event) -> Link:
    return Link(LinkKind.DICOM, event.assoc.requestor.ae_title.strip())

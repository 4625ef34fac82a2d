"""Archives and workstations that images are forwarded to."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Collection, Iterator, Mapping

from bridge.delivery.dispatcher import Dispatcher
from bridge.delivery.worker import Pace
from bridge.dicom.forwarding import Commitment, StoreDestination
from bridge.dicomweb.forwarding import StowDestination, StowServer
from bridge.domain.subscription import Subscription
from bridge.services.forward_images import ForwardOutbox, ForwardRule
from bridge.settings import (
    DicomStoreDestination,
    ImageDestination,
    Origin,
    Problem,
    Settings,
    Source,
)
from bridge.settings import StowDestination as StowSettings
from bridge.wiring.core import Core
from bridge.wiring.destinations import limits_of, remote, retry_policy

_PACE = Pace(lanes=2)


def forward_kinds(settings: Settings) -> Mapping[str, Subscription]:
    """What each such destination is told of."""
    return {each.name: Subscription(kinds=_rule(each).kinds) for each in _forwards(settings)}


def forward_rules(settings: Settings) -> Mapping[str, ForwardRule]:
    """What goes to each such destination."""
    return {each.name: _rule(each) for each in _forwards(settings)}


def forward_outbox(core: Core) -> ForwardOutbox:
    """What is to be forwarded, by the rules of all destinations."""
    return ForwardOutbox(core.store, core.images, forward_rules(core.settings), time.time)


def awaited(core: Core) -> Callable[[Collection[str]], bool]:
    """Whether some instances are still to reach an archive that is committed after."""
    names = [each.name for each in _forwards(core.settings) if each.commit_after]
    outbox = forward_outbox(core)
    return lambda uids: any(outbox.awaits(name, uids) for name in names)


def build_forwarding(core: Core, owner: str) -> Dispatcher:
    """Forward images to each destination of this kind that is enabled."""
    forwards, outbox = _forwards(core.settings), forward_outbox(core)
    return Dispatcher(
        outbox,
        [build_forward(core, each, outbox) for each in forwards if each.enabled],
        time.time,
        owner,
        pace=_PACE,
        limits=limits_of(core.settings),
        tally=core.tally,
    )


def build_forward(
    core: Core, settings: ImageDestination, outbox: ForwardOutbox
) -> StoreDestination | StowDestination:
    """One such destination."""
    if isinstance(settings, StowSettings):
        return StowDestination(
            name=settings.name,
            server=stow_server(settings),
            retry=retry_policy(settings),
            kinds=_rule(settings).kinds,
            read=core.images.open,
            note=outbox.note,
            pixels=core.pixels,
        )
    if not isinstance(settings, DicomStoreDestination):
        raise TypeError(f"images cannot be forwarded to kind {settings.kind}")
    return StoreDestination(
        name=settings.name,
        remote=remote(core.settings, settings),
        retry=retry_policy(settings),
        kinds=_rule(settings).kinds,
        read=core.images.open,
        note=outbox.note,
        pixels=core.pixels,
        commitment=Commitment(core.commitment_requests, settings.commitment_seconds)
        if settings.commitment or settings.commit_after
        else None,
    )


def stow_server(settings: StowSettings) -> StowServer:
    """The DICOMweb service that a destination is."""
    return StowServer(
        url=settings.url,
        token=settings.token.reveal() if settings.token else "",
        username=settings.username,
        password=settings.password.reveal() if settings.password else "",
        authorities=str(settings.authorities or ""),
        timeout=settings.timeout_seconds,
    )


def stow_problems(settings: Settings) -> Iterator[Problem]:
    """Why archives on the web cannot be sent to with what is configured of them."""
    for index, each in enumerate(settings.destinations):
        if not isinstance(each, StowSettings) or each.authorities is None:
            continue
        try:
            ssl.create_default_context(cafile=str(each.authorities))
        except OSError as error:
            key = f"destinations[{index}].authorities"
            what = f"TLS cannot be used with {each.authorities}: {error.strerror or error}"
            origin = settings.provenance.get(key, Origin(Source.DEFAULT))
            yield Problem(origin, key, what, "name a PEM file that can be read")


def _forwards(settings: Settings) -> list[ImageDestination]:
    return [each for each in settings.destinations if isinstance(each, ImageDestination)]


def _rule(settings: ImageDestination) -> ForwardRule:
    return ForwardRule(
        modalities=frozenset(settings.modalities),
        sources=frozenset(settings.sources),
        stations=frozenset(settings.stations),
        body_parts=frozenset(each.upper() for each in settings.body_parts),
        sop_classes=frozenset(settings.sop_classes),
        unmatched=settings.unmatched == "forward",
        corrections=settings.corrections == "send",
    )

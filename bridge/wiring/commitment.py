"""Storage commitment: who may ask for it, and the dispatcher that tells the results."""

from __future__ import annotations

import time

from bridge.delivery.dispatcher import Dispatcher
from bridge.delivery.worker import Pace
from bridge.dicom.commitment import CommitmentReports
from bridge.dicom.scu import Remote
from bridge.services.commit_storage import CommitmentOutbox, destination_of
from bridge.wiring.core import Core
from bridge.wiring.forwarding import awaited

# One report at a time to a device, and a look every few seconds for what another node took.
_PACE = Pace(lanes=1, poll=5.0)


def build_commitment_dispatcher(core: Core, owner: str) -> Dispatcher:
    """Tell each application entity that has an address of what it asked for."""
    settings = core.settings.dicom
    return Dispatcher(
        CommitmentOutbox(core.store, core.objects, time.time, awaited(core)),
        [
            CommitmentReports(
                name=destination_of(peer.ae_title),
                remote=Remote(
                    ae_title=peer.ae_title,
                    host=peer.host,
                    port=peer.port,
                    calling_ae_title=settings.ae_title,
                ),
            )
            for peer in settings.peers
            if peer.host and peer.port
        ],
        time.time,
        owner,
        pace=_PACE,
    )

"""The edges: what listens, built from settings over the shared use cases."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import asdict, replace
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Any

from bridge.dicom.availability import AvailabilityProvider
from bridge.dicom.configuration import DicomConfiguration, Peer
from bridge.dicom.server import DicomServer
from bridge.dicom.worklist_keys import tag_of
from bridge.domain.identifiers import Authority
from bridge.domain.worklist_policy import EVERYTHING_SHOWN, Quirks, WorklistPolicy
from bridge.hl7.answering import AnswerPolicy
from bridge.hl7.intake import Intake, Messages
from bridge.hl7.links import Limits
from bridge.hl7.mllp import MllpListener
from bridge.hl7.reading import CurrentSender
from bridge.mapping.errors import ProfileError
from bridge.mapping.modality_quirks import QuirkProfile, chosen, load_quirk_profiles
from bridge.mapping.source import Site
from bridge.settings import Hl7Listener, Settings
from bridge.settings.dicom import Dicom
from bridge.settings.dicom import Peer as PeerSettings
from bridge.settings.worklist import WorklistSettings
from bridge.wiring.core import Core
from bridge.wiring.hl7_answers import answer_policy, tls_context
from bridge.wiring.images import spool_folder
from bridge.wiring.performed_step_policy import performed_step_policy, policy_of_peer
from bridge.wiring.sources import known_archives


def dicom_configuration(
    settings: Dicom, *, zone: tzinfo = UTC, mappings: Path | None = None
) -> DicomConfiguration:
    """What the application entity is told of the settings; `mappings` is the site's own folder.

    Raises ProfileError when a quirk profile cannot be used.
    """
    profiles = load_quirk_profiles(mappings)
    performed_steps = performed_step_policy(settings.mpps)
    return DicomConfiguration(
        ae_title=settings.ae_title,
        host=settings.host,
        port=settings.port,
        called_ae_titles=settings.called_ae_titles,
        accepts_unknown_peers=settings.unknown_peers == "accept",
        stores_any=settings.accept == "any",
        peers=tuple(dicom_peer(peer, settings, profiles) for peer in settings.peers),
        max_associations=settings.max_associations,
        worklist_limit=settings.worklist_limit,
        maximum_pdu=settings.max_pdu,
        worklist=_policy(settings.worklist),
        performed_steps=performed_steps,
        zone=zone,
    )


def dicom_peer(peer: PeerSettings, settings: Dicom, profiles: Mapping[str, QuirkProfile]) -> Peer:
    """What the application entity is told of one peer."""
    return Peer(
        ae_title=peer.ae_title,
        max_associations=peer.max_associations,
        host=peer.host or "",
        port=peer.port or 0,
        specific_character_set=peer.specific_character_set or "",
        aliases=peer.aliases,
        pools=peer.pools,
        modalities=peer.modalities,
        locations=peer.locations,
        worklist_labels=peer.worklist_labels,
        worklist=_policy(settings.worklist, peer.worklist),
        quirks=_quirks(peer, profiles),
        performed_steps=policy_of_peer(peer.mpps, performed_step_policy(settings.mpps)),
    )


def _policy(*said: WorklistSettings) -> WorklistPolicy:
    """What is said, the last that says something."""
    policy = EVERYTHING_SHOWN
    for each in said:
        policy = replace(policy, **_said(asdict(each)))
    return policy


def _said(values: dict[str, Any]) -> dict[str, Any]:
    return {name: each for name, each in values.items() if each is not None and each != ()}


def _quirks(peer: PeerSettings, profiles: Mapping[str, QuirkProfile]) -> Quirks:
    """Those of its profile, with what is said beside it."""
    said = _said(asdict(peer.quirks))
    said.pop("profile", None)
    key = f"dicom.peers.{peer.ae_title}.quirks"
    quirks = replace(chosen(peer.quirks.profile or "", profiles, key), **said)
    for keyword in quirks.keywords:
        try:
            tag_of(keyword)
        except LookupError:
            problem = f"{keyword!r} is not a keyword of DICOM"
            raise ProfileError(key, 1, problem, "write it as PS3.6 does") from None
    return quirks


def build_dicom(core: Core) -> DicomServer:
    """The application entity: verification, worklist, performed steps, storage."""
    settings = core.settings
    configuration = dicom_configuration(
        settings.dicom, zone=settings.site.timezone, mappings=settings.mappings
    )
    return DicomServer(
        replace(
            configuration,
            shares_port=settings.processes > 1,
            spool=spool_folder(settings),
            room=core.room,
        ),
        worklist=core.worklist,
        instances=core.instances,
        performed_steps=core.performed_steps,
        images=core.images,
        commitment=core.commitment,
        commitment_requests=core.commitment_requests,
        availability=AvailabilityProvider(core.messages, known_archives(core.settings), time.time),
        tally=core.tally,
    )


def build_hl7(core: Core, listener: Hl7Listener, executor: Executor) -> MllpListener:
    """One MLLP listener with the mapping profile of its sender."""
    intake = hl7_intake(core, listener, core.messages, answer_policy(listener))
    return MllpListener(
        intake.handle,
        executor,
        name=listener.name,
        reject=intake.refuse,
        tls=tls_context(listener),
        limits=Limits(
            frame_size=listener.max_frame_bytes,
            connections=listener.max_connections,
            idle_timeout=listener.idle_seconds,
            frame_timeout=listener.frame_seconds,
        ),
    )


def hl7_intake(
    core: Core, listener: Hl7Listener, messages: Messages, policy: AnswerPolicy
) -> Intake:
    """How the messages of a listener are read and applied, by the profile in force."""
    return Intake(
        sender=CurrentSender(
            lambda: core.profiles.get(listener.profile),
            site_of(core.settings, listener),
            mode=listener.mode,
            default_mode=core.settings.site.mode,
        ),
        messages=messages,
        encoding_override=listener.character_set,
        encoding_default=listener.default_character_set,
        clock=time.time,
        policy=policy,
    )


def site_of(settings: Settings, listener: Hl7Listener) -> Site:
    """What the site knows of the sender of a listener."""
    return Site(
        zone=settings.site.timezone,
        authority=Authority(listener.assigning_authority),
        local_scheme=f"99{settings.site.name}"[:16],
    )

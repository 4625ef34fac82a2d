"""Receivers of HL7 v2, from their settings: connection, profile, and who drives them."""

from __future__ import annotations

import secrets
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from bridge.delivery.dispatcher import Dispatcher
from bridge.delivery.worker import Limits, Pace
from bridge.domain.delivery import EventKind, RetryPolicy
from bridge.domain.subscription import Subscription
from bridge.hl7.answer_writer import Heading
from bridge.hl7.destination import CurrentWriter, Hl7Destination
from bridge.hl7.message_writer import MessageWriter, Wire
from bridge.hl7.order_values import Perspective
from bridge.hl7.passing_on import PassingOn
from bridge.hl7.persistent_connection import Address, PersistentConnection
from bridge.hl7.receiver_answers import Policy
from bridge.hl7.sending import Conversation
from bridge.mapping.errors import ProfileError
from bridge.mapping.library import Profiles
from bridge.mapping.outbound import OutboundProfile, load_outbound_profile
from bridge.services.tell_of_procedures import ProcedureOutbox
from bridge.settings import Hl7Destination as Hl7Settings
from bridge.settings import Origin, Problem, Settings, Source
from bridge.wiring.core import Core
from bridge.wiring.viewer import link_to_viewer

N = TypeVar("N")


_ENHANCED: Mapping[str, tuple[str, str]] = {
    "original": ("", ""),
    "accept": ("AL", "NE"),
    "application": ("AL", "AL"),
}
_PACE = Pace(lanes=1)


def build_hl7(
    settings: Settings,
    destination: Hl7Settings,
    retry: RetryPolicy,
    kinds: frozenset[EventKind],
) -> Hl7Destination:
    """The adapter of one receiver.

    Raises:
        ProfileError: its profile cannot be used, or not in its version.
        OSError: its certificates cannot be.
    """
    wire = _wire(settings, destination)
    profiles = Profiles(load_outbound_profile, (destination.profile,), directory=settings.mappings)
    return Hl7Destination(
        name=destination.name,
        conversation=Conversation(
            connection=PersistentConnection(_address(destination)),
            heading=_heading(settings),
            policy=_policy(destination),
        ),
        writer=CurrentWriter(profiles, destination.profile, wire),
        view=Perspective(zone=settings.site.timezone, link=_link(settings)),
        retry=retry,
        kinds=kinds | ({EventKind.MESSAGE} if destination.pass_on.messages else frozenset()),
        passing_on=PassingOn(
            wire=wire if destination.pass_on.form == "rewritten" else None,
            encodings={each.name: each.character_set for each in settings.hl7.listeners},
        ),
    )


def build_hl7_dispatcher(
    core: Core,
    destinations: Iterable[object],
    told: Mapping[str, Subscription],
    owner: str,
    limits: Mapping[str, Limits],
) -> Dispatcher:
    """Tell receivers of HL7 v2, one message at a time: on one connection there is no other way."""
    return Dispatcher(
        ProcedureOutbox(core.store, told, core.messages, time.time),
        _receivers(destinations),
        time.time,
        owner,
        pace=_PACE,
        limits=limits,
        tally=core.tally,
    )


def told_otherwise(destinations: Iterable[N]) -> list[N]:
    """The destinations that are not told by procedure, in HL7 v2."""
    return [each for each in destinations if not isinstance(each, Hl7Destination)]


def outbound_profiles(destinations: Iterable[object]) -> list[Profiles[OutboundProfile]]:
    """The profiles of the receivers, to be looked after."""
    return [each.profiles for each in _receivers(destinations)]


def _receivers(destinations: Iterable[object]) -> list[Hl7Destination]:
    return [each for each in destinations if isinstance(each, Hl7Destination)]


def _address(destination: Hl7Settings) -> Address:
    return Address(
        host=destination.host,
        port=destination.port,
        timeout=destination.timeout_seconds,
        connect_timeout=min(destination.connect_seconds, destination.timeout_seconds),
        tls=client_tls(destination),
        server_name=destination.tls.server_name,
    )


def client_tls(destination: Hl7Settings) -> ssl.SSLContext | None:
    """What we show to a receiver and ask of it; None for a plain connection.

    Raises:
        OSError: a file is not there or not what it should be (ssl.SSLError is one).
    """
    files = destination.tls
    if not files.enabled:
        return None
    context = ssl.create_default_context(cafile=str(files.ca) if files.ca else None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if files.certificate is not None:
        context.load_cert_chain(files.certificate, files.key)
    return context


def _wire(settings: Settings, destination: Hl7Settings) -> Wire:
    accept, application = _ENHANCED[destination.acknowledgement]
    return Wire(
        sending_application=destination.sending_application,
        sending_facility=destination.sending_facility or settings.site.name,
        receiving_application=destination.receiving_application,
        receiving_facility=destination.receiving_facility,
        processing_id=destination.processing_id,
        version=destination.version,
        character_set=destination.character_set,
        accept=accept,
        application=application,
    )


def _policy(destination: Hl7Settings) -> Policy:
    answers = destination.answers
    return Policy(
        error_is_final=answers.error == "dead",
        reject_is_final=answers.reject == "dead",
        needs_control_id=answers.without_control_id != "accept",
    )


def _link(settings: Settings) -> str:
    """Where a person sees a study: the viewer, else the study's page of the console."""
    page = f"{settings.http.public_url.rstrip('/')}/studies/{{study_instance_uid}}"
    return link_to_viewer(settings) or page


def _heading(settings: Settings) -> Callable[[], Heading]:
    zone = settings.site.timezone
    return lambda: Heading(now=datetime.now(zone), control_id=secrets.token_hex(10).upper())


def hl7_problems(settings: Settings) -> Iterator[Problem]:
    """Why receivers cannot be told with what is configured of them."""
    for index, each in enumerate(settings.destinations):
        if not isinstance(each, Hl7Settings):
            continue
        key = f"destinations[{index}]"
        try:
            client_tls(each)
        except OSError as error:
            files: tuple[Path | None, ...] = (each.tls.ca, each.tls.certificate, each.tls.key)
            names = ", ".join(str(file) for file in files if file)
            what = f"TLS cannot be used with {names}: {error.strerror or error}"
            yield _problem(settings, f"{key}.tls.certificate", what, "name PEM files to be read")
        try:
            profile = load_outbound_profile(each.profile, settings.mappings)
        except ProfileError:
            continue  # which is told of with all other profiles
        try:
            MessageWriter(profile, _wire(settings, each))
        except ProfileError as error:
            yield _problem(settings, f"{key}.version", error.problem, error.fix)


def _problem(settings: Settings, path: str, what: str, fix: str) -> Problem:
    return Problem(settings.provenance.get(path, Origin(Source.DEFAULT)), path, what, fix)

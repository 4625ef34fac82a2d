"""How FHIR servers are reached: signing in, certificates, and the keys that sign."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from bridge.domain.errors import BridgeError
from bridge.fhir.authorization import Client
from bridge.fhir.client import Server, trusted
from bridge.fhir.signing_keys import SigningKey, SigningKeys
from bridge.mapping.ehr_profiles import load_ehr_profile
from bridge.mapping.errors import ProfileError
from bridge.settings import FhirDestination, FhirSource, Origin, Problem, Settings, Source
from bridge.settings.fhir_sign_in import SignIn
from bridge.settings.values import Secret


def key_folder(settings: Settings) -> Path:
    """Where the keys are kept that the bridge signs with."""
    return settings.fhir.keys or settings.var / "keys"


def reached(settings: Settings, peer: FhirDestination | FhirSource) -> Server:
    """A FHIR server as it is configured."""
    sign_in = peer.sign_in
    return Server(
        url=peer.url,
        timeout=peer.timeout_seconds,
        token=_revealed(peer.token),
        username=sign_in.username,
        password=_revealed(sign_in.password),
        authorities=str(sign_in.authorities or ""),
        certificate=str(sign_in.certificate or ""),
        certificate_key=str(sign_in.certificate_key or ""),
        client=_client(settings, sign_in) if sign_in.client_id else None,
    )


def fhir_problems(settings: Settings) -> Iterator[Problem]:
    """Profiles of EHRs that cannot be used, and certificates that cannot be read."""
    for index, destination in enumerate(settings.destinations):
        if isinstance(destination, FhirDestination):
            key = f"destinations[{index}]"
            yield from _profile_problem(settings, destination.profile, f"{key}.profile")
            yield from _certificate_problem(settings, destination, f"{key}.sign_in")
    for index, source in enumerate(settings.sources):
        if isinstance(source, FhirSource):
            yield from _certificate_problem(settings, source, f"sources[{index}].sign_in")


def _profile_problem(settings: Settings, name: str, key: str) -> Iterator[Problem]:
    try:
        load_ehr_profile(name, settings.mappings)
    except ProfileError as error:
        origin = settings.provenance.get(key, Origin(Source.FILE, error.file, error.line))
        yield Problem(origin, key, error.problem, error.fix or "correct this line of the profile")


def _certificate_problem(
    settings: Settings, peer: FhirDestination | FhirSource, key: str
) -> Iterator[Problem]:
    try:
        trusted(reached(settings, peer))
    except BridgeError as error:
        origin = settings.provenance.get(f"{key}.certificate", Origin(Source.DEFAULT))
        yield Problem(origin, key, error.message, "name PEM files that are there")


def _client(settings: Settings, sign_in: SignIn) -> Client:
    keys = SigningKeys(key_folder(settings))
    return Client(
        client_id=sign_in.client_id,
        scope=sign_in.scope,
        token_url=sign_in.token_url,
        secret=_revealed(sign_in.client_secret),
        sign=None if sign_in.client_secret else partial(_signing, keys, sign_in.algorithm),
    )


def _signing(keys: SigningKeys, algorithm: str) -> SigningKey:
    return keys.signing(algorithm, time.time())


def _revealed(secret: Secret | None) -> str:
    return secret.reveal() if secret else ""

"""The keys that the bridge signs with as a client (SMART Backend Services, RFC 7517 JSON Web Keys).

One file for each, readable by its owner alone. A key is shown to others as soon as it is there, and
signs only from a moment on, so that servers that remember the key set have read it by then. Retired
keys are shown no more.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from bridge.domain.errors import BridgeError
from bridge.fhir.identifiers import Json

ALGORITHMS: dict[str, Callable[[str], RSAKey | ECKey]] = {
    "RS384": lambda kid: RSAKey.generate_key(3072, {"kid": kid}),
    "ES384": lambda kid: ECKey.generate_key("P-384", {"kid": kid}),
}
"""Those that SMART App Launch 2.2 asks servers for."""

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key: its id and algorithm, when it was made, and from when on it signs (unix times)."""

    kid: str
    algorithm: str
    created_at: float
    signs_from: float
    key: RSAKey | ECKey

    def sign(self, claims: Json) -> str:
        """The claims as a signed JWT (RFC 7519)."""
        header = {"alg": self.algorithm, "kid": self.kid, "typ": "JWT"}
        return jwt.encode(header, claims, self.key, algorithms=[self.algorithm])

    @property
    def public(self) -> Json:
        """What others may see."""
        shown: Json = self.key.as_dict(private=False)
        return {**shown, "kid": self.kid, "alg": self.algorithm, "use": "sig"}


class SigningKeys:
    """The keys in a folder, read anew each time: other processes add and retire them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def all(self) -> list[SigningKey]:
        """Every key, the newest first.

        Raises:
            BridgeError: a file in the folder is no key.
        """
        found = list(self._read()) if self._folder.is_dir() else []
        return sorted(found, key=lambda each: (each.signs_from, each.created_at), reverse=True)

    def signing(self, algorithm: str, now: float) -> SigningKey:
        """The key that signs now: the newest that is due, else the first there is.

        Raises:
            BridgeError: there is none of this algorithm.
        """
        fitting = [each for each in self.all() if algorithm in ("", each.algorithm)]
        due = [each for each in fitting if each.signs_from <= now]
        if not fitting:
            kind = f" of {algorithm}" if algorithm else ""
            raise BridgeError(
                f"there is no key{kind} to sign with; run `bridge signing-key generate`"
            )
        return due[0] if due else fitting[-1]

    def generate(self, algorithm: str, now: float, wait: float) -> SigningKey:
        """Make a key that signs `wait` seconds from now, and keep it before anybody sees it."""
        kid = f"{algorithm.lower()}-{token_hex(8)}"
        key = ALGORITHMS[algorithm](kid)
        made = SigningKey(kid, algorithm, now, now + wait, key)
        content = {
            "created_at": made.created_at,
            "signs_from": made.signs_from,
            "algorithm": algorithm,
            "key": key.as_dict(private=True),
        }
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._write(self._path(kid), json.dumps(content).encode())
        return made

    def retire(self, kid: str) -> bool:
        """Remove a key; false when there is none of this id."""
        path = self._path(kid) if _NAME.fullmatch(kid) else None
        if path is None or not path.is_file():
            return False
        path.unlink()
        return True

    def _path(self, kid: str) -> Path:
        return self._folder / f"{kid}.json"

    def _write(self, path: Path, content: bytes) -> None:
        new = path.with_suffix(".new")
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)

    def _read(self) -> Iterator[SigningKey]:
        for path in self._folder.glob("*.json"):
            try:
                yield _key(path)
            except FileNotFoundError:  # retired just now
                continue
            except (ValueError, KeyError, TypeError, OSError, JoseError) as error:
                reason = f"{path}: no signing key ({type(error).__name__})"
                raise BridgeError(reason) from error


def _key(path: Path) -> SigningKey:
    content: dict[str, Any] = json.loads(path.read_bytes())
    algorithm = str(content["algorithm"])
    kind = RSAKey if algorithm.startswith("RS") else ECKey
    return SigningKey(
        kid=path.stem,
        algorithm=algorithm,
        created_at=float(content["created_at"]),
        signs_from=float(content["signs_from"]),
        key=kind.import_key(content["key"]),
    )


def key_set(keys: SigningKeys) -> Json:
    """The public keys as a JSON Web Key Set (RFC 7517 5). Raises BridgeError."""
    return {"keys": [each.public for each in keys.all()]}

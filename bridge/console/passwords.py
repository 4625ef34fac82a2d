"""Passwords, hashed with argon2id (RFC 9106) as its library recommends."""

from __future__ import annotations

import threading

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_AT_ONCE = 2


class Argon2:
    """Implements `services.access.PasswordHasher`."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher()
        # Each takes 64 MiB while it lasts: who sends many sign-ins at once must not take more.
        self._room = threading.BoundedSemaphore(_AT_ONCE)

    def hash(self, password: str) -> str:
        """What is kept of a password."""
        with self._room:
            return self._hasher.hash(password)

    def verify(self, password_hash: str, password: str) -> bool:
        """Whether this is the password."""
        try:
            with self._room:
                return self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False

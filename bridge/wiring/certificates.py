"""Certificates (X.509) that settings name or that servers show, for whoever has to renew them."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509

from bridge.services.check_connections import Certificate

_BEGIN = b"-----BEGIN CERTIFICATE-----"
_HTTPS = 443
_KEY = "key"  # private keys are nobody's business but the listener's


def certificates_of(section: object, prefix: str = "") -> Iterator[Certificate]:
    """Those in files that a part of the settings names; `use` is the path of the key."""
    if not is_dataclass(section):
        return
    for each in fields(section):
        value, path = getattr(section, each.name), f"{prefix}{each.name}"
        if isinstance(value, Path):
            if not each.name.endswith(_KEY):
                yield from _in_file(value, path)
        elif isinstance(value, tuple):
            for at, item in enumerate(value):
                yield from certificates_of(item, f"{path}[{at}].")
        else:
            yield from certificates_of(value, f"{path}.")


def shown_by(url: str, patience: float) -> tuple[Certificate, ...]:
    """The one that an HTTPS server shows, trusted or not; none of other addresses."""
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname:
        return ()
    address = (parts.hostname, parts.port or _HTTPS)
    try:
        text = ssl.get_server_certificate(address, timeout=patience)
        return (_told(x509.load_pem_x509_certificate(text.encode()), "server", ""),)
    except (OSError, ValueError):
        return ()


def _in_file(file: Path, use: str) -> Iterator[Certificate]:
    """Those of a PEM file; a file that holds something else, as a key, has none."""
    try:
        content = file.read_bytes()
        found = x509.load_pem_x509_certificates(content) if _BEGIN in content else []
    except OSError as error:
        yield Certificate(use=use, file=str(file), problem=error.strerror or str(error))
    except ValueError:
        yield Certificate(use=use, file=str(file), problem="it is no PEM certificate")
    else:
        yield from (_told(each, use, str(file)) for each in found)


def _told(certificate: x509.Certificate, use: str, file: str) -> Certificate:
    return Certificate(
        use=use,
        file=file,
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        not_before=certificate.not_valid_before_utc.timestamp(),
        not_after=certificate.not_valid_after_utc.timestamp(),
    )

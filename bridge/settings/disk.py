"""What is kept free."""

from __future__ import annotations

from dataclasses import dataclass, field

from bridge.settings.schema import described
from bridge.settings.terms import integer


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """The disks that the database, the images and `var` are on."""

    reserve_mb: int = field(
        default=128,
        metadata=described(
            integer(0, 10_000_000),
            "Room in MiB that is kept free: with less, what arrives is refused (HL7 207, DICOM"
            " A700, HTTP 503) until there is room again, and what is under way is finished. 0 fills"
            " the disks.",
        ),
    )

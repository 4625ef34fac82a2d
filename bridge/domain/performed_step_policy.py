"""How strictly performed steps are taken from a device: quirks of modalities as data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Strictness(StrEnum):
    """What happens to messages that are not as PS3.4 Table F.7.2-1 demands.

    `LENIENT` takes them, passes over what may not be set and says so (0107H). `SILENT` does the
    same and answers success: to many devices a warning is an error. `STRICT` refuses them.
    """

    LENIENT = "lenient"
    SILENT = "silent"
    STRICT = "strict"


@dataclass(frozen=True, slots=True)
class PerformedStepPolicy:
    """What holds for one device.

    `creates_from_set`: an N-SET of an unknown step creates it, for devices that lose or never send
    an N-CREATE; else it is answered with 0112H.
    """

    strictness: Strictness = Strictness.LENIENT
    creates_from_set: bool = False


USUAL = PerformedStepPolicy()

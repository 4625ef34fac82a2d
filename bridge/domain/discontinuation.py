"""Why a performed step was discontinued (PS3.16 CID 9300), and what becomes of its order's step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

DCM = "DCM"
WRONG_WORKLIST_ENTRY = "110514"
"""DCM code: Incorrect worklist entry selected."""

REASONS: Mapping[str, str] = {
    "110500": "Doctor canceled procedure",
    "110501": "Equipment failure",
    "110502": "Incorrect procedure ordered",
    "110503": "Patient allergic to media/contrast",
    "110504": "Patient died",
    "110505": "Patient refused to continue procedure",
    "110506": "Patient taken for treatment or surgery",
    "110507": "Patient did not arrive",
    "110508": "Patient pregnant",
    "110509": "Change of procedure for correct charging",
    "110510": "Duplicate order",
    "110511": "Nursing unit cancel",
    "110512": "Incorrect side ordered",
    "110513": "Discontinued for unspecified reason",
    "110514": "Incorrect worklist entry selected",
    "110515": "Patient condition prevented continuing",
    "110516": "Equipment change",
    "110521": "Objects incorrectly formatted",
    "110522": "Object Types not supported",
    "110523": "Object Set incomplete",
    "110524": "Media Failure",
    "110526": "Resource pre-empted",
    "110527": "Resource inadequate",
    "110528": "Discontinued Procedure Step rescheduled",
    "110529": "Discontinued Procedure Step rescheduling recommended",
}
"""The reasons of coding scheme DCM that modalities give, with their meaning."""


@dataclass(frozen=True, slots=True)
class Consequence:
    """What a discontinuation leads to.

    `reschedules`: the scheduled step is still to be done and goes back on the worklist; else it is
    closed. `quarantines`: the images may show somebody else than they name, and are matched to
    nothing until a person has looked at them.
    """

    reschedules: bool = False
    quarantines: bool = False


CLOSED = Consequence()
DEFAULTS: Mapping[tuple[str, str], Consequence] = {
    (DCM, WRONG_WORKLIST_ENTRY): Consequence(reschedules=True, quarantines=True),
}
"""What is done unless a site says otherwise; every other reason closes the step."""


@dataclass(frozen=True, slots=True)
class Discontinuations:
    """(coding scheme, code) → what follows; `otherwise` holds for every other reason, and none."""

    rows: Mapping[tuple[str, str], Consequence] = field(default_factory=lambda: DEFAULTS)
    otherwise: Consequence = CLOSED

    def consequence(self, scheme: str, code: str) -> Consequence:
        """What follows from a reason; a code without a scheme is taken for one of DICOM's."""
        return self.rows.get((scheme or DCM, code), self.otherwise)

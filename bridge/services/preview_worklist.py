"""The worklist as a certain AE is shown it, for whoever looks over its shoulder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from bridge.services.explain_worklist import Explanation

SHOWN_KEYS = (
    "ScheduledProcedureStepStartDate",
    "ScheduledProcedureStepStartTime",
    "AccessionNumber",
    "PatientID",
    "PatientName",
    "PatientBirthDate",
    "PatientSex",
    "Modality",
    "ScheduledStationAETitle",
    "RequestedProcedureDescription",
    "RequestedProcedureID",
    "ScheduledProcedureStepID",
    "StudyInstanceUID",
)
"""The attributes of an entry that a list shows."""

NAMING_KEYS = ("AccessionNumber", "PatientID", "StudyInstanceUID", "RequestedProcedureID")
"""Who asks for one of these means one entry, and wants to know where it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorklistAsk:
    """A query: who asks, by what calling AE title, and matching keys by DICOM keyword.

    `why` are numbers that are to be explained, whether or not they are in the answer.
    """

    ae_title: str
    keys: Mapping[str, str] = field(default_factory=dict)
    fuzzy: bool = False
    why: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownEntry:
    """One entry as the AE gets it: its attributes by keyword, and the whole data set as text."""

    attributes: Mapping[str, str]
    dump: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorklistShown:
    """The answer. `status` is the final DICOM status; `warns`: some key is not supported (FF01).

    `refusal` says why the AE would not get so far as to ask, or what is wrong with its keys.
    `explanations` are of the numbers asked for that are not in the answer, and of all that were to
    be explained.
    """

    ask: WorklistAsk
    entries: Sequence[ShownEntry] = ()
    status: int = 0
    limit: int = 0
    warns: bool = False
    explanations: Sequence[Explanation] = ()
    refusal: str = ""


class WorklistPreview(Protocol):
    """Asks as an AE does, with the code that answers it."""

    def ae_titles(self) -> Sequence[str]:
        """The AE titles that are configured."""

    def ask(self, ask: WorklistAsk) -> WorklistShown:
        """What it is shown."""


def to_explain(ask: WorklistAsk, found: int) -> tuple[str, ...]:
    """The numbers to explain: those that are wanted, and those asked for when nothing was found."""
    wanted = (ask.keys.get(keyword, "") for keyword in NAMING_KEYS)
    missed = [each for each in wanted if each and not set(each) & set("*?\\")] if not found else []
    return tuple(dict.fromkeys((*ask.why, *missed)))

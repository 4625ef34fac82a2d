"""What a person decided of a study: it stands against every rule until it is taken back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from bridge.domain.matching import Candidate, MatchDecision, Outcome


class ResolutionAction(StrEnum):
    """`LINK` to procedures, keep `UNLINK`ed from procedures, or `REJECT` the images."""

    LINK = "link"
    UNLINK = "unlink"
    REJECT = "reject"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """One decision of a person, with who made it, why and when (unix time)."""

    action: ResolutionAction
    procedure_pks: tuple[int, ...] = ()
    who: str
    reason: str
    at: float
    pk: int = 0


def resolved(resolution: Resolution) -> MatchDecision | None:
    """What a resolution decides by itself; None when the rules still have a say."""
    decided_by = f"operator {resolution.who}"
    if resolution.action is ResolutionAction.LINK:
        return MatchDecision(
            outcome=Outcome.MATCHED,
            reason=resolution.reason,
            procedure_pks=resolution.procedure_pks,
            decided_by=decided_by,
        )
    if resolution.action is ResolutionAction.REJECT:
        return MatchDecision(
            outcome=Outcome.REJECTED, reason=resolution.reason, decided_by=decided_by
        )
    return None


def allowed(candidates: Sequence[Candidate], resolution: Resolution | None) -> list[Candidate]:
    """The candidates but those that a person unlinked the study from."""
    if resolution is None or resolution.action is not ResolutionAction.UNLINK:
        return list(candidates)
    return [each for each in candidates if each.procedure.pk not in resolution.procedure_pks]

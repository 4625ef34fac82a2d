"""What receivers are told of single procedures, and what they have on record of them."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.domain.order import Order, Procedure
from bridge.domain.patient import Patient
from bridge.domain.study import Study

IN_DOUBT = ""
"""In place of a content hash: something was sent, and nobody knows whether it was taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcedureNews:
    """One procedure as it stands: of its order, or of the study that was made for it.

    `is_withdrawn`: the receiver was told of this study as this procedure's, and it is not any more.
    `told` is the content hash of what the receiver confirmed last of it, None when it never heard
    of it, `IN_DOUBT` when it may have.
    """

    order: Order
    procedure: Procedure
    patient: Patient
    study: Study | None = None
    study_instance_uid: str = ""
    is_withdrawn: bool = False
    told: str | None = None

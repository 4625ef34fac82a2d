"""Results as notices: that a report of an examination exists, and in which state (ORU^R01, MDM)."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.domain.order import Category, OrderNumbers, ProcedureDetails
from bridge.domain.patient import PatientDetails


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultReported:
    """One report on one order.

    `status` is HL7 table 0123 (OBR-25; for documents what TXA-17 comes to): `P`, `F`, `C` … .
    `completes` says that the site lets this status complete the order. `procedure` is what it says
    of the procedure that is reported, and `category` whether it shows itself to be of imaging.
    """

    numbers: OrderNumbers
    study_instance_uid: str = ""
    patient: PatientDetails
    status: str = ""
    completes: bool = False
    procedure: ProcedureDetails | None = None
    category: Category = Category.IMAGING
    occurred_at: str = ""
    location: str = "OBR^1"

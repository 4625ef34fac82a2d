"""The audit trail in the vocabulary of PS3.15 A.5 and RFC 3881: who did what to which record."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum


class AuditEventId(StrEnum):
    """What happened (PS3.16 CID 400)."""

    APPLICATION_ACTIVITY = "110100"
    AUDIT_LOG_USED = "110101"
    DICOM_INSTANCES_ACCESSED = "110103"
    EXPORT = "110106"
    ORDER_RECORD = "110109"
    PATIENT_RECORD = "110110"
    PROCEDURE_RECORD = "110111"
    QUERY = "110112"
    SECURITY_ALERT = "110113"
    USER_AUTHENTICATION = "110114"


class AuditEventType(StrEnum):
    """What kind of it (PS3.16 CID 401); empty where the event says all."""

    NONE = ""
    LOGIN = "110122"
    LOGOUT = "110123"
    NETWORK_CONFIGURATION = "110128"
    SECURITY_CONFIGURATION = "110129"
    SECURITY_ROLES_CHANGED = "110136"
    USER_SECURITY_ATTRIBUTES_CHANGED = "110137"


class AuditAction(StrEnum):
    """RFC 3881 section 5.1.2, Event Action Code."""

    CREATE = "C"
    READ = "R"
    UPDATE = "U"
    DELETE = "D"
    EXECUTE = "E"


class AuditOutcome(IntEnum):
    """RFC 3881 section 5.1.4, Event Outcome Indicator."""

    SUCCESS = 0
    MINOR_FAILURE = 4
    SERIOUS_FAILURE = 8


class AuditObject(StrEnum):
    """What kind of record `object_id` names."""

    NONE = ""
    MESSAGE = "message"
    ORDER = "order"
    STUDY = "study"
    PATIENT = "patient"
    DELIVERY = "delivery"
    WORKLIST = "worklist"
    ACCOUNT = "account"
    AUDIT = "audit"
    SETTINGS = "settings"
    MAPPING = "mapping"
    CONNECTION = "connection"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEvent:
    """One row of the trail. `at` is unix time in seconds.

    `patient_id` is the patient whose data it was, where it was one's; `detail` holds what was
    sought (RFC 3881: the search criteria) or the reason somebody gave.
    """

    at: float
    event: AuditEventId
    action: AuditAction
    who: str
    role: str = ""
    address: str = ""
    type: AuditEventType = AuditEventType.NONE
    outcome: AuditOutcome = AuditOutcome.SUCCESS
    patient_id: str = ""
    object_kind: AuditObject = AuditObject.NONE
    object_id: str = ""
    detail: str = ""

"""The tables, for SQLite and PostgreSQL alike; the migrations lead to exactly these."""

from __future__ import annotations

from bridge.store.tables.access import (
    account,
    audit,
    console_session,
    sign_in_failure,
    sign_in_link,
)
from bridge.store.tables.api_keys import api_key
from bridge.store.tables.appointments import (
    appointment,
    appointment_number,
    appointment_step,
)
from bridge.store.tables.columns import TEXT, metadata
from bridge.store.tables.commitments import requested_commitment, storage_commitment
from bridge.store.tables.deliveries import (
    attempt,
    confirmation,
    delivery,
    delivery_hold,
    destination_outage,
)
from bridge.store.tables.flaws import instance_flaw
from bridge.store.tables.forwarded import forwarded_instance
from bridge.store.tables.journal import mention, message
from bridge.store.tables.links import alert, alert_told, link, link_hour
from bridge.store.tables.mappings import mapping_version
from bridge.store.tables.names import name_index, name_posting, name_word
from bridge.store.tables.order_notices import order_notice
from bridge.store.tables.orders import imaging_service_request, requested_procedure, scheduled_step
from bridge.store.tables.parked import parked_event, parked_key
from bridge.store.tables.patients import (
    patient,
    patient_formerly,
    patient_identifier,
    patient_link,
    patient_merge,
)
from bridge.store.tables.performed_steps import (
    performed_series,
    performed_step,
    performed_step_forward,
    performed_step_key,
    performed_step_link,
    performed_step_message,
    radiation_dose,
)
from bridge.store.tables.rejections import rejected_instance, rejection_note
from bridge.store.tables.resolutions import study_resolution
from bridge.store.tables.resources import resource, resource_term, resource_version
from bridge.store.tables.retention import legal_hold, retention_pass
from bridge.store.tables.sources import source_cursor, source_version
from bridge.store.tables.studies import (
    instance,
    instance_conflict,
    match_decision,
    series,
    study,
    study_key,
    study_procedure,
    waiting_key,
)
from bridge.store.tables.subscriptions import subscription, subscription_event
from bridge.store.tables.surrogates import surrogate
from bridge.store.tables.timers import timer
from bridge.store.tables.told import told_procedure
from bridge.store.tables.visits import visit
from bridge.store.tables.worklist import worklist_item, worklist_station

__all__ = [
    "TEXT",
    "account",
    "alert",
    "alert_told",
    "api_key",
    "appointment",
    "appointment_number",
    "appointment_step",
    "attempt",
    "audit",
    "confirmation",
    "console_session",
    "delivery",
    "delivery_hold",
    "destination_outage",
    "forwarded_instance",
    "imaging_service_request",
    "instance",
    "instance_conflict",
    "instance_flaw",
    "legal_hold",
    "link",
    "link_hour",
    "mapping_version",
    "match_decision",
    "mention",
    "message",
    "metadata",
    "name_index",
    "name_posting",
    "name_word",
    "order_notice",
    "parked_event",
    "parked_key",
    "patient",
    "patient_formerly",
    "patient_identifier",
    "patient_link",
    "patient_merge",
    "performed_series",
    "performed_step",
    "performed_step_forward",
    "performed_step_key",
    "performed_step_link",
    "performed_step_message",
    "radiation_dose",
    "rejected_instance",
    "rejection_note",
    "requested_commitment",
    "requested_procedure",
    "resource",
    "resource_term",
    "resource_version",
    "retention_pass",
    "scheduled_step",
    "series",
    "sign_in_failure",
    "sign_in_link",
    "source_cursor",
    "source_version",
    "storage_commitment",
    "study",
    "study_key",
    "study_procedure",
    "study_resolution",
    "subscription",
    "subscription_event",
    "surrogate",
    "timer",
    "told_procedure",
    "visit",
    "waiting_key",
    "worklist_item",
    "worklist_station",
]

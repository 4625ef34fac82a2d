"""Retention, from the settings."""

from __future__ import annotations

import time

from bridge.domain.retention import RetentionKind, RetentionPolicy
from bridge.services.retain import Retain
from bridge.settings import Settings
from bridge.store.database import Database
from bridge.store.repositories import SqlStore
from bridge.store.space import DatabaseSpace


def retention_policy(settings: Settings) -> RetentionPolicy:
    """What is kept how long."""
    said = settings.retention
    days = {
        RetentionKind.PAYLOADS: said.payloads_days,
        RetentionKind.MESSAGES: said.messages_days,
        RetentionKind.ATTEMPTS: said.attempts_days,
        RetentionKind.DELIVERIES: said.deliveries_days,
        RetentionKind.DEAD_LETTERS: said.dead_letters_days,
        RetentionKind.PARKED: said.parked_days,
        RetentionKind.AUDIT: said.audit_days,
    }
    return RetentionPolicy(days={kind: each for kind, each in days.items() if each is not None})


def build_retain(settings: Settings, database: Database, store: SqlStore) -> Retain:
    """Retention over a database that is open."""
    return Retain(
        store=store,
        space=DatabaseSpace(database),
        policy=retention_policy(settings),
        clock=time.time,
        interval=settings.retention.every_minutes * 60,
    )

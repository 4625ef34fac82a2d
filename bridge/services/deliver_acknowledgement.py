"""Application acknowledgements that go back on a connection of our own (HL7 v2.5.1 2.9.3).

What is sent stands in the journal, beside the message it answers: the delivery row names that.
"""

from __future__ import annotations

from typing import Final

from bridge.domain.delivery import Delivery
from bridge.services.outbox import Claims

_SUBJECT: Final = "acknowledgement:"


def subject_of(message_pk: int) -> str:
    """The subject under which the acknowledgement of a message is delivered."""
    return f"{_SUBJECT}{message_pk}"


class AcknowledgementOutbox(Claims):
    """The queue of acknowledgements still to be sent."""

    def gather(self, delivery: Delivery) -> bytes | None:
        """All that was answered to the message; the destination picks what is its own.

        None when the message has left the journal: nobody waits for its answer any more.
        """
        pk = int(delivery.subject.removeprefix(_SUBJECT))
        return self._store.read(lambda tx: tx.journal.reply(pk))

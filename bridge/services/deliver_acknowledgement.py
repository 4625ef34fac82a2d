"""Application acknowledgements that go back on a connection of our own (HL7 v2.5.1 2.9.3).

What is sent stands in the journal, beside the message it answers: the delivery row names that.
"""

from __future__ import annotations

from typing import Final

_SUBJECT: Final = "acknowledgement:"


def subject_of(message_pk: int) -> str:
    """The subject under which the acknowledgement of a message is delivered."""
    return f"{_SUBJECT}{message_pk}"

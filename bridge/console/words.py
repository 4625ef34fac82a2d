"""Words of the console that come from code: marked here, so that catalogues hold them."""

from __future__ import annotations

from collections.abc import Mapping


def N_(text: str) -> str:
    """Mark a text for translation; it is translated where it is shown."""
    return text


WORDS: Mapping[str, str] = {
    "in": N_("in"),
    "out": N_("out"),
    "applied": N_("applied"),
    "noted": N_("noted"),
    "stale": N_("stale"),
    "parked": N_("parked"),
    "duplicate": N_("duplicate"),
    "refused": N_("refused"),
    "failed": N_("failed"),
    "sent": N_("sent"),
    "viewer": N_("viewer"),
    "operator": N_("operator"),
    "admin": N_("administrator"),
    "pending": N_("pending"),
    "sending": N_("sending"),
    "delivered": N_("delivered"),
    "dead": N_("given up"),
    "matched": N_("matched"),
    "candidates": N_("needs a decision"),
    "conflict": N_("contradicts its order"),
    "unscheduled": N_("no order"),
    "accession number": N_("accession number"),
    "patient id": N_("patient ID"),
    "order number": N_("order number"),
    "study instance uid": N_("Study Instance UID"),
    "control id": N_("control ID"),
    "message": N_("message"),
    "on the worklist": N_("on the worklist"),
    "held": N_("held"),
    "performed step": N_("performed step"),
    "images": N_("images"),
    "decision": N_("decision"),
    "queued": N_("to be told"),
    "order → worklist": N_("order → worklist"),
    "last image → matched": N_("last image → matched"),
    "SCHEDULED": N_("scheduled"),
    "ARRIVED": N_("arrived"),
    "READY": N_("ready"),
    "STARTED": N_("started"),
    "DEPARTED": N_("departed"),
    "COMPLETED": N_("completed"),
    "DISCONTINUED": N_("discontinued"),
    "CANCELED": N_("cancelled"),
}
"""Values of states, kinds and roles as people read them."""

PARTS = (N_("replayed"),)
"""What reasons are made of and no other word says."""

"""PS3.2 section 4.3.3: performed procedure steps, from the table that they are held against."""

from __future__ import annotations

from bridge.conformance.markdown import table
from bridge.conformance.vocabulary import attribute_name, tag_of
from bridge.domain.discontinuation import DCM, REASONS, Discontinuations
from bridge.domain.performed_step import PerformedStepStatus
from bridge.domain.performed_step_attributes import ATTRIBUTES, AttributeRule
from bridge.domain.performed_step_policy import USUAL, Strictness

_IN_PROGRESS = PerformedStepStatus.IN_PROGRESS
_TYPES = {0: "", 1: "1", 2: "2", 3: "3"}

DESCRIPTION = (
    "N-CREATE and N-SET, and N-GET of the Retrieve SOP class. An N-CREATE says the status"
    f" {_IN_PROGRESS}; without an Affected SOP Instance UID one is assigned and returned. N-CREATE"
    " marks the scheduled steps it names as started; the final N-SET ends them. Steps"
    " are found by Study Instance UID and SPS ID, else by accession number and Requested Procedure"
    " ID; one performed step may name several (group case), and none (unscheduled). Sequences are"
    " replaced as a whole."
)
STRICTNESS = (
    "How strictly a device is held to this table is configured for it"
    f" ({', '.join(each.value for each in Strictness)}; usually {USUAL.strictness.value}):"
    f" {Strictness.LENIENT.value} takes what is not as it should be, passes over what may not be"
    f" set and answers with the warning 0107H, {Strictness.SILENT.value} does the same and answers"
    f" 0000H, {Strictness.STRICT.value} refuses with 0105H, 0120H or 0121H."
)


def attribute_table() -> str:
    """PS3.4 Table F.7.2-1 as it is applied."""
    heads = ("Attribute", "N-CREATE", "N-SET", "In a final state")
    return table(heads, map(_row, ATTRIBUTES))


def discontinuations() -> str:
    """What each reason of a discontinuation leads to, unless a site says otherwise."""
    known = Discontinuations()
    rows = []
    for value, meaning in REASONS.items():
        follows = known.consequence(DCM, value)
        step = "back on the worklist" if follows.reschedules else "closed"
        images = "held for a person" if follows.quarantines else "matched as usual"
        rows.append((value, meaning, step, images))
    return table(("Reason (DCM)", "Meaning", "The scheduled step is", "Images are"), rows)


def _row(rule: AttributeRule) -> tuple[str, ...]:
    depth = rule.path.count(".")
    name = ">" * depth + attribute_name(tag_of(rule.keyword))
    top = "allowed" if rule.settable else "not allowed"
    return (name, _TYPES[rule.create], "" if depth else top, _TYPES[rule.final])

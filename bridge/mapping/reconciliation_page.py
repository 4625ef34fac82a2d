"""``python -m bridge.mapping.reconciliation_page > docs/reconciliation.md``: the table in words."""

from __future__ import annotations

from collections.abc import Iterator

from bridge.domain.matching import Outcome, PatientAgreement
from bridge.domain.matching_rules import Finding, MatchingRules, NameStrictness, Situation
from bridge.mapping.reconciliation import load_matching_rules

PATIENTS = {
    PatientAgreement.SAME: "the same",
    PatientAgreement.ALIKE: "Patient ID missing or nobody's; name and birth date agree",
    PatientAgreement.UNKNOWN: "not identified by the images",
    PatientAgreement.LINKED: "of a linked record (not merged)",
    PatientAgreement.OTHER: "another patient",
}
FINDINGS = {
    Finding.STUDY_INSTANCE_UID: "The Study Instance UID of the order",
    Finding.REQUEST_ATTRIBUTES: "The requested procedure and step the images name",
    Finding.ACCESSION_NUMBER: "The accession number",
    Finding.PERFORMED_STEP: "What the modality reported as performed (MPPS)",
    Finding.ORDER_NUMBER: "An order number, of a study that was announced",
    Finding.CONTRADICTION: "Identifiers that lead to different orders",
    Finding.SEVERAL: "Several procedures that fit alike",
    Finding.CANCELED: "An order that was cancelled or discontinued",
}
SITUATIONS = {
    Situation.NOTHING: "No order carries any of its identifiers",
    Situation.SEVERAL_PATIENTS: "The images name several patients",
    Situation.WRONG_ENTRY: "The modality took its choice of worklist entry back",
}
OUTCOMES = {
    Outcome.MATCHED: "**matched**: shown with the order, under the patient's name",
    Outcome.CANDIDATES: "**candidates**: a person chooses",
    Outcome.CONFLICT: "**conflict**: never joined by itself; a person finds out",
    Outcome.UNSCHEDULED: "**unscheduled**: waits for its order or for a person",
    Outcome.REJECTED: "**rejected**: shown to nobody",
}
NAMES = {
    NameStrictness.WORDS: "word by word, whatever the components, accents and case",
    NameStrictness.COMPONENTS: "component by component, whatever the accents and case",
    NameStrictness.EXACT: "letter by letter",
}

_HEAD = """# Where images belong

Generated from `mappings/reconciliation.yaml` by `python -m bridge.mapping.reconciliation_page`.

When a study has arrived, its identifiers are followed to orders, and the patient in the images is
compared with the patient of each order. The patient never picks an order: it confirms what an
identifier found, or forbids it. Persons decide against every row below, and can take it back.
"""


_AND_THEN = """## Whatever came first

The same orders, images, messages and decisions of persons end in the same decision, in whichever
sequence they come. A decision is made anew when something comes that may change it: an order that
one of the study's identifiers leads to, a change or a cancel, a merge or a correction of the
patient, a performed step, a further image, a rejection note. What was told of a study is taken back
when it is somebody's no more. Images carry what the worklist said when they were made: after a
patient was merged, or name, birth date or sex was corrected, the former ones still count as theirs.
A person's decision stays until it is taken back.

## When nothing leads to an order

A study without an order that any identifier leads to waits. Whoever looks at it is shown orders
that may be meant: of the Patient ID, of patients whose name is the same or sounds alike and who
were born on the same day, and what is on the worklist for its modality near the time it began or
arrived.
Each comes with its evidence, field by field. Nothing is ever matched by this: a person links.

## How images are shown

Images are kept as they came. Whoever finds or retrieves them, and archives that they are forwarded
to, get the patient, accession number and request of the order; what stood there before is in
Original Attributes Sequence. A study that is matched to nothing is shown as it came, one that a
person moved under that patient.
"""


def page(rules: MatchingRules) -> str:
    """The whole page."""
    parts = (
        _HEAD,
        *_table(rules),
        "",
        *_situations(rules),
        "",
        _AND_THEN,
        *_thresholds(rules),
        "",
    )
    return "\n".join(parts)


def _table(rules: MatchingRules) -> Iterator[str]:
    yield "## The decision table\n"
    yield "| What was found | Patient in the images | What happens | Why |"
    yield "|---|---|---|---|"
    for finding in Finding:
        for agreement in PatientAgreement:
            rule = rules.rule(finding, agreement)
            cells = (FINDINGS[finding], PATIENTS[agreement], OUTCOMES[rule.outcome], rule.why)
            yield _row(*cells)


def _situations(rules: MatchingRules) -> Iterator[str]:
    yield "## Whoever the patient is\n"
    yield "| What was found | What happens | Why |"
    yield "|---|---|---|"
    for situation in Situation:
        rule = rules.situations[situation]
        yield _row(SITUATIONS[situation], OUTCOMES[rule.outcome], rule.why)


def _thresholds(rules: MatchingRules) -> Iterator[str]:
    suggesting = rules.suggesting
    yield "## Thresholds\n"
    yield f"- Under one Patient ID, {rules.differences} differences among name, birth date and"
    yield "  sex make another patient."
    yield f"- Names are compared {NAMES[rules.names]}."
    yield f"- A step that begins within {suggesting.hours} hours of the study is near."
    yield f"- At most {suggesting.most} orders are suggested, whose score is"
    yield f"  {suggesting.least_score} or more."
    yield "\nCandidates are listed by score. A field that agrees adds to it, one that differs takes"
    yield "the same away, a name that only sounds alike adds half:\n"
    yield "| Field | Weight |"
    yield "|---|---|"
    for field, weight in rules.weights.items():
        yield _row(field.value, str(weight))


def _row(*cells: str) -> str:
    return f"| {' | '.join(each.replace('|', '/') for each in cells)} |"


if __name__ == "__main__":
    print(page(load_matching_rules()), end="")

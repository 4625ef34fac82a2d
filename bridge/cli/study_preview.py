"""A preview of what an act on a study would change, as rows: what, before, after."""

from __future__ import annotations

from collections.abc import Iterator

from bridge.domain.study_preview import (
    StepChange,
    StepStanding,
    StudyChange,
    StudyPreview,
    StudyStanding,
)

Row = tuple[object, ...]


def preview_rows(preview: StudyPreview) -> Iterator[Row]:
    """What changes, and who is told; what stays the same is left out."""
    yield from _study(preview.study)
    for change in preview.others:
        yield from _study(change)
    for step in preview.steps:
        yield _step(step)
    for told in preview.told:
        about = f"order {told.order}" if told.order else f"study {told.study_instance_uid}"
        yield ("told", told.destination, about, told.effect.value)
    yield ("nothing was changed",)


def _study(change: StudyChange) -> Iterator[Row]:
    after = _said(change.after)
    before = _said(change.before) if change.before else {}
    yield ("study", change.after.study_instance_uid)
    for name, text in after.items():
        if text != before.get(name, ""):
            yield (name, before.get(name, "") or "-", "→", text or "-")


def _said(standing: StudyStanding) -> dict[str, str]:
    return {
        "decision": standing.outcome.value if standing.outcome else "",
        "reason": standing.reason,
        "decided by": standing.decided_by,
        "orders": ", ".join(standing.orders),
        **standing.identity,
        "images shown": str(standing.images),
    }


def _step(change: StepChange) -> Row:
    told = change.after or change.before
    name = f"{told.order} {told.rp_id} {told.sps_id}" if told else ""
    return ("step", name, _status(change.before), "→", _status(change.after))


def _status(step: StepStanding | None) -> str:
    if step is None:
        return "-"
    return step.status if step.hidden_because else f"{step.status}, on the worklist"

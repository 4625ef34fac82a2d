"""Which procedure and which step of an order a message means: one to one, never the same twice.

By identifier, by code, by place; and never against an identifier that both have.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bridge.domain.order import Procedure, ProcedureDetails, Step, StepDetails


def paired(held: Sequence[Procedure], said: Sequence[ProcedureDetails]) -> tuple[int | None, ...]:
    """For each procedure of a message the index of the held one it means, no two the same.

    By Study Instance UID or ID, then by code, then, when the message lists as many as are held,
    by place.
    """
    found, free = _paired_by_name(held, said)
    if len(held) == len(said):
        rest = [place for place, index in enumerate(found) if index is None]
        for place, index in zip(rest, free, strict=True):
            if not contradicts(held[index], said[place]):
                found[place] = index
    return tuple(found)


def names_only_held(held: Sequence[Procedure], said: Sequence[ProcedureDetails]) -> bool:
    """Whether every procedure that a message names is held under that very name."""
    found, _ = _paired_by_name(held, said)
    return all(
        index is not None or not is_named(details)
        for index, details in zip(found, said, strict=True)
    )


def is_named(said: ProcedureDetails) -> bool:
    """Whether a message says by an identifier or a code which procedure it means."""
    return bool(said.study_instance_uid or said.rp_id or said.code)


def _paired_by_name(
    held: Sequence[Procedure], said: Sequence[ProcedureDetails]
) -> tuple[list[int | None], list[int]]:
    found: list[int | None] = [None] * len(said)
    free = list(range(len(held)))

    def pair(agrees: Callable[[Procedure, ProcedureDetails], bool]) -> None:
        for place, details in enumerate(said):
            if found[place] is None:
                index = next((i for i in free if agrees(held[i], details)), None)
                if index is not None:
                    found[place] = index
                    free.remove(index)

    pair(_same_identity)
    pair(_same_code)
    return found, free


def _same_identity(held: Procedure, said: ProcedureDetails) -> bool:
    if held.study_instance_uid and said.study_instance_uid:
        return held.study_instance_uid == said.study_instance_uid
    return bool(said.rp_id) and held.rp_id == said.rp_id


def _same_code(held: Procedure, said: ProcedureDetails) -> bool:
    return same_procedure(held, said) and not contradicts(held, said)


def contradicts(held: Procedure, said: ProcedureDetails) -> bool:
    """Whether both have an identifier, and not the same."""
    return any(
        ours and theirs and ours != theirs
        for ours, theirs in (
            (held.study_instance_uid, said.study_instance_uid),
            (held.rp_id, said.rp_id),
        )
    )


def same_procedure(held: Procedure, said: ProcedureDetails) -> bool:
    """Whether both have the same code."""
    return bool(held.code and said.code and held.code.value == said.code.value)


def paired_steps(held: Sequence[Step], said: Sequence[StepDetails]) -> tuple[Step | None, ...]:
    """For each step of a message the held one it means: by ID, else the next one without a name.

    A step that the message does not number is the next of the held ones; one that it numbers may
    be one that had no number until now.
    """
    free = list(held)
    found: dict[int, Step] = {}
    for by_id in (True, False):
        for place, details in enumerate(said):
            if place in found:
                continue
            for step in free:
                same = details.sps_id == step.sps_id != ""
                if same or (not by_id and "" in (details.sps_id, step.sps_id)):
                    found[place] = step
                    free.remove(step)
                    break
    return tuple(found.get(place) for place in range(len(said)))

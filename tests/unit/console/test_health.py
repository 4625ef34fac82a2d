"""Given readiness checks, when they are run, then each tells for itself."""

from __future__ import annotations

from bridge.console.health import problems


def test_given_a_check_that_raises_when_run_then_it_is_a_problem_and_the_rest_still_run() -> None:
    def broken() -> str:
        raise RuntimeError("NGUYEN^VAN ANH")

    found = problems({"hl7": broken, "database": lambda: "", "dicom": lambda: "not bound"})

    assert found == {
        "hl7": "the check itself failed (RuntimeError)",
        "database": "",
        "dicom": "not bound",
    }

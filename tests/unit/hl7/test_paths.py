"""Given the text of a path, when compiled, then it names one place and prints as it was read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.hl7.paths import Path

NUMBERS = st.integers(min_value=1, max_value=99)


@pytest.mark.parametrize(
    ("text", "location"),
    [
        ("PID-3", "PID^1^3^1^1^1"),
        ("PID-3[2].4.1", "PID^1^3^2^4^1"),
        ("NTE[3]-3", "NTE^3^3^1^1^1"),
        ("ZDS-1.2", "ZDS^1^1^1^2^1"),
    ],
)
def test_given_a_path_when_written_as_location_then_it_is_an_erl(text: str, location: str) -> None:
    assert Path.parse(text).location == location


@pytest.mark.parametrize(
    "text", ["", "PID", "PID-0", "PID-3[0]", "PID.3", "pid-3", "PID-3.1.1.1", "PIDX-3", "PID-3 "]
)
def test_given_no_path_when_compiled_then_the_error_shows_it(text: str) -> None:
    with pytest.raises(ValueError, match="is not a path"):
        Path.parse(text)


@given(st.builds(Path, st.just("PID"), NUMBERS, st.none() | NUMBERS, st.none() | NUMBERS, NUMBERS))
def test_given_any_path_when_printed_then_it_compiles_to_itself(path: Path) -> None:
    assert Path.parse(str(path)) == path


def test_given_the_same_text_when_compiled_twice_then_it_is_one_object() -> None:
    assert Path.parse("PID-5.1") is Path.parse("PID-5.1")

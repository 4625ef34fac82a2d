"""Given what a profile says of its sender's habits, when loaded, then use cases can read it."""

from pathlib import Path

import pytest

from bridge.domain.sender_options import NO_OPTIONS, OverlongIds, described_options
from bridge.mapping.errors import ProfileError
from bridge.mapping.profiles import load_profile

BASE = "profile: base\noptions: {overlong_ids: surrogate, merge_is_swapped: yes}\n"


def write(folder: Path, name: str, text: str) -> Path:
    (folder / f"{name}.yaml").write_text(text)
    return folder


def test_the_default_profile_has_the_defaults() -> None:
    assert load_profile().options == NO_OPTIONS


def test_a_profile_that_extends_another_only_says_how_it_differs(tmp_path: Path) -> None:
    write(tmp_path, "base", BASE)
    write(tmp_path, "site", "profile: site\nextends: base\noptions: {merge_is_swapped: no}\n")
    options = load_profile("site", tmp_path).options
    assert options.overlong_ids is OverlongIds.SURROGATE
    assert not options.merge_is_swapped


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (
            "{overlong_idz: refuse}",
            "2: unknown key 'overlong_idz'; did you mean overlong_ids",
        ),
        ("{overlong_ids: cut}", "base.yaml:2: unknown overlong_ids 'cut'; use one of refuse, surr"),
        ("{mode: rsi}", "2: unknown mode 'rsi'; did you mean ris?"),
        ("{merge_is_swapped: perhaps}", "base.yaml:2: 'perhaps' is neither yes nor no"),
    ],
)
def test_what_is_no_option_is_refused_with_its_line(
    tmp_path: Path, said: str, message: str
) -> None:
    write(tmp_path, "base", f"profile: base\noptions: {said}\n")
    with pytest.raises(ProfileError) as caught:
        load_profile("base", tmp_path)
    assert message in str(caught.value)


def test_every_option_says_what_it_does() -> None:
    assert all(about.endswith(".") for _, _, about in described_options())

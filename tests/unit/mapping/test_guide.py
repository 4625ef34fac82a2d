"""Given what profiles can say, when the guide is read, then it says so, and all of it is said."""

from pathlib import Path

import pytest

from bridge.mapping.guide import BLOCKS, renew
from bridge.mapping.shelf import Shelf
from bridge.mapping.targets import TARGETS
from bridge.mapping.transforms import MAPPERS, READERS

GUIDE = Path(__file__).parents[3] / "docs" / "mapping.md"
TEXT = GUIDE.read_text("utf-8")


def test_the_guide_is_current() -> None:
    assert renew(TEXT) == TEXT, "write it anew: python -m bridge.mapping docs/mapping.md"


def test_the_guide_has_every_table() -> None:
    assert all(f"<!-- begin {name} -->" in TEXT for name in BLOCKS)


@pytest.mark.parametrize(
    "name",
    [
        *(keyword for targets in TARGETS.values() for keyword in targets),
        *READERS,
        *MAPPERS,
        *Shelf.of().profiles(),
    ],
)
def test_the_guide_names_it(name: str) -> None:
    assert f"| `{name}` |" in TEXT


def test_a_table_that_nobody_knows_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        renew("<!-- begin nothing -->\n<!-- end nothing -->\n")


def test_every_transform_says_what_it_does() -> None:
    assert all(each.make.__doc__ for each in (*READERS.values(), *MAPPERS.values()))

"""What every test shares: the same property examples on every machine, no clock on them, and which
tests stay together when several processes share the work.
"""

import os

import pytest
from hypothesis import settings

# Derandomized, so that a red run is red again; `HYPOTHESIS_PROFILE=search` looks for new examples.
settings.register_profile("proof", derandomize=True, deadline=None, max_examples=100)
settings.register_profile("search", deadline=None, max_examples=5_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "proof"))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Name the group of each test for the processes of `make test` (`--dist loadgroup`).

    Tests of one file stay together, and so do those that share a hospital: each process has peers,
    ports, folders and databases of its own, and starts them once.
    """
    if hasattr(config, "workerinput"):
        for item in items:
            item.add_marker(pytest.mark.xdist_group(_group_of(item)))


def _group_of(item: pytest.Item) -> str:
    file = item.location[0]
    if file.startswith("tests/browser/"):
        return "browser"
    database = item.callspec.params.get("database") if hasattr(item, "callspec") else None
    if not file.startswith("tests/acceptance/") or database is None:
        return file
    hospital = "shared" if "shared_hospital" in getattr(item, "fixturenames", ()) else "own"
    return f"acceptance-{database}-{hospital}"

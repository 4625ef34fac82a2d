"""Where receivers are told that a person sees a study."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.settings import load
from bridge.wiring.viewer import link_to_viewer

STUDY = "{study_instance_uid}"


@pytest.mark.parametrize(
    ("is_served", "configured", "link"),
    [
        (False, "", ""),
        (True, "", f"https://bridge.example/open?study={STUDY}"),
        (False, f"https://v.example/?s={STUDY}", f"https://v.example/?s={STUDY}"),
        (True, f"https://v.example/?s={STUDY}", f"https://v.example/?s={STUDY}"),
    ],
)
def test_what_is_configured_counts_else_the_viewer_that_is_served(
    tmp_path: Path, is_served: bool, configured: str, link: str
) -> None:
    if is_served:
        (tmp_path / "index.html").touch()
    file = tmp_path / "bridge.yaml"
    viewer_url = f', viewer_url: "{configured}"' if configured else ""
    file.write_text(
        f'http: {{public_url: "https://bridge.example/"{viewer_url}}}\n'
        f'viewer: {{folder: "{tmp_path}"}}\n'
    )

    assert link_to_viewer(load(file, {})) == link

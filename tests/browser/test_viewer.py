"""The images in OHIF are for those who signed in (`test_operator_flows` opens it)."""

from __future__ import annotations

from urllib.parse import urlsplit

from tests.browser.conftest import Opens
from tests.browser.hospital import Hospital


def test_given_nobody_signed_in_then_the_viewer_leads_to_the_sign_in_and_gives_no_image(
    hospital: Hospital, opens: Opens
) -> None:
    viewer = hospital.viewer
    page = opens("/sign-in", signed_in=False, elsewhere=viewer)
    answer = page.request.get(f"{viewer}/dicom-web/studies")
    assert answer.status == 401
    page.goto(f"{viewer}/viewer?StudyInstanceUIDs=1.2.3")
    assert urlsplit(page.url).path == "/sign-in"
    assert "StudyInstanceUIDs%3D1.2.3" in page.url

"""From an accession number to the images in OHIF, and nothing without a sign-in."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from playwright.sync_api import Page, expect

from tests.browser.conftest import Hospital, Opens, picture


def viewer_of(hospital: Hospital) -> str:
    return f"http://127.0.0.1:{hospital.bridge.configuration['viewer']['port']}"


def has_image(page: Page) -> bool:
    """Whether some viewport shows more than one shade: an image and not a black field."""
    shades = page.evaluate(
        """() => Math.max(0, ...[...document.querySelectorAll('canvas')].map((canvas) => {
            const copy = document.createElement('canvas');
            [copy.width, copy.height] = [64, 64];
            const context = copy.getContext('2d');
            context.drawImage(canvas, 0, 0, 64, 64);
            const pixels = context.getImageData(0, 0, 64, 64).data;
            return new Set(pixels.filter((_, place) => place % 4 === 0)).size;
        }))"""
    )
    return int(shades) > 4


def test_given_an_accession_number_when_it_is_opened_then_the_viewer_shows_its_images(
    hospital: Hospital, opens: Opens
) -> None:
    page = opens("/open?accession=ACC0001", elsewhere=viewer_of(hospital))
    expect(page).to_have_url(
        re.compile(rf"^{viewer_of(hospital)}/viewer\?StudyInstanceUIDs=[\d.]+")
    )
    page.wait_for_function("document.querySelectorAll('canvas').length > 0")
    for _ in range(200):
        if has_image(page):
            break
        page.wait_for_timeout(100)
    assert has_image(page)
    picture(page, "viewer")


def test_given_nobody_signed_in_then_the_viewer_leads_to_the_sign_in_and_gives_no_image(
    hospital: Hospital, opens: Opens
) -> None:
    viewer = viewer_of(hospital)
    page = opens("/sign-in", signed_in=False, elsewhere=viewer)
    answer = page.request.get(f"{viewer}/dicom-web/studies")
    assert answer.status == 401
    page.goto(f"{viewer}/viewer?StudyInstanceUIDs=1.2.3")
    assert urlsplit(page.url).path == "/sign-in"
    assert "StudyInstanceUIDs%3D1.2.3" in page.url

"""Looking at pages that do not tell by themselves when something has happened."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page

has_image = """() => Math.max(0, ...[...document.querySelectorAll('canvas')].map((canvas) => {
    const copy = document.createElement('canvas');
    [copy.width, copy.height] = [64, 64];
    const context = copy.getContext('2d');
    context.drawImage(canvas, 0, 0, 64, 64);
    const pixels = context.getImageData(0, 0, 64, 64).data;
    return new Set(pixels.filter((_, place) => place % 4 === 0)).size;
})) > 4"""
"""In a browser: whether some viewport shows more than one shade, an image and no black field."""


def reload_until(page: Page, happened: Callable[[], bool]) -> None:
    """A page that is not live is looked at again, until it shows what is waited for."""
    for _ in range(80):
        if happened():
            return
        page.wait_for_timeout(250)
        page.reload()
    raise AssertionError(page.locator("main").inner_text()[:2000])

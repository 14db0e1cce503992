"""The picture in README: the report as its reader sees it, drawn from the built site."""

import shutil

from smartrocket.errors import InputError
from smartrocket.files import ROOT, replacing

PICTURE = ROOT / "docs" / "report.png"
WIDTH, HEIGHT = 1280, 860


def draw_picture() -> None:
    """Write docs/report.png, a screenshot of the built site's first page.

    Raises InputError when there is no site or no Chromium.
    """
    from playwright.sync_api import sync_playwright

    index = ROOT / "_site" / "index.html"
    chromium = shutil.which("chromium")
    if not index.is_file():
        raise InputError("_site/ holds no report yet: build it with `make report`.")
    if chromium is None:
        raise InputError("the picture is drawn with Chromium: apt install chromium.")
    with sync_playwright() as playwright, replacing(PICTURE) as temporary:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-background-networking"]
        )
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        page.goto(index.as_uri())
        page.screenshot(path=temporary)
        browser.close()
    print(f"{PICTURE.relative_to(ROOT)} shows the report as it is now")

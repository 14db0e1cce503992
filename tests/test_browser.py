"""The site as a reader meets it: every page in headless Chromium."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from accessibility import find_barriers
from fake_build import make_project
from smartrocket.publishing import publish
from smartrocket.rendering import read_pages

pytestmark = pytest.mark.browser

CHROMIUM = Path("/usr/bin/chromium")
# A phone's window and a laptop's; a page opened in one is still right when it is turned or made wider or narrower.
WIDTHS = (1280, 390)
# How far the content may be wider than the window: fractions of a pixel are rounded up.
TOLERANCE = 1


class Quiet(SimpleHTTPRequestHandler):
    """A file server that does not write a line for each request."""

    def log_message(self, *words: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    project = make_project(tmp_path_factory.mktemp("project"))
    publish("demo", project)
    return project / "_site"


@pytest.fixture(scope="module")
def address(site):
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@contextmanager
def start_chromium() -> Iterator[Browser]:
    """Start headless Chromium; a test that needs it is skipped where it is not installed."""
    if not CHROMIUM.exists():
        pytest.skip("Chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def browser():
    with start_chromium() as browser:
        yield browser


def open_pages(
    browser: Browser,
    names: list[str],
    base: str,
    widths: tuple[int, ...],
    scheme: str = "light",
    look: Callable[[Page], list[str]] = lambda page: [],
) -> list[str]:
    """Open pages in a window of the first width, change it to the others, and return all that is wrong with them.

    `look` sees each page in the end.
    """
    context = browser.new_context(color_scheme=scheme)
    page, wrong, here = context.new_page(), [], ""
    page.on("console", lambda line: line.type == "error" and wrong.append(f"{here}: {line.text}"))
    page.on("pageerror", lambda error: wrong.append(f"{here}: {error}"))
    # A request that the next page cuts off, such as the one for the icon, has not failed.
    page.on(
        "requestfailed",
        lambda request: request.failure == "net::ERR_ABORTED" or wrong.append(f"{here}: {request.url} failed"),
    )
    page.on(
        "request",
        lambda request: request.url.startswith((base, "data:")) or wrong.append(f"{here}: asks for {request.url}"),
    )
    for name in names:
        for width in widths:
            here = f"{name} at {width}"
            page.set_viewport_size({"width": width, "height": 900})
            if width == widths[0]:
                page.goto(f"{base}/{name}", wait_until="load")
            excess = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
            if excess > TOLERANCE:
                wrong.append(f"{here}: scrolls sideways by {excess} pixels")
        wrong += look(page)
    context.close()
    return wrong


def test_a_page_of_each_folder_opens_cleanly(browser, site, address):
    """Over http, in a window made narrower; all pages of the whole report are opened from the disk."""
    names = [page.path.relative_to(site) for page in read_pages(site)]
    of_folders = {name.parent: name.as_posix() for name in names}
    assert len(of_folders) == 4
    assert open_pages(browser, list(of_folders.values()), address, WIDTHS) == []


@pytest.mark.nightly
@pytest.mark.parametrize("scheme", ["http", "file"])
def test_every_page_opens_cleanly(browser, site, address, scheme):
    names = [page.path.relative_to(site).as_posix() for page in read_pages(site)]
    assert len(names) >= 14
    base = address if scheme == "http" else site.as_uri()
    assert open_pages(browser, names, base, WIDTHS if scheme == "file" else WIDTHS[::-1]) == []


PALE = "color: #ccc; background: #fff"


@pytest.mark.parametrize(
    ("planted", "said"),
    [
        ("<table><tr><td>a text</td><td>12</td></tr></table>", None),
        (f'<p>a text, <span style="{PALE}">too pale</span></p>', "contrast"),
        (f'<table><tr><td>a text</td><td style="{PALE}">12</td></tr></table>', "contrast"),
        (f'<p hidden style="{PALE}">not seen</p><p style="{PALE}">too pale</p>', "contrast"),
        ('<img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=">', "alternative text"),
        ('<p><a href="#"></a></p>', "discernible text"),
    ],
)
def test_a_barrier_is_found(browser, planted, said):
    page = browser.new_page()
    page.set_content(f'<!doctype html><html lang="en"><title>A page</title><main><h1>A title</h1>{planted}</main>')
    found = find_barriers(page)
    page.close()
    assert len(found) == (said is not None), found
    assert all(said in line for line in found)


@pytest.fixture
def page(browser, address) -> Page:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme="light")
    page = context.new_page()
    page.goto(f"{address}/index.html")
    yield page
    context.close()


# How bright the page's background is, from 0 to 255.
BRIGHTNESS = """() => getComputedStyle(document.body).backgroundColor
    .match(/\\d+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0) / 3"""
IS_DARK = f"() => ({BRIGHTNESS})() < 60"
IS_LIGHT = f"() => ({BRIGHTNESS})() > 200"
# The darkest of the colours that the text of the figures has.
FIGURE_INK = """() => Math.min(...[...document.querySelectorAll('figure.finding text')]
    .flatMap((text) => getComputedStyle(text).fill.match(/\\d+/g).map(Number)))"""


def test_the_theme_can_be_toggled_both_ways_and_is_remembered(page):
    toggle = page.locator(".quarto-color-scheme-toggle:visible").first
    page.wait_for_function(IS_LIGHT)
    assert page.evaluate(FIGURE_INK) < 120
    toggle.click()
    page.wait_for_function(IS_DARK)
    assert page.evaluate(FIGURE_INK) > 120
    page.reload()
    page.wait_for_function(IS_DARK)
    toggle.click()
    page.wait_for_function(IS_LIGHT)


def test_a_reader_who_prefers_dark_gets_dark(browser, address):
    context = browser.new_context(color_scheme="dark")
    page = context.new_page()
    page.goto(f"{address}/index.html")
    page.wait_for_function(IS_DARK)
    context.close()


def test_search_finds_a_term_of_the_glossary(page):
    page.locator("#quarto-search input:visible").first.fill("Croston")
    page.locator("a[href*='glossary.html#croston']").first.click()
    page.wait_for_url("**/glossary.html*#croston")


def test_figures_have_words_and_wide_boxes_can_be_reached_by_keyboard(browser, address):
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.goto(f"{address}/chapters/forecasts.html")
    page.wait_for_timeout(200)
    boxes = page.locator(".table-responsive.scrolls")
    assert boxes.count() > 0
    assert all(boxes.nth(place).get_attribute("tabindex") == "0" for place in range(boxes.count()))
    page.goto(f"{address}/analysis/01_eda.html")
    assert page.locator("figure.finding svg[role=img][aria-label]").count() == page.locator("figure.finding").count()
    context.close()


def test_the_report_can_be_read_without_javascript(browser, address):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/chapters/forecasts.html")
    assert page.locator("table.models").first.is_visible()
    assert page.locator("#quarto-sidebar a[href$='glossary.html']").is_visible()
    context.close()

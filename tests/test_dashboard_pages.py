"""The dashboard as its reader uses it: in headless Chromium, over http and from the disk."""

import json
import re
import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Page

from accessibility import find_barriers
from dashboard_checks import READY, ask_network, read_cards, read_csv, save
from dashboard_site import (
    DAYS,
    HOSTILE,
    PAGES,
    TREE,
    Shop,
    find_places,
    make_network,
    make_shop,
    make_stan,
    make_tests,
    render_site,
    write_data,
)
from shops import FIRST_DAY, MARKUP
from smartrocket import dashboard
from smartrocket.cold_start import Fallback
from smartrocket.cooccurrence import relate_items
from smartrocket.dashboard_facts import write_facts
from smartrocket.dashboard_products import write_products
from smartrocket.dashboard_scripts import read_script, write_script
from smartrocket.diversity import rerank, unit_vectors
from smartrocket.model_export import read_network
from smartrocket.panel import find_complete_days
from smartrocket.ranking import next_clicks, top_items
from smartrocket.sessions import list_session_events
from smartrocket.workspace import Workspace
from test_browser import IS_DARK, IS_LIGHT, TOLERANCE, start_chromium

pytestmark = pytest.mark.browser
# Of the charts that are shown, none is missing, and there are some: what was chosen has arrived.
ALL_DRAWN = """() => {
    const shown = [...document.querySelectorAll(".panel:not(.is-empty) .plot")].filter((plot) => plot.offsetParent);
    return shown.length && shown.every((plot) => plot.matches(".js-plotly-plot"));
}"""
# Animations of the style sheets, and in how many of ten frames something in the window is drawn differently.
WHAT_MOVES = """async () => {
    // Rarely, Chromium draws no more frames, and whoever waits for the next without end waits for ever.
    const frame = () => new Promise((resolve, reject) => {
        requestAnimationFrame(resolve);
        setTimeout(() => reject(new Error("no frame was drawn in 15 seconds")), 15000);
    });
    const look = (element) => {
        const { x, y, width, height } = element.getBoundingClientRect();
        const { opacity } = getComputedStyle(element);
        return [element.tagName, x, y, width, height, opacity, element.getAttribute("d")].join();
    };
    const isSeen = (element) => {
        const { top, bottom } = element.getBoundingClientRect();
        return element.checkVisibility({ contentVisibilityAuto: true }) && bottom > 0 && top < innerHeight;
    };
    await smartrocket.drawn();
    await frame();
    const animated = document.getAnimations().map((animation) => animation.effect.target.outerHTML.slice(0, 80));
    const seen = [...document.querySelectorAll("#dashboard *")].filter(isSeen);
    let before = seen.map(look);
    let moved = 0;
    for (let count = 0; count < 10; count += 1) {
        await frame();
        const now = seen.map(look);
        moved += now.some((place, at) => seen[at].isConnected && place !== before[at]);
        before = now;
    }
    return [animated, moved];
}"""
# Travel to another state of the page, which has shown it when this ends.
TRAVEL = """(state) => new Promise((resolve) => {
    const before = location.hash;
    addEventListener("hashchange", () => resolve(), { once: true });
    location.hash = state;
    if (location.hash === before) resolve();
})"""
# Data that arrives redraws a chart at once; what moves is drawn differently in nearly every frame.
MOST_REDRAWS = 4
WIDTHS = (390, 1280, 2560)


class Quiet(SimpleHTTPRequestHandler):
    """A file server that does not write a line for each request."""

    def log_message(self, *words: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def shop():
    return make_shop()


@pytest.fixture(scope="module")
def workspace(shop, tmp_path_factory):
    workspace = Workspace(tmp_path_factory.mktemp("build"))
    write_data(shop, workspace)
    return workspace


@pytest.fixture(scope="module")
def site(workspace, tmp_path_factory):
    return render_site(tmp_path_factory.mktemp("project"), workspace)


@pytest.fixture(scope="module")
def address(site):
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture(scope="module")
def browser():
    with start_chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def window(browser) -> Iterator[Page]:
    """One window for all tests: a new one would have to compile the charts' library again."""
    page = browser.new_page()
    page.set_default_timeout(15_000)
    yield page
    page.close()


@pytest.fixture
def page(window) -> Iterator[Page]:
    """Give a test the window as if it were new."""
    window.set_viewport_size({"width": 1280, "height": 900})
    window.emulate_media(color_scheme="light", reduced_motion="no-preference")
    yield window
    window.unroute_all(behavior="ignoreErrors")
    window.evaluate("localStorage.clear()")


def visit(page: Page, site: Path, name: str, state: str = "") -> Page:
    """Open a page of the dashboard from the disk and wait until it shows something."""
    page.goto("about:blank")
    page.goto(f"{(site / 'dashboard' / name).as_uri()}.html{state}")
    page.wait_for_selector(READY)
    return page


def travel(page: Page, site: Path, name: str, state: str) -> Page:
    """Show a state of a page that the window may have open already: for tests that only look at what is counted."""
    if page.url.split("#")[0] != f"{(site / 'dashboard' / name).as_uri()}.html":
        return visit(page, site, name, state)
    page.evaluate(TRAVEL, state)
    return page


def show_shop(shop: Shop, site: Path, folder: Path) -> Path:
    """Return a copy of the site that shows another shop."""
    workspace, events = Workspace(folder / "build"), shop.connection.table("events")
    item_names = shop.connection.table("item_names")
    write_facts(events, shop.catalogue, item_names, find_complete_days(events), "UTC", workspace)
    session_events = list_session_events(events, gap_minutes=60)
    write_products(session_events, relate_items(session_events), shop.catalogue, workspace)
    other = shutil.copytree(site, folder / "site")
    dashboard.install(workspace, other)
    return other


def see_all(page: Page) -> None:
    """Wait until every chart is drawn: those out of sight are, as soon as the page has nothing else to do.

    Nothing is scrolled: now and then Chromium draws no more frames of a page that is, until it is loaded again.
    """
    page.wait_for_function("() => window.Plotly !== undefined")
    page.wait_for_function(ALL_DRAWN)


# ---------------------------------------------------------------- every page


@pytest.mark.parametrize("scheme", ["http", pytest.param("file", marks=pytest.mark.nightly)])
def test_every_page_opens_cleanly_and_asks_no_other_host(browser, site, address, scheme):
    """From the disk, the other tests, and that of the whole report, open pages in `make test`."""
    base = address if scheme == "http" else site.as_uri()
    page, wrong = browser.new_page(), []
    page.on("console", lambda line: line.type == "error" and wrong.append(line.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda asked: asked.url.startswith((base, "data:", "blob:")) or wrong.append(asked.url))
    for name in PAGES:
        page.set_viewport_size({"width": WIDTHS[0], "height": 900})
        page.goto(f"{base}/dashboard/{name}.html")
        page.wait_for_selector(READY)
        see_all(page)
        # A page is still right when its window is made wider.
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            excess = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
            if excess > TOLERANCE:
                wrong.append(f"{name} at {width} scrolls sideways by {excess}")
    page.close()
    assert wrong == []


def test_a_wide_window_has_the_page_in_its_middle(page, site):
    page.set_viewport_size({"width": 2560, "height": 900})
    visit(page, site, "business")
    left, right = page.evaluate(
        """() => {
            const content = document.querySelector("main.content").getBoundingClientRect();
            const sidebar = document.querySelector("#quarto-sidebar").getBoundingClientRect();
            return [content.left - sidebar.right, innerWidth - content.right];
        }"""
    )
    assert left == pytest.approx(right, abs=60)
    assert len(set(page.locator(".card").evaluate_all("(cards) => cards.map((card) => card.offsetTop)"))) == 1


@pytest.mark.parametrize("name", PAGES)
def test_names_from_the_data_are_text(page, site, name):
    visit(page, site, name, f"#model={quote(HOSTILE)}")
    see_all(page)
    for fold in page.locator("details").all():
        fold.evaluate("(fold) => { fold.open = true; }")
    assert page.evaluate("window.harmed") is None
    assert page.locator("#dashboard img, #dashboard script").count() == 0
    if name == "forecasting":
        assert HOSTILE in page.get_by_label("Model", exact=True).inner_text()
        assert HOSTILE in page.locator("[data-panel=models] table").inner_text()
        assert "<img" in page.locator("[data-panel=models] .plot").text_content()


@pytest.mark.parametrize("name", PAGES)
def test_without_javascript_there_is_something_to_read(browser, site, name):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{(site / 'dashboard' / name).as_uri()}.html")
    assert "JavaScript" in page.locator("noscript p").first.inner_text()
    assert page.locator("noscript p", has_text="The part figure_").first.is_visible()
    assert not page.locator("#dashboard").is_visible()
    context.close()


@pytest.mark.parametrize("name", PAGES)
def test_charts_and_controls_have_names(page, site, name):
    visit(page, site, name)
    for plot in page.locator(".plot:visible").all():
        assert len(plot.get_attribute("aria-label")) > 20
    unnamed = page.evaluate(
        """() => [...document.querySelectorAll('#dashboard :is(button, input, select)')]
            .filter((control) => control.offsetParent)
            .filter((control) => !control.textContent.trim() && !control.ariaLabel && !control.labels?.length)
            .map((control) => control.outerHTML)"""
    )
    assert unnamed == []
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((element) => element.id)")
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("name", PAGES)
def test_nothing_moves_for_whoever_asked_for_that(page, site, name):
    """Charts and controls change at once: some milliseconds after a click, nothing is on its way."""
    page.emulate_media(reduced_motion="reduce")
    visit(page, site, name)
    see_all(page)
    seen = page.locator("#dashboard button:visible")
    for number in range(6):
        if seen.nth(number).is_enabled():
            seen.nth(number).click()
            animated, moved = page.evaluate(WHAT_MOVES)
            assert animated == []
            assert moved <= MOST_REDRAWS


def test_the_page_of_a_product_has_no_barrier(page, site, shop):
    """All pages as they open are looked at with the whole report."""
    item = int(shop.events.groupby("itemid").size().idxmax())
    visit(page, site, "products", f"#item={item}")
    page.wait_for_selector("[data-panel=related] tbody a")
    assert find_barriers(page) == []


def test_data_that_cannot_be_loaded_is_said_to_be_missing(page, address):
    wrong = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.route("**/data/facts.js", lambda route: route.abort())
    page.goto(f"{address}/dashboard/business.html")
    page.wait_for_selector(READY)
    said = "The data of this page could not be loaded: data/facts.js is not there."
    assert page.locator("#dashboard").inner_text() == said
    assert wrong == ["data/facts.js is not there"]


def test_what_could_not_be_loaded_is_asked_for_again(page, address, shop):
    one, other = shop.events["itemid"].value_counts().index[:2]
    page.route("**/data/products-0.js", lambda route: route.abort())
    page.goto(f"{address}/dashboard/products.html#item={one}")
    said = page.get_by_text("The data of this product could not be loaded: data/products-0.js is not there.")
    said.wait_for()
    page.unroute("**/data/products-0.js")
    page.goto(f"{address}/dashboard/products.html#item={other}")
    page.wait_for_selector("[data-panel=related] tbody a")
    assert not said.is_visible()


def test_what_a_search_finds_is_no_barrier(page, site):
    visit(page, site, "products", "#search=1")
    page.wait_for_selector("[data-panel=search] tbody a")
    assert find_barriers(page) == []


def test_a_build_without_data_says_so(page, workspace, tmp_path):
    empty = render_site(tmp_path / "project", Workspace(tmp_path / "empty"))
    for name in PAGES:
        visit(page, empty, name)
        assert "is not there" in page.locator("#dashboard").inner_text()


# ---------------------------------------------------------------- Business


def expect_cards(shop, first: str, last: str, kinds: list[str], categories: list[int] | None) -> dict:
    """Return what the cards must say, by queries to the engine."""
    inside = "TRUE" if categories is None else f"category IN ({', '.join(map(str, categories))})"
    listed = ", ".join(f"'{kind}'" for kind in kinds)
    query = f"""
        WITH history AS (
            SELECT *, valid_from = min(valid_from) OVER (PARTITION BY itemid) AS is_first FROM item_categories
        ), prices AS (
            SELECT *, valid_from = min(valid_from) OVER (PARTITION BY itemid) AS is_first FROM item_prices
        ), known AS (
            SELECT events.*,
              (SELECT arg_max(categoryid, valid_from) FROM history AS h WHERE h.itemid = events.itemid
                 AND (h.valid_from <= events.timestamp OR h.is_first)) AS category,
              (SELECT arg_max(price, valid_from) FROM prices AS p WHERE p.itemid = events.itemid
                 AND (p.valid_from <= events.timestamp OR p.is_first)) AS price
            FROM events
        )
        SELECT count(*) FILTER (event = 'view') AS views, count(*) FILTER (event = 'addtocart') AS carts,
          count(*) FILTER (event = 'transaction') AS units, count(DISTINCT visitorid) AS visitors,
          count(DISTINCT itemid) AS items, count(DISTINCT transactionid) AS orders,
          count(DISTINCT transactionid) FILTER (price IS NOT NULL) AS priced,
          coalesce(sum(price) FILTER (event = 'transaction'), 0) AS revenue,
          count(DISTINCT visitorid) FILTER (event = 'transaction') / count(DISTINCT visitorid) AS conversion
        FROM known
        WHERE CAST(timestamp AS DATE) BETWEEN DATE '{first}' AND DATE '{last}' AND event IN ({listed}) AND {inside}
    """
    row = shop.connection.raw_sql(query).df().iloc[0].to_dict()
    priced = row.pop("priced")
    row["basket"] = row["revenue"] / priced if priced else None
    if "transaction" not in kinds or len(kinds) == 1:
        row["conversion"] = None
    return row


ALL = ["view", "addtocart", "removefromcart", "transaction"]


@pytest.mark.parametrize(
    ("state", "first", "last", "kinds", "categories"),
    [
        ("", "2024-02-12", "2024-03-10", ALL, None),
        ("#from=2024-01-05&to=2024-01-11", "2024-01-05", "2024-01-11", ALL, None),
        ("#from=2024-01-01&to=2024-03-10&category=1", "2024-01-01", "2024-03-10", ALL, [1, 10, 11, 110]),
        ("#from=2024-01-20&to=2024-02-20&category=110", "2024-01-20", "2024-02-20", ALL, [110]),
        ("#events=view,transaction&category=2", "2024-02-12", "2024-03-10", ["view", "transaction"], [2, 20]),
        ("#events=addtocart", "2024-02-12", "2024-03-10", ["addtocart"], None),
    ],
)
def test_cards_say_what_a_query_says(page, site, shop, state, first, last, kinds, categories):
    cards = read_cards(travel(page, site, "business", state))
    expected = expect_cards(shop, first, last, kinds, categories)
    assert set(cards) == set(expected)
    for name, value in expected.items():
        assert cards[name] == (None if value is None else pytest.approx(value)), name


def test_filters_change_the_cards_and_the_address_and_come_back(page, site, shop):
    visit(page, site, "business")
    usual = read_cards(page)
    page.get_by_role("button", name="All days").click()
    page.get_by_label("Category", exact=True).select_option(label="Category 1")
    page.get_by_label("Within").select_option(label="Category 11")
    page.locator(".chips").get_by_role("button", name="Removals from cart").click()
    chosen = read_cards(page)
    kinds = ["view", "addtocart", "transaction"]
    expected = expect_cards(shop, "2024-01-01", "2024-03-10", kinds, [11, 110])
    assert chosen["views"] == expected["views"] != usual["views"]
    assert "Category 1 › Category 11" in page.locator(".status").inner_text()
    page.reload()
    page.wait_for_selector(READY)
    assert read_cards(page) == chosen
    page.get_by_role("button", name="Reset").click()
    assert read_cards(page) == usual
    assert "#" not in page.url


def test_cards_compare_with_the_days_before(page, site, shop):
    travel(page, site, "business", "#from=2024-02-01&to=2024-02-14")
    now, before = (
        expect_cards(shop, *days, ALL, None)["views"]
        for days in (("2024-02-01", "2024-02-14"), ("2024-01-18", "2024-01-31"))
    )
    shown = page.locator("[data-card=views] .change").inner_text().replace("\u00a0", " ")
    assert f"{abs(now / before - 1):.1%}".replace("%", " %") in shown
    assert ("up" if now > before else "down") in page.locator("[data-card=views] .change").text_content()


def test_a_small_change_is_a_change(page, site):
    travel(page, site, "business", "")
    shown = page.evaluate(
        """() => [[1005, 1000], [995, 1000], [1000.4, 1000], [0.105, 0.1, true], [0.10001, 0.1, true]].map(
            ([value, before, isShare]) => {
                const cards = smartrocket.cards();
                cards.show([{ name: "a", label: "a", text: "", value, before, isShare }]);
                return cards.element.querySelector(".change").textContent.replace("\u00a0", " ");
            })"""
    )
    assert shown == ["▲ up 0.5 %", "▼ down 0.5 %", "± unchanged 0.0 %", "▲ up 0.50 points", "± unchanged 0.00 points"]


def test_tables_are_exported_whole(page, site, shop):
    travel(page, site, "business", "#from=2024-01-05&to=2024-02-05")
    rows = read_csv(save(page, "Day by day: save as CSV"))
    assert [row["Day"] for row in rows] == [f"{day:%Y-%m-%d}" for day in pd.date_range("2024-01-05", "2024-02-05")]
    expected = expect_cards(shop, "2024-01-05", "2024-02-05", ALL, None)
    assert sum(int(row["Views"]) for row in rows) == expected["views"]
    assert sum(float(row["Revenue"]) for row in rows) == pytest.approx(expected["revenue"])


def test_what_is_exported_cannot_run_in_a_spreadsheet(page, site):
    travel(page, site, "business", "")
    text = page.evaluate(
        """smartrocket.writeCsv([{name: 'a', value: (row) => row}], ['=1+1', 'x"y', 'one,two', -3, 'line\\nbreak'])"""
    )
    assert [row["a"] for row in read_csv(text.encode())] == ["'=1+1", 'x"y', "one,two", "-3", "line\nbreak"]


def test_a_chart_is_saved_as_a_picture(page, site):
    visit(page, site, "business")
    see_all(page)
    assert save(page, "From a view to a sale: save as PNG").startswith(b"\x89PNG")


def test_a_picture_of_a_dark_page_can_be_read_alone(page, site):
    page.emulate_media(color_scheme="dark")
    visit(page, site, "business")
    see_all(page)
    page.wait_for_function(IS_DARK)
    page.evaluate(
        """() => {
            const draw = Plotly.toImage;
            Plotly.toImage = (figure, options) => {
                window.saved = figure.layout;
                return draw(figure, options);
            };
        }"""
    )
    picture = save(page, "From a view to a sale: save as PNG")
    assert page.evaluate("saved.title.text") == "From a view to a sale"
    corner = page.evaluate(
        """async (bytes) => {
            const image = await createImageBitmap(new Blob([new Uint8Array(bytes)]));
            const context = new OffscreenCanvas(image.width, image.height).getContext("2d");
            context.drawImage(image, 0, 0);
            return [...context.getImageData(2, 2, 1, 1).data];
        }""",
        list(picture),
    )
    assert corner == [0x12, 0x17, 0x1D, 255]


def test_an_empty_choice_says_so(page, site):
    travel(page, site, "business", "#category=3")
    assert read_cards(page)["units"] == 0
    text = page.locator("[data-panel=days] .summary").inner_text()
    assert text == "Nothing of this happened in the chosen days and categories."
    assert page.locator("[data-panel=days].is-empty").count() == 1
    for file in page.locator("[data-panel=days] .files button").all():
        assert file.is_disabled()


def test_an_address_with_nonsense_shows_the_usual_days(page, site):
    usual = read_cards(visit(page, site, "business"))
    assert read_cards(travel(page, site, "business", "#from=x&to=9999&category=abc&events=nothing")) == usual
    assert read_cards(travel(page, site, "business", "#from=2024-02-30&to=2024-02-31")) == usual
    assert read_cards(travel(page, site, "business", "#from=2024-13-41&to=0000-00-00")) == usual
    assert "The log goes" not in page.locator(".status").inner_text()


@pytest.fixture(scope="module")
def ragged(site, tmp_path_factory):
    """A shop whose log begins in the evening of a day and ends in the morning of another."""
    shop = make_shop()
    moments = shop.events["timestamp"]
    kept = shop.events[moments.between("2024-01-03 18:00", "2024-03-07 09:00")]
    shop.connection.create_table("events", kept, overwrite=True)
    return show_shop(shop, site, tmp_path_factory.mktemp("ragged"))


@pytest.mark.parametrize(
    ("state", "told", "compared"),
    [
        ("#to=2098-01-01", "The log goes from 3 Jan 2024 to 7 Mar 2024. ", False),
        ("#to=2099-01-01", "only a part of 7 Mar 2024 is in the log · not compared with earlier days", False),
        ("#from=2024-01-03&to=2024-01-20", "only a part of 3 Jan 2024 is in the log", False),
        ("#from=2024-01-03&to=2024-03-07", "only a part of 3 Jan 2024 and 7 Mar 2024 is in the log", False),
        ("#from=2024-03-01&to=2024-03-06", "compared with 24 Feb", True),
        ("", "compared with", True),
    ],
)
def test_days_that_the_log_does_not_have_are_told(page, ragged, state, told, compared):
    travel(page, ragged, "business", state)
    said = page.locator(".status").inner_text().replace("\u00a0", " ")
    assert told in said
    assert (page.locator("[data-card=views] .change").count() == 1) == compared
    if compared:
        assert "part" not in said
        assert "The log goes" not in said


def test_dates_can_be_typed(page, site, shop):
    visit(page, site, "business", "#from=2024-02-01&to=2024-02-20")
    field = page.get_by_label("From", exact=True)
    field.focus()
    # The digits of a date in the order of this browser; a day of the year 2 is not one of the log.
    for digit in "02052024":
        page.keyboard.press(digit)
        assert "from=2024" in page.url
    assert field.input_value() == "2024-02-05"
    assert read_cards(page)["views"] == expect_cards(shop, "2024-02-05", "2024-02-20", ALL, None)["views"]
    other, elsewhere = page.get_by_label("To", exact=True), page.get_by_role("button", name="7 days")
    # A first day after the last one: both stay as they were typed until the field is left.
    elsewhere.focus()
    field.focus()
    page.keyboard.type("03072024")
    assert [field.input_value(), other.input_value()] == ["2024-03-07", "2024-02-20"]
    elsewhere.focus()
    assert [field.input_value(), other.input_value()] == ["2024-02-20", "2024-03-07"]
    # What is no day of the log is not kept.
    field.focus()
    page.keyboard.type("02202023")
    elsewhere.focus()
    assert field.input_value() == "2024-02-20"


@pytest.fixture(scope="module")
def plain(site, tmp_path_factory):
    """A shop whose log has no removals, and whose products have a price only where they have a category."""
    shop = make_shop()
    kept = shop.events[shop.events["event"] != "removefromcart"]
    items = shop.connection.table("item_categories").to_pandas()["itemid"]
    prices = shop.connection.table("item_prices").to_pandas()
    shop.connection.create_table("events", kept, overwrite=True)
    shop.connection.create_table("item_prices", prices[prices["itemid"].isin(items)], overwrite=True)
    return show_shop(shop, site, tmp_path_factory.mktemp("plain"))


def test_a_kind_of_event_that_never_happened_is_not_chosen(page, plain):
    usual = read_cards(visit(page, plain, "business"))
    assert usual["conversion"] > 0
    for state in ("#events=view,addtocart,transaction", "#events=removefromcart"):
        assert read_cards(travel(page, plain, "business", state)) == usual
        assert "only" not in page.locator(".status").inner_text()
    for name in ("Views", "Adds to cart"):
        page.locator(".chips").get_by_role("button", name=name).click()
    assert page.url.endswith("#events=transaction")
    assert read_cards(page)["conversion"] is None
    for name in ("Views", "Adds to cart"):
        page.locator(".chips").get_by_role("button", name=name).click()
    assert "#" not in page.url
    assert read_cards(page) == usual


def test_what_was_sold_at_unknown_prices_is_not_worth_nothing(page, plain):
    cards = read_cards(travel(page, plain, "business", "#category=none"))
    assert cards["units"] > 0
    assert [cards["revenue"], cards["basket"]] == [None, None]
    assert "no price of what was sold is known" in page.locator("[data-card=revenue]").inner_text()
    for panel in ("days", "categories"):
        assert "No price is known" in page.locator(f"[data-panel={panel}] .summary").inner_text()
    travel(page, plain, "business", "")
    for card in ("revenue", "basket"):
        assert "of unknown price" in page.locator(f"[data-card={card}]").inner_text()
    parts = read_csv(save(page, "Categories compared: save as CSV"))
    assert [row["Category"] for row in parts if int(row["Units"]) and not row["Revenue"]] == ["No category"]
    assert all(float(row["Revenue"]) == 0 for row in parts if not int(row["Units"]))
    travel(page, plain, "business", "#category=none&daily=units")
    days = read_csv(save(page, "Day by day: save as CSV"))
    assert [row["Revenue"] for row in days] == ["" if int(row["Units"]) else "0" for row in days]
    assert read_cards(visit(page, plain, "products", "#category=none"))["revenue"] is None
    products = read_csv(save(page, "Products: save as CSV"))
    assert [row["Revenue"] for row in products] == ["" if int(row["Units"]) else "0" for row in products]


def test_what_the_charts_show_is_in_the_address_and_comes_back(page, site):
    visit(page, site, "business")
    for panel, button in (("days", "Orders"), ("week", "Sales"), ("tree", "Units")):
        page.locator(f"[data-panel={panel}]").get_by_role("button", name=button, exact=True).click()
    summaries = page.locator("[data-panel] .summary")
    chosen = summaries.all_inner_texts()
    assert chosen[0].startswith("Orders: ")
    page.reload()
    page.wait_for_selector(READY)
    assert summaries.all_inner_texts() == chosen
    pressed = page.locator(".tools [aria-pressed=true]").all_inner_texts()
    assert pressed == ["Orders", "Sales", "Units", "Units"]
    for panel, button in (("days", "Revenue"), ("week", "Views"), ("categories", "Revenue")):
        page.locator(f"[data-panel={panel}]").get_by_role("button", name=button, exact=True).click()
    assert "#" not in page.url
    visit(page, site, "business", "#daily=x&hourly=x&size=x")
    assert page.locator(".tools [aria-pressed=true]").all_inner_texts() == ["Revenue", "Views", "Revenue", "Revenue"]


@pytest.mark.parametrize(
    ("events", "step", "pressed", "offered", "empty"),
    [
        ("view", "Viewed", ["Visitors", "Views", "Views", "Views"], ["Visitors", "Views"], ["units", "prices"]),
        (
            "addtocart",
            "Added to cart",
            ["Visitors", *["Adds to cart"] * 3],
            ["Visitors", "Adds to cart"],
            ["units", "prices"],
        ),
        (
            "transaction",
            "Bought",
            ["Revenue", "Sales", "Revenue", "Revenue"],
            ["Revenue", "Units", "Orders", "Visitors"],
            [],
        ),
    ],
)
def test_charts_show_what_the_chosen_events_can_tell(page, site, events, step, pressed, offered, empty):
    travel(page, site, "business", f"#events={events}")
    tools = page.locator(".tools [aria-pressed=true]")
    assert tools.all_inner_texts() == pressed
    assert page.locator("[data-panel=days] .tools button:enabled").all_inner_texts() == offered
    assert page.locator("[data-panel].is-empty").evaluate_all("(all) => all.map((one) => one.dataset.panel)") == empty
    for panel in empty:
        said = page.locator(f"[data-panel={panel}] .summary").inner_text()
        assert said == "Sales are not among the chosen events."
    steps = read_csv(save(page, "From a view to a sale: save as CSV"))
    assert [(row["Step"], float(row["Of all visitors"])) for row in steps] == [(step, 1)]
    page.get_by_role("button", name="Reset", exact=True).click()
    assert tools.all_inner_texts() == ["Revenue", "Views", "Revenue", "Revenue"]
    assert page.locator(".tools button:disabled").count() == 0


def test_a_new_address_is_counted_once(page, site):
    visit(page, site, "business", "#category=1")
    page.evaluate("() => { window.travels = 0; smartrocket.address.onTravel(() => { window.travels += 1; }); }")
    page.evaluate("() => { location.hash = 'category=2'; }")
    page.wait_for_timeout(200)
    page.go_back()
    page.wait_for_timeout(200)
    assert page.evaluate("window.travels") == 2
    assert "Category 1" in page.locator(".status").inner_text()


def test_everything_can_be_done_by_keyboard(page, site):
    visit(page, site, "business")
    before = read_cards(page)
    button = page.get_by_role("button", name="7 days", exact=True)
    button.focus()
    assert button.evaluate("(button) => getComputedStyle(button).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    assert read_cards(page)["views"] < before["views"]
    chip = page.get_by_role("button", name="Views", exact=True).first
    chip.focus()
    page.keyboard.press("Space")
    assert chip.get_attribute("aria-pressed") == "false"
    assert read_cards(page)["views"] == 0


def test_a_chart_is_drawn_when_it_comes_near_the_window(browser, site):
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.add_init_script("window.requestIdleCallback = () => {}")
    visit(page, site, "business")
    page.wait_for_function("() => document.querySelector('.js-plotly-plot')")
    last = page.locator(".panel:not(.is-empty) .plot").last
    assert "js-plotly-plot" not in last.get_attribute("class")
    last.scroll_into_view_if_needed()
    page.wait_for_function("(plot) => plot.matches('.js-plotly-plot')", arg=last.element_handle())
    page.close()


def test_charts_follow_the_theme(page, site):
    page.set_viewport_size({"width": 1280, "height": 1600})
    visit(page, site, "business")
    see_all(page)
    ink = "() => getComputedStyle(document.querySelector('.plot .xtick text, .plot .ytick text')).fill"
    page.wait_for_function(IS_LIGHT)
    light = page.evaluate(ink)
    page.locator(".quarto-color-scheme-toggle:visible").first.click()
    page.wait_for_function(IS_DARK)
    page.wait_for_function(f"(light) => ({ink})() !== light", arg=light)


def test_the_tree_and_its_summary_leave_out_what_has_no_category(page, site):
    visit(page, site, "business")
    rows = read_csv(save(page, "Categories compared: save as CSV"))
    known = {row["Category"]: float(row["Revenue"]) for row in rows if row["Category"] != "No category"}
    assert len(known) == len(rows) - 1
    first = max(known, key=known.get)
    share = f"{first} leads with {known[first] / sum(known.values()):.1%} of the revenue in known categories, "
    summary = page.locator("[data-panel=tree] .summary").inner_text().replace("\u00a0%", "%")
    assert summary == f"{share}ahead of {len(known) - 1} other part{'s' * (len(known) > 2)}."


@pytest.mark.parametrize(
    ("state", "parts"),
    [
        ("", {"Category 1": [1, 10, 11, 110], "Category 2": [2, 20]}),
        ("&levels=2", {"Category 10": [10], "Category 11": [11, 110], "Category 1 itself": [1], "Category 20": [20]}),
        ("&levels=3", {"Category 110": [110], "Category 11 itself": [11], "Category 10": [10], "Category 20": [20]}),
        ("&category=1&levels=2", {"Category 110": [110], "Category 11 itself": [11], "Category 1 itself": [1]}),
        ("&category=11&levels=3", {"Category 110": [110], "Category 11 itself": [11]}),
    ],
)
def test_categories_of_each_level_are_compared(page, site, shop, state, parts):
    travel(page, site, "business", f"#from=2024-01-10&to=2024-02-20{state}")
    rows = {row["Category"]: row for row in read_csv(save(page, "Categories compared: save as CSV"))}
    whole = read_cards(page)
    assert sum(int(row["Views"]) for row in rows.values()) == whole["views"]
    assert sum(int(row["Units"]) for row in rows.values()) == whole["units"]
    assert sum(float(row["Revenue"]) for row in rows.values()) == pytest.approx(whole["revenue"])
    for label, categories in parts.items():
        expected = expect_cards(shop, "2024-01-10", "2024-02-20", ALL, categories)
        if not expected["visitors"]:
            assert label not in rows
            continue
        shown = [int(rows[label][name]) for name in ("Views", "Adds to cart", "Units", "Visitors")]
        assert shown == [expected[name] for name in ("views", "carts", "units", "visitors")]


def test_the_level_of_categories_is_chosen_and_comes_back(page, site):
    visit(page, site, "business", "#category=1")
    level = page.get_by_label("Level", exact=True)
    assert level.locator("option:enabled").all_inner_texts() == ["1 level below", "2 levels below"]
    level.select_option("2")
    assert page.url.endswith("levels=2")
    said = page.locator("[data-panel=categories] .summary").inner_text()
    page.reload()
    page.wait_for_selector(READY)
    assert level.input_value() == "2"
    assert page.locator("[data-panel=categories] .summary").inner_text() == said
    level.select_option("1")
    assert "levels" not in page.url


def test_half_of_the_units_cost_no_more_than_is_said(page, site):
    travel(page, site, "business", "")
    said = []
    for prices in ([5], [1, 2], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], [4, 4, 4, 4, 9]):
        said.append(page.evaluate("(prices) => [0.5, 0.9].map((share) => smartrocket.leastOf(prices, share))", prices))
    assert said == [[5, 5], [1, 2], [5, 9], [4, 9]]


@pytest.mark.parametrize("events", ["view", "addtocart", "transaction", "removefromcart"])
def test_pages_of_products_say_what_the_chosen_events_leave_out(page, site, shop, events):
    visit(page, site, "products", f"#events={events}&category=1")
    said = {name: page.locator(f"[data-panel={name}] .summary").inner_text() for name in ("sales", "share", "rising")}
    assert (said["sales"] == "Sales are not among the chosen events.") == (events != "transaction")
    assert (said["share"] == "Sales are not among the chosen events.") == (events != "transaction")
    assert (said["rising"] == "Views are not among the chosen events.") == (events != "view")
    if events != "view":
        assert page.locator("[data-panel=rising] tbody").inner_text() == "Nothing was compared."
    item = shop.events["itemid"].mode()[0]
    visit(page, site, "products", f"#events={events}&item={item}")
    page.wait_for_selector("[data-panel=history] .summary:not(:empty)")
    history = page.locator("[data-panel=history] .summary").inner_text()
    words = {"view": "view", "addtocart": "into a cart", "transaction": "sold", "removefromcart": "Removals"}
    assert [name for name, word in words.items() if word in history] == [events]
    assert "needs both" in page.locator("[data-panel=rate] .summary").inner_text()


def test_a_table_is_saved_where_its_chart_is_empty(page, plain):
    travel(page, plain, "business", "#category=none")
    panel = page.locator("[data-panel=days]")
    assert "No price is known" in panel.locator(".summary").inner_text()
    assert panel.get_by_role("button", name="PNG").is_disabled()
    rows = read_csv(save(page, "Day by day: save as CSV"))
    assert sum(int(row["Views"]) for row in rows) == read_cards(page)["views"] > 0


def test_a_category_without_parts_is_not_compared(page, site):
    travel(page, site, "business", "#category=110")
    summary = page.locator("[data-panel=categories] .summary").inner_text()
    assert summary == "There is nothing to compare: Category 110 itself has all of the revenue."


def test_names_in_the_tree_are_left_out_where_they_would_be_too_small(page, site):
    visit(page, site, "business")
    see_all(page)
    tree = page.locator("[data-panel=tree] .plot")
    before = tree.evaluate("(plot) => plot._fullLayout.width")
    page.locator("[data-panel=tree]").evaluate(
        "(panel) => { panel.style.maxWidth = '9rem'; dispatchEvent(new Event('resize')); }"
    )
    page.wait_for_function("([plot, before]) => plot._fullLayout.width < before", arg=[tree.element_handle(), before])
    page.evaluate("smartrocket.drawn()")
    sizes = page.locator("[data-panel=tree] g.slicetext text").evaluate_all(
        """(texts) => texts.map((text) => {
            const { a } = text.getCTM();
            return a * parseFloat(getComputedStyle(text).fontSize);
        }).filter(Boolean)"""
    )
    assert min(sizes) >= 9.9


# The least contrast of the texts that stand inside marks of a chart, as WCAG reckons it.
LEAST_CONTRAST = """(panel) => {
    const read = (colour) => colour.match(/[\\d.]+/g).slice(0, 3).map((part) => part / 255)
        .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    const light = (colour) => read(colour).reduce((sum, part, at) => sum + part * [0.2126, 0.7152, 0.0722][at], 0.05);
    const texts = [...document.querySelectorAll(`[data-panel=${panel}] .plot :is(.bartext-inside, g.slicetext text)`)];
    return Math.min(...texts.map((text) => {
        const mark = text.closest(".point, g.slice").querySelector("path");
        const pair = [text, mark].map((element) => light(getComputedStyle(element).fill));
        return Math.max(...pair) / Math.min(...pair);
    }));
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_inside_charts_can_be_read(page, site, scheme):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": 1280, "height": 1600})
    visit(page, site, "business")
    see_all(page)
    page.wait_for_function(IS_DARK if scheme == "dark" else IS_LIGHT)
    page.evaluate("smartrocket.drawn()")
    for panel in ("funnel", "tree"):
        assert 4.5 <= page.evaluate(LEAST_CONTRAST, panel) <= 21, panel


# ---------------------------------------------------------------- Products and categories


def test_a_product_is_found_and_shows_its_history(page, site, shop):
    counts = shop.events.groupby("itemid").size()
    item = int(counts.idxmax())
    visit(page, site, "products", "#from=2024-01-01&to=2024-03-10")
    page.get_by_role("searchbox", name="Find a product").fill(str(item))
    page.locator("[data-panel=search] a", has_text=f"Product {item}").click()
    page.wait_for_selector("[data-card=price]")
    own = shop.events[shop.events["itemid"] == item]
    cards = read_cards(page)
    assert cards["views"] == (own["event"] == "view").sum()
    assert cards["units"] == (own["event"] == "transaction").sum()
    page.wait_for_selector("[data-panel=related] tbody a")
    related = shop.connection.table("related").to_pandas()
    expected = related[related["itemid"] == item].sort_values("rank")["relateditemid"].head(12)
    shown = page.locator("[data-panel=related] tbody th").all_inner_texts()
    assert shown == [f"Product {number}" for number in expected]
    rows = read_csv(save(page, "History: save as CSV"))
    assert sum(int(row["Views"]) for row in rows) == cards["views"]
    page.go_back()
    assert page.locator("h2[tabindex]").inner_text() == "The whole shop"


SLOW = """([name, number]) => {
    const load = smartrocket.load;
    window.underWay = 0;
    smartrocket.load = async (asked) => {
        const isSlow = asked.startsWith(name) && location.hash.includes(`item=${number}`);
        window.underWay += isSlow;
        const value = await load(asked);
        if (isSlow) await new Promise((resolve) => setTimeout(resolve, 1500));
        window.underWay -= isSlow;
        return value;
    };
}"""


@pytest.mark.parametrize("name", ["products-", "similar", "forecasts-"])
def test_data_that_arrives_late_does_not_stand_under_another_product(page, site, shop, name):
    late, item = (int(number) for number in shop.events["itemid"].value_counts().index[:2])
    shown = page.locator("[data-panel] :is(.summary, tbody th):visible")
    visit(page, site, "products", f"#item={item}")
    page.wait_for_selector("[data-panel=related] tbody a")
    expected = shown.all_inner_texts()
    visit(page, site, "products")
    page.evaluate(SLOW, [name, late])
    for number in (late, item):
        page.evaluate("(number) => { location.hash = `item=${number}`; }", number)
        page.get_by_role("heading", name=f"Product {number}", exact=True).wait_for()
        page.wait_for_timeout(200)
    page.wait_for_function("window.underWay === 0")
    page.wait_for_timeout(300)
    assert shown.all_inner_texts() == expected


def test_the_page_of_a_product_offers_no_category(page, site, shop):
    item = int(shop.events["itemid"].max())
    visit(page, site, "products", "#category=1")
    status, category = page.locator(".status"), page.get_by_label("Category", exact=True)
    assert category.is_visible()
    assert status.inner_text() == "28 days, 12 Feb – 10 Mar 2024 · Category 1"
    assert "compared with 15 Jan – 11 Feb 2024" in page.locator("[data-panel=rising] .summary").inner_text()
    page.evaluate("(item) => { location.hash += `&item=${item}`; }", item)
    page.get_by_role("heading", name=f"Product {item}", exact=True).wait_for()
    assert not category.is_visible()
    assert status.inner_text() == "28 days, 12 Feb – 10 Mar 2024"


@pytest.mark.parametrize("asked", ["999999999", "abc", "<b>1", "1e1"])
@pytest.mark.parametrize("kind", ["item", "category"])
def test_what_the_log_does_not_have_is_said(page, site, kind, asked):
    travel(page, site, "products", f"#{kind}={quote(asked)}")
    word = {"item": "product", "category": "category"}[kind]
    said = f"There is no {word} {asked} in this log."
    if kind == "category":
        said += " 28 days, 12 Feb – 10 Mar 2024"
    assert page.get_by_text(said, exact=True).is_visible()
    assert page.locator("h2[tabindex]").inner_text() == "The whole shop"


def test_a_category_that_the_log_does_not_have_is_said_to_whoever_filters(page, site):
    usual = read_cards(visit(page, site, "business"))
    assert read_cards(travel(page, site, "business", "#category=999")) == usual
    status = page.locator(".filters .status")
    assert status.inner_text().startswith("There is no category 999 in this log. 28 days, ")
    page.get_by_role("button", name="7 days", exact=True).click()
    assert status.inner_text().startswith("7 days, ")


def test_an_empty_number_is_no_product(page, site):
    visit(page, site, "products", "#item=")
    assert page.locator("h2[tabindex]").inner_text() == "The whole shop"
    assert page.evaluate("smartrocket.readId('')") is None


def test_a_product_with_a_large_number_is_found(page, site, tmp_path):
    """Its number has more digits than JavaScript's numbers hold, and so have those of its neighbours."""
    lift = 2**63 - 10**7
    shop = make_shop(lift=lift)
    lifted = show_shop(shop, site, tmp_path)
    item = int(shop.events.groupby("itemid").size().idxmax())
    visit(page, lifted, "business")
    page.get_by_label("Category", exact=True).select_option(label=f"Category {lift + 1}")
    assert f"category={lift + 1}" in page.url
    visit(page, lifted, "products", f"#item={item}&from=2024-01-01&to=2024-03-10")
    page.wait_for_selector("[data-card=views]")
    assert page.locator("h2[tabindex]").inner_text() == f"Product {item}"
    views = ((shop.events["itemid"] == item) & (shop.events["event"] == "view")).sum()
    assert read_cards(page)["views"] == views
    page.get_by_role("searchbox", name="Find a product").fill(str(item))
    assert page.locator("[data-panel=search] tbody th").first.inner_text() == f"Product {item}"


@pytest.mark.parametrize(
    ("typed", "expected"),
    [("Product 110", "Product 110"), ("#110", "Category 110"), ("category 110", "Category 110")],
)
def test_a_search_understands_names_and_takes_the_first_hit(page, site, typed, expected):
    visit(page, site, "products")
    field = page.get_by_role("searchbox", name="Find a product")
    field.fill(typed)
    assert page.locator("[data-panel=search] tbody th").first.inner_text() == expected
    field.press("Enter")
    page.locator("#dashboard h2[tabindex]", has_text=expected).wait_for()


def test_a_search_is_in_the_address_and_comes_back(page, site):
    visit(page, site, "products")
    field = page.get_by_role("searchbox", name="Find a product")
    field.fill("1")
    found = page.locator("[data-panel=search] tbody").inner_text()
    page.reload()
    page.wait_for_selector(READY)
    assert field.input_value() == "1"
    assert page.locator("[data-panel=search] tbody").inner_text() == found
    field.fill("")
    assert "#" not in page.url


def test_a_category_shows_its_share_and_products(page, site, shop):
    visit(page, site, "products", "#from=2024-01-01&to=2024-03-10&category=1")
    expected = expect_cards(shop, "2024-01-01", "2024-03-10", ALL, [1, 10, 11, 110])
    whole = expect_cards(shop, "2024-01-01", "2024-03-10", ALL, None)
    cards = read_cards(page)
    assert cards["units"] == expected["units"]
    assert cards["share"] == pytest.approx(expected["units"] / whole["units"])
    assert cards["items"] == expected["items"]
    assert page.locator("h2[tabindex]").inner_text() == "Category 1"
    parts = page.locator("[data-panel=subcategories] tbody th").all_inner_texts()
    assert set(parts) == {f"Category {number}" for number in TREE[TREE["parentid"] == 1]["categoryid"]}


@pytest.mark.parametrize(
    ("state", "kinds", "parts"),
    [
        ("", ALL, {1: [1, 10, 11, 110], 2: [2, 20]}),
        ("&category=1", ALL, {10: [10], 11: [11, 110]}),
        ("&category=1&events=transaction", ["transaction"], {10: [10], 11: [11, 110]}),
    ],
)
def test_subcategories_count_what_happened_in_them(page, site, shop, state, kinds, parts):
    travel(page, site, "products", f"#from=2024-01-20&to=2024-02-10{state}")
    rows = {row["Category"]: row for row in read_csv(save(page, "Subcategories: save as CSV"))}
    for part, categories in parts.items():
        expected = expect_cards(shop, "2024-01-20", "2024-02-10", kinds, categories)
        shown = [int(rows[f"Category {part}"][name]) for name in ("Units", "Views", "Products")]
        assert shown == [expected["units"], expected["views"], expected["items"]]


def test_the_mean_of_seven_days_looks_at_the_days_before(page, site, shop):
    visit(page, site, "products", "#from=2024-02-01&to=2024-02-14")
    see_all(page)
    means = page.evaluate("document.querySelector('[data-panel=sales] .plot').data[1].y")
    sold = shop.events[shop.events["event"] == "transaction"]
    units = sold.groupby(sold["timestamp"].dt.normalize()).size()
    units = units.reindex(pd.date_range("2024-01-26", "2024-02-14"), fill_value=0)
    assert means == pytest.approx(units.rolling(7).mean().dropna().tolist())


def test_a_heading_sorts_its_table(page, site):
    visit(page, site, "products")
    table = page.locator("[data-panel=products]")
    for _ in range(2):
        table.get_by_role("button", name="Views", exact=True).click()
    views = [int(text) for text in table.locator("tbody tr td:nth-child(4)").all_inner_texts()]
    assert views == sorted(views)
    assert table.locator("th[aria-sort=ascending]").inner_text() == "Views"


def test_what_is_missing_is_sorted_last(page, site):
    visit(page, site, "business")
    sorted_twice = page.evaluate(
        """() => {
            const shown = smartrocket.table({ caption: "a", columns: [{ name: "n", value: (row) => row }] });
            document.body.append(shown.element);
            shown.show([2, NaN, 3, null, 1, Infinity, 4]);
            return [0, 1].map(() => {
                shown.element.querySelector("thead button").click();
                return [shown.csv(), [...shown.element.querySelectorAll("tbody th")].map((cell) => cell.textContent)];
            });
        }"""
    )
    for (text, cells), known in zip(sorted_twice, (["4", "3", "2", "1"], ["1", "2", "3", "4"]), strict=True):
        assert cells == [*known, "–", "–", "–"]
        assert text.split()[1:5] == known


# ---------------------------------------------------------------- Forecasting


def test_forecasts_and_tests_are_those_of_the_tables(page, site, shop):
    tests, _, demand = make_tests(shop)
    item = int(tests.groupby("series")["actual"].sum().idxmax())
    visit(page, site, "forecasting", f"#level=item&id={item}&model={quote(HOSTILE)}")
    page.locator("[data-panel=forecast] summary").click()
    rows = read_csv(save(page, "Sold, tested and expected: save as CSV"))
    own = tests[tests["series"] == item]
    tested = [float(row["Forecast"]) for row in rows if row["Sold"] and row["Forecast"]]
    assert tested == pytest.approx(own[HOSTILE].tolist(), rel=2.5e-4)
    assert [float(row["Sold"]) for row in rows if row["Sold"] and row["Forecast"]] == own["actual"].tolist()
    place = list(demand.items).index(item)
    coming = [row for row in rows if not row["Sold"]]
    assert len(coming) == 1
    assert float(coming[0]["Forecast"]) == pytest.approx(0.7 * place / len(demand.items), rel=2.5e-4)
    assert (coming[0]["Low 95 %"], coming[0]["High 95 %"]) == ("0", "4")
    assert "Confidence: high" in page.locator("[data-panel=forecast] .summary").inner_text()


def test_every_day_ahead_has_its_band(page, site):
    visit(page, site, "forecasting")
    page.get_by_label("Horizon").select_option("each")
    assert "horizon=each" in page.url
    rows = read_csv(save(page, "Sold, tested and expected: save as CSV"))
    coming, tested = (
        [row for row in rows if row["Forecast"] and bool(row["Sold"]) == is_past] for is_past in (False, True)
    )
    assert [len(coming), len(tested)] == [7, 14]
    assert {(row["Low 80 %"], row["High 80 %"]) for row in tested} == {("0", "4")}
    inside = sum(int(row["Sold"]) <= 4 for row in tested)
    assert f"{inside} lie in the 80\u00a0% band" in page.locator("[data-panel=forecast] .summary").inner_text()
    page.get_by_label("Horizon").select_option("3")
    rows = read_csv(save(page, "Sold, tested and expected: save as CSV"))
    assert [row["Days"] for row in rows if row["Forecast"] and not row["Sold"]] == ["13 Mar 2024"]
    page.get_by_label("Model", exact=True).select_option("zero")
    assert page.get_by_label("Horizon").is_disabled()


def test_models_are_compared_at_the_chosen_level(page, site):
    visit(page, site, "forecasting")
    page.get_by_role("button", name="Products", exact=True).click()
    page.get_by_label("Measure").select_option("bias")
    assert "level=item" in page.url
    assert "metric=bias" in page.url
    rows = read_csv(save(page, "Models compared: save as CSV"))
    assert [row["Model"] for row in rows] == [HOSTILE, "zero"]
    page.get_by_role("button", name="Categories", exact=True).click()
    assert "not taken at this level" in page.locator("[data-panel=models] .summary").inner_text()
    assert page.get_by_label("Category", exact=True).input_value() == "10"


def test_units_sold_are_those_of_the_log_whatever_the_model(page, site, shop):
    tests, _, demand = make_tests(shop)
    sold = {}
    for model in (HOSTILE, "zero"):
        visit(page, site, "forecasting", f"#model={quote(model)}")
        rows = read_csv(save(page, "Sold, tested and expected: save as CSV"))
        sold[model] = [float(row["Sold"]) for row in rows if row["Sold"]]
    assert sold[HOSTILE] == sold["zero"]
    assert sold["zero"][-2:] == [demand.units[:, first : first + 7].sum() for first in (DAYS - 14, DAYS - 7)]
    covered = tests.loc[tests["known"], "actual"].sum()
    assert 0 < covered < sum(sold["zero"][-2:])
    summary = page.locator("[data-panel=forecast] .summary").inner_text()
    assert f"{covered:.0f} sold of the products that were known when it was forecast" in summary
    assert f"the line shows all {sum(sold['zero'][-2:]):.0f} that were sold" in summary
    assert sum(float(row["Sold, covered"]) for row in rows if row["Sold, covered"]) == covered


def test_a_category_without_sales_of_its_own_is_no_empty_chart(page, site):
    visit(page, site, "forecasting", "#level=category&id=3")
    summary = page.locator("[data-panel=forecast].is-empty .summary").inner_text()
    assert summary == "Nothing was sold lately in this very category, and there is no forecast."


def test_a_category_is_told_apart_from_those_below_it(page, site):
    visit(page, site, "forecasting", "#level=category&id=1")
    assert "category 1 itself, without the 3 categories below it" in page.locator(".status").first.inner_text()
    assert "There is no forecast of category 1" in page.locator(".filters .hint").inner_text()
    page.locator(".filters").get_by_role("link", name="Category 10", exact=True).click()
    page.wait_for_function("document.querySelector('.status').textContent.includes('category 10,')")
    assert page.get_by_label("Category", exact=True).input_value() == "10"


@pytest.mark.parametrize(
    ("state", "missing"),
    [
        ("#level=item&id=999999999", "There is no product 999999999 in this log."),
        ("#level=item&id=abc", "There is no product abc in this log."),
        ("#level=item&id=12.5", "There is no product 12.5 in this log."),
        ("#level=item&id=", "No product is chosen."),
        ("#level=category&id=77", "There is no category 77 in this log."),
    ],
)
def test_what_the_log_does_not_have_is_not_replaced(page, site, state, missing):
    visit(page, site, "forecasting", state)
    assert page.locator("[data-panel=forecast].is-empty .summary").inner_text() == missing
    assert page.locator(".status").first.inner_text() == missing


def test_a_product_is_typed_by_name_or_number_and_the_field_keeps_the_focus(page, site, shop):
    first, second = (int(item) for item in np.sort(shop.events["itemid"].unique())[:2])
    visit(page, site, "forecasting", f"#level=item&id={first}")
    field = page.get_by_label("Product (number)")
    field.fill(f"Product {second}")
    field.press("Enter")
    page.wait_for_function(
        "(id) => document.querySelector('.status').textContent.includes(`product ${id},`)", arg=second
    )
    assert field.evaluate("(field) => field === document.activeElement")
    assert field.input_value() == str(second)
    field.fill("")
    field.press("Tab")
    assert field.input_value() == str(second)
    assert page.evaluate("document.activeElement.tagName") != "BODY"


def test_a_forecast_that_comes_late_does_not_replace_the_next_choice(page, address, shop):
    item = int(shop.events["itemid"].max())
    late = []
    page.route("**/forecasts-0.js", lambda route: late.append(route))
    page.goto(f"{address}/dashboard/forecasting.html")
    page.wait_for_selector(READY)
    page.evaluate("(item) => { location.hash = `level=item&id=${item}`; }", item)
    page.wait_for_function("document.querySelector('[aria-label=Filters] input').offsetParent !== null")
    page.get_by_role("button", name="Whole shop").click()
    summary = page.locator("[data-panel=forecast] .summary")
    whole = summary.inner_text()
    page.wait_for_timeout(100)
    late[0].continue_()
    page.evaluate("smartrocket.load('forecasts-0')")
    page.wait_for_timeout(200)
    assert summary.inner_text() == whole


def test_panels_say_what_they_are_about(page, site):
    visit(page, site, "forecasting")
    # The made-up scores have no intervals.
    assert "interval" not in page.locator("[data-panel=models] .how").inner_text()
    for name in ("calibration", "weeks", "classes", "leads"):
        assert "all products" in page.locator(f"[data-panel={name}] .how").inner_text().lower()


# ---------------------------------------------------------------- Recommendations


@pytest.fixture(scope="module")
def asked(shop):
    """The network in PyTorch, the clicks of 200 test sessions but the last, and the lists after them."""
    items = np.sort(shop.events["itemid"].unique())
    model, _, test = make_network(items[:-2])
    clicks = next_clicks(test.take(np.arange(200)))
    last = np.flatnonzero(np.diff(clicks.session, append=-1))
    prefixes = clicks.prefixes.take(last)
    sessions = [part.tolist() for part in np.split(prefixes.items, prefixes.offsets[1:-1])]
    return model, prefixes, sessions


def test_the_page_computes_what_the_exported_network_computes(page, site, workspace, asked):
    network = read_network(workspace.path("models/explorer"))
    _, _, sessions = asked
    travel(page, site, "recommendations", "")
    expected = [network.list_items(np.array(session)).tolist() for session in sessions]
    assert ask_network(page, sessions) == expected
    script = "async (session) => (await smartrocket.openNetwork()).recommend(session, 20)"
    found = page.evaluate(script, sessions[0])
    confidence = network.confide(np.array(sessions[0]), np.array(expected[0]))
    assert [row["confidence"] for row in found] == pytest.approx(confidence.tolist(), rel=1e-4)


def test_rounded_lists_are_nearly_those_of_pytorch(page, site, asked):
    model, prefixes, sessions = asked
    whole = top_items(model.score(prefixes))
    lists = ask_network(travel(page, site, "recommendations", ""), sessions)
    shared = [len(set(one) & set(other.tolist())) / len(one) for one, other in zip(lists, whole, strict=True)]
    assert len(shared) == 200
    assert np.mean(shared) >= 0.95


def test_with_full_precision_the_lists_are_those_of_pytorch(page, site, asked):
    model, prefixes, sessions = asked
    weights = {name: value.weight.numpy().ravel().tolist() for name, value in model.parameters.items()}
    visit(page, site, "recommendations")
    page.evaluate(
        """async (weights) => {
            const value = await smartrocket.load("network");
            for (const [name, numbers] of Object.entries(weights)) value[name] = Float32Array.from(numbers);
            value.item_scales = null;
        }""",
        weights,
    )
    expected = [numbers.tolist() for numbers in top_items(model.score(prefixes))]
    assert {len(numbers) for numbers in expected} == {20}
    assert len(expected) == 200
    assert ask_network(page, sessions) == expected


def test_diverse_lists_are_those_of_the_report(page, site, workspace, asked):
    network = read_network(workspace.path("models/explorer"))
    _, _, sessions = asked
    sessions = sessions[:20]
    scores = np.stack([network.score_items(np.array(session)) for session in sessions])
    units = unit_vectors(network.arrays["items"])
    expected = rerank(scores.astype(np.float32), units.astype(np.float32), 0.4)
    found = ask_network(visit(page, site, "recommendations"), sessions, 0.4)
    same = [
        numbers[:10] == [n for n in own.tolist() if n != session[-1]][:10]
        for numbers, own, session in zip(found, expected, sessions, strict=True)
    ]
    assert np.mean(same) >= 0.9


def test_neighbouring_sessions_are_those_of_the_library(page, site, shop, asked):
    _, prefixes, sessions = asked
    stan = make_stan(np.sort(shop.events["itemid"].unique())[:-2])
    # Whoever asks comes after the training: how long after changes all votes alike.
    scores = stan.score(replace(prefixes, seconds=prefixes.seconds + stan.ends.max()))
    travel(page, site, "recommendations", "")
    script = """async (sessions) => {
        const stan = await smartrocket.openStan();
        return sessions.map((session) => stan.recommend(session, 20).map((row) => [row.number, row.votes]));
    }"""
    for rows, own in zip(page.evaluate(script, sessions), scores, strict=True):
        numbers, votes = zip(*rows, strict=True)
        shares = np.array(votes) / votes[0]
        assert shares == pytest.approx(own[list(numbers)] / own.max(), rel=1e-4)
        assert shares == pytest.approx(np.sort(own)[::-1][: len(votes)] / own.max(), rel=1e-4)


def test_an_unknown_product_gets_the_list_of_its_category(page, site, workspace, shop):
    item = int(shop.events["itemid"].max())
    visit(page, site, "recommendations", f"#session={item}")
    shown = page.locator("[data-panel=network] tbody th, [data-panel=network] tbody td:nth-child(2)").all_inner_texts()
    assert "knows none of these products" in page.locator("[data-panel=network] .summary").inner_text()
    known = np.sort(shop.events["itemid"].unique())[:-2]
    _, train, _ = make_network(known)
    fallback = Fallback(np.bincount(train.items, minlength=len(known)), find_places(shop, known))
    expected = known[fallback.list_items(find_places(shop, np.array([item]))[0])]
    assert [name for name in shown if "Product" in name][: len(expected)] == [
        f"Product {number}+" for number in expected
    ]


def test_a_session_is_built_followed_and_kept_in_the_address(page, site, workspace, shop):
    visit(page, site, "recommendations")
    assert "went on to Product" in page.locator(".status").inner_text()
    page.get_by_role("button", name="Empty").click()
    assert page.locator("[data-panel=network] td.empty").inner_text() == "The session is empty."
    item = int(shop.events["itemid"].max())
    page.get_by_role("searchbox", name="Add a product").fill(str(item))
    page.locator(".hits button").first.click()
    assert f"session={item}" in page.url
    rows = page.locator("[data-panel=network] tbody tr")
    rows.first.get_by_role("button", name="Add").click()
    assert page.locator(".clicks li").count() == 2
    page.get_by_label("Diversity").fill("0.5")
    state = page.locator("[data-panel=network] tbody").inner_text()
    page.reload()
    page.wait_for_selector(READY)
    assert page.locator("[data-panel=network] tbody").inner_text() == state
    page.get_by_role("button", name="Next real session").click()
    examples = json.loads(workspace.path("models/explorer/sessions.json").read_text())["sessions"]
    said = page.locator(".status")
    assert f"after {min(2, len(examples[0]) - 1)} of {len(examples[0])} clicks" in said.inner_text()
    page.get_by_role("button", name="Empty").click()
    page.get_by_role("button", name="Previous real session").click()
    assert f"Real session {len(examples)} of {len(examples)}" in said.inner_text()


def test_the_page_opens_with_a_session_that_the_network_gets_right(page, site, workspace):
    visit(page, site, "recommendations")
    address = page.url
    rows = page.locator("[data-panel=network] tbody tr")
    assert rows.filter(has_text="clicked next").count() == 1
    assert page.locator(".clicks li").count() >= 2
    examples = json.loads(workspace.path("models/explorer/sessions.json").read_text())["sessions"]
    number, seen = (int(re.search(rf"{name}=(\d+)", address)[1]) for name in ("example", "seen"))
    assert len(examples[number - 1]) >= 4
    prefixes = [
        session[:place] for session in examples[: number - 1] if len(session) >= 4 for place in range(2, len(session))
    ]
    prefixes += [examples[number - 1][:place] for place in range(2, seen)]
    following = [
        session[place] for session in examples[: number - 1] if len(session) >= 4 for place in range(2, len(session))
    ]
    following += examples[number - 1][2:seen]
    assert all(item not in found for item, found in zip(following, ask_network(page, prefixes), strict=True))
    page.reload()
    page.wait_for_selector(READY)
    assert page.url == address


def test_equals_are_not_told_as_a_lead(page, site, shop):
    sold = shop.events[shop.events["event"] == "transaction"]
    told = []
    visit(page, site, "business")
    for day in pd.date_range("2024-01-20", "2024-01-29"):
        state = f"from={day:%Y-%m-%d}&to={day:%Y-%m-%d}&levels=2&size=units&hourly=transaction"
        page.evaluate("(state) => { location.hash = state; }", state)
        page.locator(".status", has_text=f"1 day, {day:%-d %b %Y}").wait_for()
        parts = pd.Series([int(row["Units"]) for row in read_csv(save(page, "Categories compared: save as CSV"))])
        hours = sold[sold["timestamp"].dt.normalize() == day]["timestamp"].dt.hour.value_counts()
        equal_parts, equal_hours = ((counts == counts.max()).sum() for counts in (parts, hours))
        categories, week = (
            page.locator(f"[data-panel={name}] .summary").inner_text() for name in ("categories", "week")
        )
        assert (f"{equal_parts} parts have" in categories) == (equal_parts > 1)
        assert (" leads with " in categories) == (equal_parts == 1)
        assert (f" and {equal_hours - 1} other hour" in week) == (equal_hours > 1)
        told.append((equal_parts > 1, equal_hours > 1))
    assert {True, False} == {parts for parts, _ in told}
    assert any(hours for _, hours in told)


def test_what_stands_in_for_unknown_products_is_that_of_the_nearest_category(page, site, shop):
    *_, in_category, in_none = sorted(shop.events["itemid"].unique())
    placed = set(shop.catalogue.item_categories.to_pandas()["itemid"])
    assert (in_category in placed, in_none in placed) == (True, False)
    for item, where in (
        (in_category, "in the category of the last one, then in wider ones,"),
        (in_none, "in the whole shop"),
    ):
        visit(page, site, "recommendations", f"#session={item}")
        said = page.locator("[data-panel=network] .summary").inner_text()
        assert said.endswith(f"too new, or too rare. What is most clicked {where} stands in.")


def test_a_list_says_how_long_it_is_and_whose(page, site, shop):
    visit(page, site, "recommendations", f"#session={shop.events['itemid'].max()}")
    assert page.locator(".status").inner_text().endswith("1 click; what stands in for the network's list is below.")
    assert "knows none of these" in page.locator("[data-panel=network]").inner_text()
    page.get_by_role("button", name="Previous real session").click()
    page.get_by_role("button", name="remove click 1").click()
    rows = page.locator("[data-panel=network] tbody tr").count()
    assert f"the {rows} most likely next products are below" in page.locator(".status").inner_text()
    known = page.url.split("session=")[1].split(",")[-1]
    visit(page, site, "recommendations", f"#session={known},{shop.events['itemid'].max()}")
    assert "does not know 1 of the products" in page.locator(".status").inner_text()


def test_a_shop_that_shows_no_single_visitor_has_no_real_sessions(page, site, workspace, tmp_path):
    shown = shutil.copytree(site, tmp_path / "site")
    value = read_script(workspace, "explorer")
    hidden = Workspace(tmp_path / "build")
    arrays = {name: values for name, values in value.items() if isinstance(values, np.ndarray)}
    texts = {name: values for name, values in value.items() if name not in arrays}
    write_script(hidden, "explorer", texts | {"sessions": []}, arrays)
    shutil.copy(hidden.path("dashboard/explorer.js"), shown / "dashboard" / "data" / "explorer.js")
    visit(page, shown, "recommendations")
    assert page.locator(".status").inner_text() == "Add products to see what would be suggested next."
    assert page.get_by_role("button", name=re.compile("real session|click back|Follow")).count() == 0
    page.get_by_label(re.compile("Add a product")).fill("1")
    page.locator(".hits button").first.click()
    assert page.locator(".clicks li").count() == 1


@pytest.fixture(scope="module")
def named(site, tmp_path_factory):
    """A shop whose four busiest products have names: plain, long, of markup, and of one long word; and the four."""
    shop = make_shop()
    items = shop.events["itemid"].value_counts().sort_index().sort_values(ascending=False, kind="stable").index[:4]
    names = ["Red lamp 15", "A very long name of a product that goes on and on", MARKUP, "W" * 100]
    frame = pd.DataFrame({"itemid": items, "name": names, "valid_from": [FIRST_DAY] * 4})
    shop.connection.create_table("item_names", frame.astype({"valid_from": "datetime64[us]"}), overwrite=True)
    workspace = Workspace(tmp_path_factory.mktemp("build"))
    write_data(shop, workspace)
    other = shutil.copytree(site, tmp_path_factory.mktemp("named") / "site")
    dashboard.install(workspace, other)
    return other, items.tolist()


def test_products_are_found_and_called_by_their_names(page, named):
    site, (lamp, long, hostile, _) = named
    visit(page, site, "products")
    listed = page.locator("[data-panel=products] tbody th").all_inner_texts()
    assert {f"Red lamp 15 ({lamp})", f"A very long name of a product that… ({long})"} < set(listed)
    exported = {row["Product"] for row in read_csv(save(page, "Products: save as CSV"))}
    assert {f"A very long name of a product that goes on and on ({long})", f"{MARKUP} ({hostile})"} < exported
    search = page.get_by_label("Find a product or a category by its number or name")
    found = page.locator("[data-panel=search] tbody th")
    for typed in ("LAMP red", "lamp 15"):
        search.fill(typed)
        assert found.all_inner_texts() == [f"Red lamp 15 ({lamp})"]
    search.fill(str(lamp))
    assert found.first.inner_text() == f"Red lamp 15 ({lamp})"
    for typed in (f"Red lamp 15 ({lamp})", f"A very long name of a product that… ({lamp})"):
        search.fill(typed)
        assert found.all_inner_texts() == [f"Red lamp 15 ({lamp})"]
    search.fill("lamp 16")
    assert "No product or category has this number or name." in page.locator("[data-panel=search]").inner_text()
    search.fill("lamp")
    search.press("Enter")
    page.locator("h2[tabindex]", has_text=re.compile(rf"^Red lamp 15 \({lamp}\)$")).wait_for()
    for name, state in (("products", f"#item={hostile}"), ("recommendations", f"#session={hostile},{long}")):
        visit(page, site, name, state)
        see_all(page)
        assert MARKUP[:12] in page.locator("#dashboard").inner_text()
        if name == "recommendations":
            assert MARKUP[:12] in page.locator("[data-panel=popular-products] .plot").text_content()
        assert find_barriers(page) == []
    visit(page, site, "forecasting", "#level=item")
    field = page.get_by_label("Product (number or name)")
    for typed in ("red LAMP", f"Red lamp 15 ({lamp})", str(lamp)):
        visit(page, site, "forecasting", f"#level=item&id={hostile}")
        field.fill(typed)
        field.press("Enter")
        page.wait_for_url(f"**id={lamp}*")
        assert field.input_value() == str(lamp)
    visit(page, site, "forecasting", f"#level=item&id={hostile}")
    assert MARKUP[:12] in page.locator("#dashboard").inner_text()
    assert page.evaluate("window.harmed") is None


@pytest.mark.parametrize("address", ["products#", "products#item={}", "recommendations#session={}"])
def test_long_names_do_not_widen_a_page(page, named, address):
    site, (*_, word) = named
    page.set_viewport_size({"width": 390, "height": 800})
    name, state = address.format(word).split("#")
    visit(page, site, name, f"#{state}")
    see_all(page)
    wide = "(all) => all.map((one) => one.getBoundingClientRect().right).filter((right) => right > innerWidth + 1)"
    assert page.locator("#dashboard, #dashboard > *, .panel, .filters").evaluate_all(wide) == []


def test_the_steps_between_categories_are_told(page, site, workspace):
    journeys = read_script(workspace, "journeys")
    visit(page, site, "recommendations")
    said = page.locator("[data-panel=moves] .summary").inner_text().replace("\u00a0", " ")
    share = f"{100 * journeys['same'] / journeys['known']:.1f} %"
    assert said == f"Of {journeys['known']:,} steps from a product of a known category to another, {share} stay in it."


def test_an_empty_session_stays_empty(page, site):
    visit(page, site, "recommendations")
    page.get_by_role("button", name="Empty").click()
    page.reload()
    page.wait_for_selector(READY)
    assert page.locator(".clicks li").count() == 0
    assert "Add products" in page.locator(".status").inner_text()


@pytest.mark.parametrize(
    ("state", "remark"),
    [
        ("#session=abc,999999999,{item}", "This log does not have Product abc and Product 999999999. 1 click;"),
        ("#example=9999", "There is no real session 9999. Add products"),
        ("#example=abc", "There is no real session abc. Add products"),
    ],
)
def test_what_an_address_asks_for_in_vain_is_said(page, site, shop, state, remark):
    visit(page, site, "recommendations", state.format(item=shop.events["itemid"].max()))
    assert page.locator(".status").inner_text().startswith(remark)


def test_the_diversity_of_an_address_is_one_of_the_slider(page, site):
    shown = "[data-panel=network] tbody"
    lists = [
        visit(page, site, "recommendations", f"#example=1&diversity={strength}").locator(shown).inner_text()
        for strength in (0.35, 0.4)
    ]
    assert lists[0] == lists[1]


def test_the_focus_stays_where_a_session_is_built(page, site, shop):
    focused = "document.activeElement.getAttribute('aria-label') ?? document.activeElement.id"
    visit(page, site, "recommendations", "#session=none")
    for item in np.sort(shop.events["itemid"].unique())[:2]:
        page.get_by_role("searchbox", name="Add a product").focus()
        page.keyboard.type(str(item))
        page.keyboard.press("Enter")
        assert page.evaluate(focused) == "click-search"
        assert page.locator(".clicks li").last.inner_text().startswith(f"Product {item}")
    row = page.locator("[data-panel=network] tbody tr").nth(2)
    row.locator("button.add").press("Enter")
    assert page.evaluate(focused) == row.locator("button.add").get_attribute("aria-label")
    assert page.locator(".clicks li").count() == 3
    for left in (2, 1):
        page.locator(".clicks button").nth(1).press("Enter")
        assert page.locator(".clicks li").count() == left
        assert page.evaluate(focused) == page.locator(".clicks button").nth(left - 1).get_attribute("aria-label")
    page.keyboard.press("Enter")
    assert page.evaluate(focused) == "click-search"


def test_the_hits_close_when_the_focus_leaves_them(page, site):
    visit(page, site, "recommendations")
    search = page.get_by_role("searchbox", name="Add a product")
    search.fill("1")
    search.press("Tab")
    assert page.locator(".hits button").first.evaluate("(hit) => hit === document.activeElement")
    page.get_by_label("Diversity").focus()
    assert page.locator(".hits li").count() == 0


def test_a_phone_shows_why_a_product_is_suggested(page, site):
    page.set_viewport_size({"width": 390, "height": 900})
    visit(page, site, "recommendations")
    why = page.locator("[data-panel=network] .why").first
    assert why.inner_text().startswith("near Product")
    scroller = page.locator("[data-panel=network] .scroller")
    assert scroller.evaluate("(table) => table.scrollWidth - table.clientWidth") <= TOLERANCE

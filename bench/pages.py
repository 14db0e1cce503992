"""Measure the dashboard of the built site in headless Chromium, one JSON line for each page and measure.

    python bench/pages.py [--site _site] [--repeats 5]

The site is served on this machine. `first_view` is the time from the request of a page to its first numbers, in a
browser that has nothing of it yet; `filter` the time from a click to the cards' new numbers (`cards`) and to all
charts in the window drawn anew (`charts`); `recommend` the time that a list of 20 takes after a session of five
clicks, for this shop's network and for one made up of 36,000 items and 100 units; `bytes` what a page loads at first,
and `all_data` what all pages together could ever load. Times are medians of so many `runs`, in milliseconds.
"""

import argparse
import json
import statistics
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from measurement import RESULTS, keep_results
from smartrocket.files import ROOT, read_json

CHROMIUM = "/usr/bin/chromium"
PAGES = ("business", "forecasting", "recommendations", "products")
READY = "#dashboard:not([aria-busy])"
ITEMS, UNITS = 36_000, 100
# What a reader clicks on, one after the other: every kind of filter.
CLICKS = ("[data-value='all']", "[data-value='7']", "[data-value='90']", "[data-kind='view']", "[data-value='28']")
# The first view is there when the page has its numbers; what is drawn after that is drawn while it can be read.
# A page that draws nothing more, of which Chromium is capable, ends the run instead of holding it up.
FIRST_VIEW = """() => new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error("nothing was drawn in a minute")), 60000);
    // The page may not have come so far as to have a place for them.
    const isThere = () => document.querySelector("#dashboard :is(.card, table)");
    const look = () => (isThere() ? resolve(performance.now()) : requestAnimationFrame(look));
    look();
})"""
CHANGE = """async (selector) => {
    const button = document.querySelector(`#dashboard .filters ${selector}`);
    const begun = performance.now();
    button.click();
    await new Promise((resolve, reject) => {
        setTimeout(() => reject(new Error("nothing was drawn in a minute")), 60000);
        requestAnimationFrame(resolve);
    });
    const cards = performance.now() - begun;
    await smartrocket.drawn();
    return [cards, performance.now() - begun];
}"""
RECOMMEND = """async ([items, units, repeats]) => {
    if (items) {
        const random = (length, make) => make.from({ length }, () => Math.random() - 0.5);
        const whole = Int8Array.from({ length: items * units }, () => Math.floor(255 * Math.random()) - 127);
        smartrocket.load = async () => ({
            units, tied: true, longest_session: 20, repeats: false,
            calibration: { temperature: 1, slope: 1, intercept: 0 },
            item: Uint32Array.from({ length: items }, (_, number) => number), items: whole,
            item_scales: random(items, Float32Array), bias: random(items, Float32Array),
            input_gates: random(3 * units * units, Float32Array), state_gates: random(3 * units * units, Float32Array),
            input_gates_bias: random(3 * units, Float32Array), state_gates_bias: random(3 * units, Float32Array),
        });
    }
    const network = await smartrocket.openNetwork();
    const times = { plain: [], diverse: [] };
    for (let repeat = 0; repeat < repeats + 3; repeat += 1) {
        const session = Array.from({ length: 5 }, () => Math.floor(Math.random() * network.size));
        for (const [name, strength] of [["plain", 0], ["diverse", 0.4]]) {
            const begun = performance.now();
            network.recommend(session, 20, strength);
            // The first calls are slower: the browser has not compiled the code yet.
            if (repeat >= 3) times[name].push(performance.now() - begun);
        }
    }
    return [network.size, times];
}"""


class Quiet(SimpleHTTPRequestHandler):
    """A file server that does not write a line for each request."""

    def log_message(self, *words: object) -> None:
        """Say nothing."""


@contextmanager
def serving(site: Path) -> Iterator[str]:
    """Serve a folder on this machine; yields its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@contextmanager
def opening(browser: Browser, address: str) -> Iterator[Page]:
    """Open an address in a browser that has nothing of it yet."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(address, wait_until="commit")
    yield page
    context.close()


def measure_pages(browser: Browser, address: str, site: Path, repeats: int) -> Iterator[dict]:
    """Yield the measures of each page."""
    for name in PAGES:
        times, loaded = [], []
        for _ in range(repeats):
            with opening(browser, f"{address}/dashboard/{name}.html") as page:
                times.append(page.evaluate(FIRST_VIEW))
                page.wait_for_selector(READY)
                script = (
                    "() => performance.getEntriesByType('resource').map((entry) => [entry.name, entry.decodedBodySize])"
                )
                loaded = [size for file, size in page.evaluate(script) if "/dashboard/data/" in file]
        median = round(statistics.median(times), 1)
        yield {"page": name, "measure": "first_view", "milliseconds": median, "runs": len(times)}
        yield {"page": name, "measure": "bytes", "bytes": sum(loaded), "files": len(loaded)}
    data = [path.stat().st_size for path in (site / "dashboard" / "data").glob("*.js")]
    yield {"measure": "all_data", "bytes": sum(data), "files": len(data)}


def measure_filters(browser: Browser, address: str, repeats: int) -> Iterator[dict]:
    """Yield how long each filter of the Business page takes."""
    with opening(browser, f"{address}/dashboard/business.html") as page:
        page.wait_for_selector(READY)
        page.wait_for_function("() => window.Plotly !== undefined")
        for selector in CLICKS:
            times = [page.evaluate(CHANGE, selector) for _ in range(repeats)]
            cards, charts = (round(statistics.median(column), 1) for column in zip(*times, strict=True))
            medians = {"cards": cards, "charts": charts, "runs": len(times)}
            yield {"page": "business", "measure": "filter", "click": selector, **medians}


def measure_recommendations(browser: Browser, address: str, repeats: int) -> Iterator[dict]:
    """Yield how long a list takes, for the shop's own network and for a large one."""
    for items in (0, ITEMS):
        with opening(browser, f"{address}/dashboard/recommendations.html") as page:
            page.wait_for_selector(READY)
            size, times = page.evaluate(RECOMMEND, [items, UNITS, 4 * repeats])
            medians = {name: round(statistics.median(values), 2) for name, values in times.items()}
            runs = len(times["plain"])
            yield {"page": "recommendations", "measure": "recommend", "items": size, **medians, "runs": runs}


def main() -> None:
    """Measure, print each line and keep all of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--site", type=Path, default=ROOT / "_site")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--output", type=Path, default=RESULTS, help="file of results that takes the lines")
    given = parser.parse_args()
    if not (given.site / "dashboard" / "data" / "shop.js").is_file():
        sys.exit(f"error: {given.site} holds no dashboard with data: run `make report` first.")
    # Looked up before anything is measured, which would be lost without it.
    about = {"profile": read_json(given.site / "built.json")["profile"]}
    lines = []
    with sync_playwright() as playwright, serving(given.site) as address:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        for measured in (
            measure_pages(browser, address, given.site, given.repeats),
            measure_filters(browser, address, given.repeats),
            measure_recommendations(browser, address, given.repeats),
        ):
            for line in measured:
                lines.append(line)
                print(json.dumps(line), flush=True)
        browser.close()
    keep_results("pages", lines, given.output, about)


if __name__ == "__main__":
    main()

"""How long a built report takes to publish as a site, and its pages to load in a browser from the disk.

Prints JSON lines. The report of the profile must have been built.
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

from measurement import RESULTS, keep_results
from smartrocket.errors import InputError
from smartrocket.files import ROOT, read_json
from smartrocket.publishing import publish

CHROMIUM = "/usr/bin/chromium"
LOADED = "() => performance.getEntriesByType('navigation')[0].loadEventEnd / 1000"


def time_publishing(profile: str, runs: int) -> dict:
    """Publish a built report several times; returns the line with the median of the seconds."""
    taken = []
    for _ in range(runs):
        begun = time.perf_counter()
        publish(profile, ROOT)
        taken.append(time.perf_counter() - begun)
    pages = len(list((ROOT / "_site").rglob("*.html")))
    renderer = read_json(ROOT / "_site" / "built.json")["renderer"]
    what = f"publishing the site of {pages} pages with {renderer}"
    return {"what": what, "seconds": statistics.median(taken), "runs": runs}


def time_pages(site: Path, runs: int) -> list[dict]:
    """Load every page of a site from the disk several times; returns the lines of the usual page and the slowest."""
    if not Path(CHROMIUM).exists():
        raise InputError(f"{CHROMIUM} is missing, which pages are timed in: apt install chromium.")
    taken = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        page = browser.new_page()
        for path in sorted(site.rglob("*.html")):
            times = []
            for _ in range(runs):
                page.goto(path.as_uri(), wait_until="load")
                page.wait_for_function("performance.getEntriesByType('navigation')[0].loadEventEnd > 0")
                times.append(page.evaluate(LOADED))
            taken[path.relative_to(site).as_posix()] = statistics.median(times)
        browser.close()
    slowest = max(taken, key=taken.get)
    return [
        {"what": "loading a page, the median page", "seconds": statistics.median(taken.values()), "runs": runs},
        {"what": f"loading the slowest page, {slowest}", "seconds": taken[slowest], "runs": runs},
    ]


def main(words: list[str] | None = None) -> None:
    """Measure as the command line asks; prints the lines and keeps them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", default="sample", help="profile whose report was built")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--output", type=Path, default=RESULTS, help="file of results that takes the lines")
    options = parser.parse_args(words)
    measured = [time_publishing(options.profile, options.runs), *time_pages(ROOT / "_site", options.runs)]
    print("\n".join(json.dumps(line) for line in measured), flush=True)
    keep_results("site", measured, options.output, {"profile": options.profile})


if __name__ == "__main__":
    sys.exit(main())

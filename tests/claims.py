"""Checks what the chapters of a built report claim against the run's results, each counted once more from scratch."""

import html
import json
import re

import pandas as pd

from smartrocket.profiles import NOTEBOOKS


def read_text(path) -> str:
    """Return what a page says: its text without markup, drawings and scripts, on one line."""
    page = path.read_text(encoding="utf-8")
    main = re.search(r"<main.*?</main>", page, re.DOTALL).group(0)
    main = re.sub(r"<(script|style|svg)\b.*?</\1>", " ", main, flags=re.DOTALL)
    main = re.sub(r"</?(a|strong|em|code|span)\b[^>]*>", "", main)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", main)))


class Report:
    """The pages and the results of one build."""

    def __init__(self, root, profile: str):
        """Read the results; `root` is the folder of the project."""
        self.site, self.build = root / "_site", root / "build" / profile
        contents = [json.loads((self.build / f"results/{name}.json").read_text()) for name in NOTEBOOKS]
        self.facts = {content["notebook"][:2]: content["facts"] for content in contents}
        self.scores = [record for content in contents for record in content["scores"]]

    def fact(self, number: str, name: str):
        """Return the value of a fact of notebook `number`, None where it is not known."""
        return self.facts[number].get(name, {}).get("value")

    def page(self, name: str) -> str:
        """Return the text of a chapter."""
        return read_text(self.site / "chapters" / f"{name}.html")


def check_claims(root, profile: str) -> None:
    """Assert that the chapters say what the results hold, in direction and size."""
    report = Report(root, profile)
    check_decisions(report)
    check_surprises(report)
    check_insights(report)
    check_costs(report)
    check_item(report)
    check_misses(report)
    check_measures(report)


def check_decisions(report: Report) -> None:
    """The column of trust says whether the final model's advantage is wholly above zero."""
    text = report.page("overview")
    low, high = (report.fact("05", f"skill_{end}") for end in ("low", "high"))
    stocking = re.search(r"Stocking (.*?) Trends", text).group(1)
    if not report.fact("05", "enough_test_units") or low is None:
        assert "the test is too small" in stocking
    elif low > 0:
        assert "the model beats every simple rule" in stocking
    elif high < 0:
        assert "is better than the model" in stocking
    else:
        assert "is not shown to beat" in stocking
    hour = report.fact("01", "peak_hour")
    assert hour is None or f"the busiest hour begins at {hour}:00" in text
    assert ("the files hold no prices" in text) == (not report.fact("02", "item_prices_rows"))


def check_surprises(report: Report) -> None:
    """A surprise is told exactly where its number is surprising, and with that number."""
    text = report.page("data")
    events = pd.read_parquet(report.build / "interim/events.parquet")
    buyers = events.loc[events.event == "transaction", "visitorid"].nunique()
    share = buyers / events.visitorid.nunique()
    assert ("Buying is rare" in text) == (share < 0.1)
    if share < 0.1:
        assert f"{100 * share:.2f} % of the visitors buy, {buyers:,} in all" in text.replace("\xa0", " ")
    raw = pd.read_parquet(report.build / "interim/raw_events.parquet")
    duplicates = int(raw.duplicated().sum())
    assert ("Some rows are there twice" in text) == (duplicates > 0)
    assert not duplicates or f"{duplicates:,} row" in text
    sold = events.loc[events.event == "transaction", "itemid"].nunique()
    assert ("Most items never sell" in text) == (sold < events.itemid.nunique() / 2)


def check_insights(report: Report) -> None:
    """The earlier report's insights hold, or do not, as the counts say."""
    text = report.page("lessons")
    single = report.fact("01", "sessions_single_event")
    assert f"{100 * single:.1f} % of the sessions are a single event" in text.replace("\xa0", " ")
    verdict = re.search(r"are a single event (holds|does not hold)", text).group(1)
    assert (verdict == "holds") == (single >= 0.5)
    assert ("the files hold no categories" in text) == (not report.fact("01", "rows_properties"))


def check_costs(report: Report) -> None:
    """The seconds of the stages add up, and the largest memory is named."""
    manifests = [json.loads(path.read_text()) for path in sorted((report.build / "manifests").glob("*.json"))]
    seconds, peak = sum(m["seconds"] for m in manifests), max(m["peak_megabytes"] for m in manifests)
    assert f" all {seconds:,.1f} {peak:,.0f} " in report.page("performance")


def check_item(report: Report) -> None:
    """The worked example's rows and target are those that the clean events give."""
    text = report.page("processing")
    found = re.search(
        r"Take item (\d+) at the end of (\d+ \w+ \d{4})\. In the 7 days up to then the cleaned log has (\d+) rows?",
        text,
    )
    item, rows = int(found[1]), int(found[3])
    end = pd.Timestamp(found[2]) + pd.Timedelta(days=1)
    events = pd.read_parquet(report.build / "interim/events.parquet")
    own = events[events.itemid == item]
    assert len(own[(own.timestamp >= end - pd.Timedelta(days=7)) & (own.timestamp < end)]) == rows
    units = int(re.search(r"and \d+ units, (\d+) units? in all", text)[1])
    ahead = own[(own.timestamp >= end) & (own.timestamp < end + pd.Timedelta(days=7))]
    assert (ahead.event == "transaction").sum() == units


def check_misses(report: Report) -> None:
    """The worst misses sold what the log says; without a scored forecast none is told."""
    text = report.page("performance")
    told = re.findall(r"Item (\d+), from (\d+ \w+ \d{4}): [\d.]+ units were forecast, (no|\d+) units? w", text)
    assert bool(told) == bool(report.fact("05", "enough_test_units"))
    events = pd.read_parquet(report.build / "interim/events.parquet")
    for item, first, sold in told:
        start = pd.Timestamp(first)
        week = events[(events.timestamp >= start) & (events.timestamp < start + pd.Timedelta(days=7))]
        bought = week[(week.itemid == int(item)) & (week.event == "transaction")]
        assert len(bought) == (0 if sold == "no" else int(sold)), (item, first)


def check_measures(report: Report) -> None:
    """What helped is said to have helped only where its interval is wholly above zero."""
    text = report.page("performance")
    low, high = (report.fact("05", f"tuning_gain_{end}") for end in ("low", "high"))
    if not report.fact("05", "enough_test_units"):
        assert "A search for settings (sales)" not in text
        return
    verdict = re.search(r"A search for settings \(sales\) .*?\) (helped|made it worse|no difference shown)", text)[1]
    assert (verdict == "helped") == (low > 0)
    assert (verdict == "made it worse") == (high < 0)

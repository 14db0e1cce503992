"""Checks what the chapters of a built report claim against the run's results, each counted once more from scratch."""

import html
import json
import re
from functools import cached_property

import pandas as pd

from smartrocket.profiles import NOTEBOOKS
from smartrocket.wording import number, percent, plural


def read_text(path) -> str:
    """Return what a page says: its text without markup, drawings and scripts, on one line."""
    page = path.read_text(encoding="utf-8")
    main = re.search(r"<main.*?</main>", page, re.DOTALL).group(0)
    main = re.sub(r"<(script|style|svg)\b.*?</\1>", " ", main, flags=re.DOTALL)
    main = re.sub(r"</?(a|strong|em|code|span)\b[^>]*>", "", main)
    # The sign that keeps a number and its per cent sign on one line is white space here, too.
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", main)))


def tell_outcome(low: float, high: float, better: str, worse: str, same: str) -> str:
    """Return the words that fit the interval of an advantage."""
    return better if low > 0 else worse if high < 0 else same


def only(text: str, said: str, *others: str) -> bool:
    """Whether a text says the one thing and none of the others."""
    return said in text and not any(other in text for other in others if other != said)


class Report:
    """The pages, the results and the clean events of one build."""

    def __init__(self, root, profile: str):
        """Read the results; `root` is the folder of the project."""
        self.site, self.build = root / "_site", root / "build" / profile
        contents = [json.loads((self.build / f"results/{name}.json").read_text()) for name in NOTEBOOKS]
        self.facts = {content["notebook"][:2]: content["facts"] for content in contents}
        # A later notebook may score an earlier one's model again; its word is the last.
        self.scores = {
            (record["task"], record["level"], record["metric"], record["model"]): record
            for content in contents
            for record in content["scores"]
        }
        self.parameters = json.loads((self.build / "manifests/01_eda.json").read_text())["parameters"]
        self.has_categories = len(pd.read_parquet(self.build / "interim/item_categories.parquet")) > 0

    def fact(self, number: str, name: str):
        """Return the value of a fact of notebook `number`, None where it is not known."""
        return self.facts[number].get(name, {}).get("value")

    def page(self, name: str) -> str:
        """Return the text of a chapter, or of the first page."""
        return read_text(self.site / (f"chapters/{name}.html" if name != "index" else "index.html"))

    def values(self, task: str, level: str, metric: str) -> dict[str, float]:
        """Return the score of each model: model -> value."""
        found = {
            model: record["value"]
            for (*where, model), record in self.scores.items()
            if tuple(where) == (task, level, metric)
        }
        return {model: value for model, value in found.items() if value is not None}

    @cached_property
    def events(self) -> pd.DataFrame:
        """The clean events by visitor and time, with the session that each is in, and how it follows the one before."""
        events = pd.read_parquet(self.build / "interim/events.parquet")
        events = events.sort_values(["visitorid", "timestamp", "itemid", "event"], ignore_index=True)
        pause = events.timestamp - events.timestamp.shift()
        gap = pd.Timedelta(minutes=self.parameters["session_gap_minutes"])
        follows = (events.visitorid == events.visitorid.shift()) & (pause <= gap)
        return events.assign(session=(~follows).cumsum(), follows=follows, before=events.itemid.shift())

    @cached_property
    def single_share(self) -> float:
        """The share of the sessions that are a single event."""
        return float((self.events.groupby("session").size() == 1).mean())

    @cached_property
    def looks(self) -> tuple[float, float] | None:
        """How many of the items that a visitor viewed once are bought, and of those viewed more often before it."""
        pair = ["visitorid", "itemid"]
        sales = self.events[self.events.event == "transaction"].groupby(pair).timestamp.min().rename("sold")
        views = self.events[self.events.event == "view"].join(sales, on=pair)
        early = views[views.sold.isna() | (views.timestamp <= views.sold)].groupby(pair)
        counted = early.agg(views=("timestamp", "size"), bought=("sold", "count"))
        once, more = counted[counted.views == 1], counted[counted.views > 1]
        return ((once.bought > 0).mean(), (more.bought > 0).mean()) if len(once) and len(more) else None


def check_claims(root, profile: str) -> None:
    """Assert that the chapters say what the results hold, in direction and size."""
    report = Report(root, profile)
    check_shop(report)
    check_rhythm(report)
    check_forecast(report)
    check_recommendation(report)
    check_decisions(report)
    check_surprises(report)
    check_attention(report)
    check_insights(report)
    check_costs(report)
    check_item(report)
    check_carts(report)
    check_misses(report)
    check_measures(report)
    check_failures(report)
    check_audit(report)
    check_operations(report)


def check_shop(report: Report) -> None:
    """The first page tells the size of the log, and who buys."""
    text, events = report.page("index"), report.events
    rows = len(pd.read_parquet(report.build / "interim/raw_events.parquet"))
    visitors, bought = events.visitorid.nunique(), events[events.event == "transaction"]
    days = events.timestamp.dt.tz_localize("UTC").dt.tz_convert(report.parameters["time_zone"]).dt.date
    length = (days.max() - days.min()).days + 1
    assert f"has {plural(rows, 'row')} of {plural(visitors, 'visitor')} on {plural(length, 'day')}." in text
    items, sold, buyers = events.itemid.nunique(), bought.itemid.nunique(), bought.visitorid.nunique()
    assert f"{plural(items, 'item')}; {number(sold)} of these {'was' if sold == 1 else 'were'} sold" in text
    assert f"{plural(buyers, 'visitor')} bought something, {percent(buyers / visitors, 2)} of all" in text


def check_rhythm(report: Report) -> None:
    """The busiest hour and weekday are those of the mean over whole days, by the shop's clock."""
    clock = report.events.timestamp.dt.tz_localize("UTC").dt.tz_convert(report.parameters["time_zone"])
    frame = pd.DataFrame({"day": clock.dt.date, "weekday": clock.dt.day_name(), "hour": clock.dt.hour})
    # A first or last day counts where the log covers it to within an hour of midnight.
    edge = pd.Timedelta(hours=1)
    late = (frame.day == frame.day.min()) & (clock.min() - clock.min().normalize() > edge)
    early = (frame.day == frame.day.max()) & (clock.max().normalize() + pd.Timedelta(days=1) - clock.max() > edge)
    whole = frame[~(late | early)]
    days = pd.Series(pd.date_range(whole.day.min(), whole.day.max())).dt.day_name().value_counts()
    if len(days) < 7:
        return
    counts = whole.groupby(["weekday", "hour"]).size().div(days, level="weekday")
    hour, weekday = counts.groupby("hour").sum().idxmax(), counts.groupby("weekday").sum().idxmax()
    said = f"Most happens in the hour from {hour}:00, and {weekday} is the busiest day of the week"
    assert said in report.page("data")
    assert f"The busiest hour of the day begins at {hour}:00" in report.page("index")


def check_forecast(report: Report) -> None:
    """The first page says by how much the final forecast is ahead of the best simple rule, or that it is not."""
    text = report.page("index")
    scored = report.values("forecast", "item", "poisson_deviance")
    outcomes = "it beats every baseline", "the baseline is the better choice", "has not been shown to be better"
    leads = ") leads. Its lead over", "a simple rule, leads. It is ahead of", "No model is shown to lead."
    if not report.fact("05", "enough_test_units"):
        assert "too few to compare forecasts" in text or "too few sales in this log to score" in text
        assert not any(words in text for words in outcomes)
        return
    final = report.fact("05", "final_model")
    rule = min((model for model in scored if not model.startswith("LightGBM")), key=scored.get)
    assert f"{final} has a Poisson deviance of {scored[final]:,.3f} " in text
    assert f"The strongest baseline, {rule}, has {scored[rule]:,.3f} " in text
    low, high = (report.fact("05", f"skill_{end}") for end in ("low", "high"))
    assert only(text, tell_outcome(low, high, *outcomes), *outcomes)
    gain = 1 - scored[final] / scored[rule]
    if low > 0 or high < 0:
        assert f"The model’s is {percent(abs(gain))} (" in text.replace("'", "’")
    best = re.search(r"Who forecasts sales best (.*?)Tuning", text)[1]
    if low > 0:
        assert "is more than chance" in best
    else:
        assert only(best, tell_outcome(low, high, *leads), *leads)
    first, tuned = (scored[f"LightGBM {kind}"] for kind in ("baseline", "tuned"))
    ends = (report.fact("05", f"tuning_gain_{end}") for end in ("low", "high"))
    changes = "an improvement beyond the noise", "a loss beyond the noise", "a change within the noise"
    assert first == tuned or f"from {first:,.3f} to {tuned:,.3f}, {tell_outcome(*ends, *changes)}" in text


def check_recommendation(report: Report) -> None:
    """The first page says how often the next item is found, and which model is ahead beyond chance."""
    text = report.page("index")
    scored = report.values("recommendation", "event", "hit_rate@20")
    outcomes = " percentage points more", "is the better choice.", "is within the noise:"
    found = re.search(r"The next item\. (.*?) More on recommendations", text)[1]
    if not report.fact("07", "enough_test_events"):
        assert "too few to compare recommenders" in found or "too few sessions in this log to score" in found
        assert not any(words in found for words in outcomes)
        return
    ours, rule = (
        max((model for model in scored if model.startswith("GRU4Rec") == is_ours), key=scored.get)
        for is_ours in (True, False)
    )
    gain = report.scores["recommendation", "event", "hit_rate@20_skill", ours]
    assert f"among 20 suggestions in {percent(scored[ours])} of cases" in found
    assert re.search(rf"{re.escape(rule)},?( alone)? in {percent(scored[rule])}", found)
    assert only(found, tell_outcome(gain["low"], gain["high"], *outcomes), *outcomes)
    assert f"{100 * abs(scored[ours] - scored[rule]):.1f} percentage points" in found
    first, tuned = (percent(scored[f"GRU4Rec {kind}"]) for kind in ("baseline", "tuned"))
    same = scored["GRU4Rec baseline"] == scored["GRU4Rec tuned"]
    assert (f"Tuning leaves the hit rate@20 at {tuned}" if same else f"hit rate@20 from {first} to {tuned}, ") in text


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
    text, events = report.page("data"), report.events
    buyers = events.loc[events.event == "transaction", "visitorid"].nunique()
    share = buyers / events.visitorid.nunique()
    assert ("Buying is rare" in text) == (share < 0.1)
    assert share >= 0.1 or f"{percent(share, 2)} of the visitors buy, {buyers:,} in all" in text
    raw = pd.read_parquet(report.build / "interim/raw_events.parquet")
    duplicates = int(raw.duplicated().sum())
    assert ("Some rows are there twice" in text) == (duplicates > 0)
    assert not duplicates or f"{duplicates:,} row" in text
    sold = events.loc[events.event == "transaction", "itemid"].nunique()
    assert ("Most items never sell" in text) == (sold < events.itemid.nunique() / 2)
    assert ("Most visits are a single event" in text) == (report.single_share >= 0.5)
    breaks = report.fact("04", "breaks")
    assert ("The traffic breaks." in text) == bool(breaks)
    told = re.search(r"in the notebooks\. (.*?) Which rows can be trusted", text)[1]
    names = (
        "Buying",
        "Some rows",
        "Most",
        "The next page",
        "A few items",
        "The catalogue",
        "Not everybody",
        "The traffic",
    )
    assert only(told, "Nothing in this log stands out.", *names) or any(told.startswith(name) for name in names)


def check_attention(report: Report) -> None:
    """How unevenly attention is spread is as a count of the events has it, and so is what a second look means."""
    text, events = report.page("data"), report.events
    sizes = events.groupby("itemid").size().sort_values(ascending=False)
    top = sizes.head(max(1, int(0.1 * len(sizes)))).sum() / len(events)
    assert f"The most popular tenth of the {plural(len(sizes), 'item')} gathers {percent(top)} of the events" in text
    assert ("A few items draw the crowd" in text) == (top >= 0.3)
    sessions = plural(events.session.max(), "session")
    assert f"{percent(report.single_share)} of the {sessions} are a single event" in text
    views = events[(events.event == "view") & events.follows]
    if len(views):
        repeats = (views.itemid == views.before).mean()
        assert f"{percent(repeats)} of the views after another event are of the very item of that event" in text
        assert ("The next page is often the same page" in text) == (repeats >= 0.1)
    if report.looks and "pairs with one view end in a purchase" in text:
        once, more = report.looks
        assert f"{percent(once, 2)} of the pairs with one view" in text
        meanings = "Who means to buy looks again", "a second look is no sign of a purchase"
        assert only(text, meanings[0 if more > once else 1], *meanings)


def check_insights(report: Report) -> None:
    """The earlier report's insights hold, or do not, as the counts say."""
    text = report.page("lessons")
    found = re.search(r"Insights of the earlier report, held against this log (.*?) Its other insights", text)[1]
    short, evening, category, views = re.split(
        r"The peak is in the evening|Visitors stay within|Views and purchases", found
    )
    holds = {True: "holds", False: "does not hold", None: "is not known"}
    assert short.strip().endswith(f"are a single event {holds[report.single_share >= 0.5]}")
    assert f"{percent(report.single_share)} of the sessions are a single event" in short
    hour, zone = report.fact("01", "peak_hour"), report.parameters["time_zone"]
    is_evening = None if hour is None or zone == "UTC" else 19 <= hour <= 21
    assert evening.strip().endswith(holds[is_evening])
    assert ("the files hold no categories" in category) == (not report.fact("01", "rows_properties"))
    same, chance = (report.fact("01", f"category_same_{kind}") for kind in ("steps", "by_chance"))
    assert category.strip().endswith(holds[None if None in (same, chance) else same > chance])
    told = re.search(r"once is bought in ([\d.]+ %) of cases, one viewed more often in ([\d.]+ %)", views)
    assert (told is None) == views.strip().endswith(holds[None])
    if told:
        once, more = report.looks
        assert told.groups() == (percent(once, 2), percent(more, 2))
        assert views.strip().endswith(f" {holds[bool(more > once)]}")
        assert ("need not be the cause" in views) == (more > once)


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


def check_carts(report: Report) -> None:
    """What adds to cart foretell is shown where there are any and they come before sales."""
    text, events = report.page("processing"), report.events
    viewers, adders = (set(events.loc[events.event == kind, "visitorid"]) for kind in ("view", "addtocart"))
    said = f"Of {plural(len(viewers), 'visitor')} with a view, {number(len(viewers & adders))} also add to cart"
    assert said in report.page("data")
    panel = pd.read_parquet(report.build / "processed/panel.parquet", columns=["target", "addtocarts_sum_7"]).dropna()
    units = panel.groupby(panel.addtocarts_sum_7.clip(upper=4)).target.mean()
    is_quiet = not len(units) or units.max() < 0.005
    assert ("Hardly any item-day is followed by a sale" in text) == is_quiet
    assert ("Each item-day has 0 adds to cart" in text) == (not is_quiet and not adders)
    if not is_quiet and len(units) > 1:
        assert f"is followed by {units.iloc[0]:.2f} units on average" in text
        assert f"by {units.iloc[-1]:.2f}, " in text


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


def check_failures(report: Report) -> None:
    """What fails is told with its size, and what stands against it is something that this shop has."""
    text = report.page("performance")
    found = re.search(r"Known failures, and what can be done Failure (.*?) What it costs", text)[1]
    assert ("the mean of their category" in found) == ("lists by category" in found) == report.has_categories
    assert ("the traffic breaks on" in found) == bool(report.fact("04", "breaks"))
    units, new = (report.fact("05", name) for name in ("test_units", "test_units_of_new_items"))
    if units is not None and units + new:
        assert (
            f"{number(new)} of the {plural(round(units + new), 'unit')} sold in the test were of items unknown" in found
        )
    lean = re.search(r"popularity rank ([\d,]+), the mean click ([\d,]+): the lists lean to (more|less) popular", found)
    clicked = report.fact("07", "clicked_popularity_rank")
    if lean:
        ours = report.values("recommendation", "event", "popularity_rank@20")["GRU4Rec tuned"]
        assert lean.groups() == (number(ours), number(clicked), "more" if ours < clicked else "less")


def check_audit(report: Report) -> None:
    """The ladder of mistakes ends on the side of the earlier claim that it is said to end on."""
    text = report.page("audit")
    claim, rule, baseline = (report.fact("05", f"audit_{name}") for name in ("claim", "always_one", "baseline"))
    assert ("With all mistakes the claim is" in text) == (claim is not None)
    if claim is None:
        return
    assert (
        f"the claim is {percent(claim, 2)}, {'below' if claim < 0.0094 else 'above'} the 0.94 % of the earlier" in text
    )
    assert f"always scores {percent(rule)} on the same rows, {'which beats' if rule < baseline else 'no less'}" in text
    assert ("This shop has no prices to lose" in text) == (not report.fact("02", "item_prices_rows"))


def check_operations(report: Report) -> None:
    """Drift and ageing are told where they were found, and the smallest group is that of the profile."""
    text, found = (
        report.page("operations"),
        {state: report.fact("05", f"drift_{state}") for state in ("drift", "watch")},
    )
    assert ("None shows drift" in text) == (report.fact("05", "drift_comparisons") > 0 and not any(found.values()))
    assert (" Drift: in the " in text) == bool(found["drift"])
    assert (" Worth watching: in the " in text) == bool(found["watch"])
    ages = [f"{report.fact(number, 'ageing_shown_from')}" for number in ("05", "06")]
    measured = [report.fact(number, "ageing_1_low") is not None for number in ("05", "06")]
    calm = sum(known and age == "None" for age, known in zip(ages, measured, strict=True))
    assert text.count("No decay can be told from noise") == calm
    least = report.parameters["smallest_group"]
    assert (f"No group of visitors is smaller than {least}" in text) == (least > 1)

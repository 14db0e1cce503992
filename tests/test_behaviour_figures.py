"""Figures of behaviour: sentences that are true for any shop, and an honest note where data are too few."""

import re

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from smartrocket import behaviour
from smartrocket import behaviour_figures as shown
from smartrocket.behaviour import EVENT_TYPES
from smartrocket.engine import connect
from smartrocket.figures import INK, svg
from smartrocket.workspace import Workspace

MIDNIGHT = pd.Timestamp("2015-05-04").value // 10**6
MINUTE = 60_000
DAY = 24 * 60 * MINUTE


def write_shop(folder, events, properties=None, categories=None):
    """Write the raw tables of a shop; properties and categories are empty where they are not given."""
    workspace = Workspace(folder)
    workspace.interim.mkdir(parents=True)
    empty_properties = {"timestamp": "Int64", "itemid": "Int64", "property": "string", "value": "string"}
    empty_categories = {"categoryid": "Int64", "parentid": "Int64"}
    tables = {
        "raw_events": events,
        "raw_properties": pd.DataFrame(properties or [], columns=list(empty_properties)).astype(empty_properties),
        "raw_categories": pd.DataFrame(categories or [], columns=list(empty_categories)).astype(empty_categories),
    }
    for name, frame in tables.items():
        frame.to_parquet(workspace.interim / f"{name}.parquet", index=False)
    return workspace


def make_events(days, visitors, items, kinds=EVENT_TYPES[:1], rows=1500, seed=1):
    """Make random events of a shop from midnight to midnight, views being by far the most frequent."""
    random = np.random.default_rng(seed)
    chances = np.array([8.0, 2, 1, 1])[: len(kinds)]
    frame = pd.DataFrame(
        {
            "timestamp": MIDNIGHT + np.sort(random.integers(0, days * DAY, rows)),
            "visitorid": random.integers(0, visitors, rows),
            "event": random.choice(kinds, rows, p=chances / chances.sum()),
            "itemid": random.zipf(1.6, rows) % items,
        }
    )
    # Half of the events follow the one before at once, so that there are sessions.
    follow = random.random(rows) < 0.5
    frame["timestamp"] = frame["timestamp"].where(~follow, frame["timestamp"].shift(1, fill_value=MIDNIGHT) + 20_000)
    frame["visitorid"] = frame["visitorid"].where(~follow, frame["visitorid"].shift(1, fill_value=0))
    ends = [MIDNIGHT, MIDNIGHT + days * DAY - 1]
    edges = pd.DataFrame({"timestamp": ends, "visitorid": 0, "event": "view", "itemid": 1})
    frame = pd.concat([frame, edges], ignore_index=True)
    bought = frame["event"] == "transaction"
    return frame.assign(transactionid=pd.Series(range(len(frame)), dtype="Int64").where(bought))


def rich_shop():
    events = make_events(days=35, visitors=200, items=120, kinds=EVENT_TYPES, rows=4000)
    heavy = events.assign(visitorid=999, timestamp=MIDNIGHT + np.arange(len(events)) * 10)[:250]
    properties = [(MIDNIGHT, item, "categoryid", str(item % 4)) for item in range(100)]
    properties += [(MIDNIGHT, item, "790", f"n{100 + 10 * item}.000") for item in range(100)]
    properties += [(MIDNIGHT, 500, "790", "n0.000")]
    return pd.concat([events, heavy]), properties, [(0, None), (1, 0), (2, 0), (3, 0)]


SHOPS = {
    "rich": rich_shop,
    "no sales": lambda: (make_events(days=28, visitors=150, items=60),),
    "one day": lambda: (make_events(days=1, visitors=40, items=30, kinds=EVENT_TYPES, rows=300),),
    "one event": lambda: (make_events(days=1, visitors=1, items=2, rows=0).head(1),),
    "only purchases": lambda: (make_events(days=3, visitors=9, items=9, rows=40).assign(event="transaction"),),
    "unknown types": lambda: (
        make_events(days=9, visitors=9, items=9).assign(event=lambda f: f["event"].where(f.index % 2 > 0, "a<b>*")),
    ),
}


def tell(log):
    """Ask every question of the notebook; returns the findings by name."""
    files, types = behaviour.profile_files(log), behaviour.count_event_types(log)
    matched, daily = behaviour.match_catalogue(log), behaviour.daily_volume(log)
    gap = log.session_gap_minutes
    lorenz = [behaviour.lorenz(log, measure) for measure in ("views", "transactions")]
    top = behaviour.gini(log), behaviour.top_share(log)
    durations, summary = behaviour.session_durations(log), behaviour.summarise_sessions(log)
    return {
        "files": shown.read_files(files, types, matched, daily),
        "days": shown.daily_volume(daily),
        "weekdays": shown.weekly_rhythm(behaviour.weekly_rhythm(daily)),
        "hours": shown.hour_heat(behaviour.hourly_volume(log, daily), log.time_zone),
        "sessions": shown.sessions(behaviour.session_lengths(log), durations, summary, gap),
        "gaps": shown.gaps(behaviour.gaps(log), behaviour.summarise_gaps(log), gap),
        "transitions": shown.transitions(behaviour.transitions(log)),
        "funnel": shown.funnel(behaviour.funnel(log), behaviour.conversion(log)),
        "types": shown.visitor_types(behaviour.visitor_types(log), behaviour.baskets(log)),
        "returning": shown.new_and_returning(behaviour.new_and_returning(log), daily),
        "retention": shown.retention(behaviour.retention(log)),
        "repeats": shown.repeat_views(behaviour.repeat_views(log), behaviour.immediate_repeats(log)),
        "popularity": shown.popularity(*lorenz, behaviour.popularity_ranks(log), *top),
        "coverage": shown.coverage(matched),
        "categories": shown.category_mix(behaviour.category_mix(log)),
        "loyalty": shown.category_loyalty(behaviour.category_loyalty(log), behaviour.category_steps(log)),
        "prices": shown.price_distribution(behaviour.price_bins(log), behaviour.summarise_prices(log)),
        "conversion": shown.price_conversion(behaviour.price_conversion(log)),
        "bots": shown.visitor_days(behaviour.visitor_day_sizes(log), behaviour.summarise_outliers(log)),
    }


@pytest.fixture(scope="module")
def findings(tmp_path_factory):
    told = {}
    for name, shop in SHOPS.items():
        workspace = write_shop(tmp_path_factory.mktemp("shop"), *shop())
        told[name] = tell(behaviour.read_log(workspace, connect("1GB", threads=1)))
        plt.close("all")
    return told


@pytest.mark.parametrize("shop", SHOPS)
def test_every_question_has_an_answer_in_words(findings, shop):
    for name, finding in findings[shop].items():
        assert finding.reading.strip(), name
        assert not re.search(r"\b(nan|inf|None|NaT)\b", finding.reading + finding.alt + finding.caption), name
        assert "  " not in finding.reading, name
        if finding.figure is not None:
            assert finding.caption, name
            assert re.search(r"\d", finding.alt), name


def test_a_rich_shop_has_all_figures(findings):
    without = [name for name, finding in findings["rich"].items() if finding.figure is None]
    assert without == ["files"]


def test_little_data_gives_a_note_and_no_figure(findings):
    def absent(shop):
        return {name for name, finding in findings[shop].items() if finding.figure is None}

    properties = {"files", "categories", "loyalty", "prices", "conversion"}
    assert absent("no sales") == properties
    assert absent("one day") >= properties | {"days", "weekdays", "hours", "retention", "returning"}
    assert absent("one event") >= {"gaps", "transitions", "repeats", "popularity"}


def test_readings_say_what_is_missing(findings):
    assert "no item properties" in findings["no sales"]["files"].reading
    assert "Nobody bought anything" in findings["no sales"]["types"].reading
    assert "no visitor of the log has a purchase" in findings["no sales"]["funnel"].reading
    assert "covers one day, 4 May 2015" in findings["one day"]["days"].reading
    assert "exceeds 200 events and holds" in findings["rich"]["bots"].reading
    assert "1 item with a price of zero is left out" in findings["rich"]["prices"].reading


def test_names_from_the_data_cannot_become_markup(findings):
    reading = findings["unknown types"]["files"].reading
    assert "of an unknown type" in reading
    assert "<b>" not in reading


def test_the_hours_name_their_time_zone():
    hourly = pd.DataFrame(
        [(weekday, hour, float(hour == 20)) for weekday in range(7) for hour in range(24)],
        columns=["weekday", "hour", "events"],
    )
    there = shown.hour_heat(hourly, "Asia/Tokyo")
    assert "begins at 20:00" in there.reading
    assert "Asia/Tokyo" in there.caption
    assert "UTC is no shop's local time" in shown.hour_heat(hourly, "UTC").reading


def test_the_last_week_is_compared_with_the_week_before():
    dates = pd.date_range("2015-05-04", periods=14)
    daily = pd.DataFrame({"date": dates, "whole": True} | dict.fromkeys(EVENT_TYPES, 0))
    daily["view"] = [10] * 7 + [5] * 7
    assert "50.0 % fewer events" in shown.daily_volume(daily).reading


def test_prices_that_do_not_matter_are_not_said_to_matter():
    groups = pd.DataFrame({"low": [1.0, 10], "high": [9.0, 99], "viewers": [500, 500], "bought": [10, 12]})
    alike = behaviour.with_share(groups, "bought", "viewers")
    assert "may be chance" in shown.price_conversion(alike).reading
    apart = behaviour.with_share(groups.assign(bought=[100, 10]), "bought", "viewers")
    assert "do not overlap" in shown.price_conversion(apart).reading


@pytest.mark.parametrize(("bought", "meaning"), [([10, 30], "looks again"), ([30, 10], "no sign of a purchase")])
def test_a_second_look_is_read_as_it_is(bought, meaning):
    pairs = pd.DataFrame({"views": [1, 2], "pairs": [100, 100], "bought": bought})
    assert meaning in shown.describe_repeat_buyers(behaviour.with_share(pairs, "bought", "pairs"), 40)


def test_drawings_are_small_and_follow_the_page_colours(findings):
    for name in ("hours", "retention", "gaps", "popularity"):
        drawing = svg(findings["rich"][name].figure, name, findings["rich"][name].alt)
        assert len(drawing) < 60_000, name
        assert "var(--figure-" in drawing, name
        assert "#000000" not in drawing, name


def test_what_visitors_buy_is_listed():
    types = pd.DataFrame(
        {
            "visitor_type": ["passer-by", "browser"],
            "low": [1, 2],
            "high": [1, None],
            "visitors": [30, 10],
            "events": [30, 40],
            "transactions": [0, 6],
            "buyers": [0, 4],
        }
    )
    baskets = pd.DataFrame(
        {
            "visitor_type": ["passer-by", "browser"],
            "transactions": [0, 4],
            "rows": [0, 6],
            "median_price": [np.nan, 9.0],
        }
    )
    listed = shown.tabulate_purchases(types, baskets).set_index("visitors")
    assert listed["actions"].to_dict() == {"passer-by": "1", "browser": "2+"}
    assert listed["share that buys"].tolist() == [0, 0.4]
    assert listed["items a purchase"].iloc[1] == 1.5
    assert pd.isna(listed["items a purchase"].iloc[0])


@pytest.mark.parametrize("shop", SHOPS)
def test_tables_of_any_shop_can_be_shown(tmp_path, shop):
    log = behaviour.read_log(write_shop(tmp_path / "shop", *SHOPS[shop]()), connect("1GB", threads=1))
    listed = shown.tabulate_purchases(behaviour.visitor_types(log), behaviour.baskets(log))
    assert listed["visitors"].tolist() == list(behaviour.VISITOR_TYPES)
    assert listed["buyers"].sum() == behaviour.conversion(log).set_index("level").loc["visitor", "buyers"]
    assert (behaviour.match_files(log).found <= behaviour.match_files(log).of).all()


def test_items_without_properties_are_told():
    matched = pd.Series({"items": 4, "listed_items": 3, "events": 10, "listed_events": 8, "catalogue": 9})
    assert shown.describe_unlisted(matched).startswith("1 of the 4 items in the log are not in the item properties")
    assert "20.0 % of the events" in shown.describe_unlisted(matched)
    everything = matched.copy()
    everything["listed_items"], everything["listed_events"] = 4, 10
    assert shown.describe_unlisted(everything) == "Every item of the log is in the item properties."
    everything["catalogue"] = 0
    assert shown.describe_unlisted(everything) == ""


def test_lengths_days_and_actions_are_written_shortly():
    assert [shown.seconds_label(value) for value in (30, 90, 3600, 172_800)] == ["30 s", "1.5 min", "1 h", "2 d"]
    assert shown.day_text(pd.Timestamp("2015-05-03")) == "3 May 2015"
    assert [shown.actions_label(*ends) for ends in ((1, 1), (2, 4), (15, None))] == [
        "1 action",
        "2–4 actions",
        "15+ actions",
    ]


def test_the_text_of_a_heat_map_takes_the_colour_of_the_page(findings):
    (axes,) = findings["rich"]["transitions"].figure.axes
    assert {text.get_color() for text in axes.texts} == {INK}
    assert axes.images[0].norm.vmax > 1


def test_no_label_of_a_session_lies_on_another(findings):
    left = findings["rich"]["sessions"].figure.axes[0]
    places = [text.xy[1] if hasattr(text, "xy") else text.get_position()[1] for text in left.texts]
    assert len(places) == 10
    assert np.diff(sorted(places)).min() >= 0.9


def test_labels_of_ranges():
    highs = pd.Series([30, 300, None], dtype="object")
    assert shown.range_labels(pd.Series([0, 30, 300]), highs) == ["< 30 s", "30 s–5 min", "> 5 min"]


def test_without_a_pause_within_a_session_none_is_described():
    """Shares that add up to one only but for rounding must not pass for pauses."""
    counts = [4, 3, 1, 2]
    frame = pd.DataFrame(
        {
            "low": [0, 3600, 7200, 10_800, 14_400],
            "high": [3600, 7200, 10_800, 14_400, None],
            "gap_class": pd.Categorical(["quick"] + 4 * ["returning"], ["quick", "returning"], ordered=True),
            "gaps": [0, *(37 * count for count in counts)],
        }
    )
    finding = shown.gaps(frame, pd.Series({"inside": float("nan"), "any": 5000.0}), 30)
    assert "No pause lies within a session" in finding.reading


def test_a_few_sales_without_a_view_have_a_rhythm():
    rhythm = pd.DataFrame(
        {
            "weekday": range(7),
            "days": 4,
            "view": 0.0,
            "removefromcart": 0.0,
            "addtocart": 0.25,
            "transaction": [1.0] * 6 + [2],
        }
    )
    finding = shown.weekly_rhythm(rhythm)
    assert "Items bought are most frequent on Sunday (175 %" in finding.reading
    assert "Adds to cart" not in finding.reading

from datetime import date

import pandas as pd
import pytest

from shops import FIRST_DAY, load, make_events
from smartrocket import feature_figures as told
from smartrocket.engine import connect
from smartrocket.files import write_parquet_frame
from smartrocket.workspace import Workspace

TYPES = {"timestamp": "timestamp(6)", "visitorid": "int64", "event": "string", "itemid": "int64"}
NO_CLICKS = pd.DataFrame({"sessionid": [], "itemid": [], "timestamp": []})
PAIRS = pd.DataFrame(
    {"itemid": [1, 1, 2], "relateditemid": [2, 3, 1], "rank": [0, 1, 0], "lift": [4.0, 2.0, 4.0]},
)
FACTS = {
    "rows": 4,
    "items": 2,
    "sales": 3,
    "rows_with_sales": 1,
    "shop_items": 5,
    "units": 3,
    "sales_outside": 1,
    "first_date": "2024-01-01",
    "last_date": "2024-01-02",
}


@pytest.fixture(scope="module")
def connection():
    return connect("500MB", 1)


def make_panel(connection, targets=(1, 3, 0, None), addtocarts=(0, 5, 0, 9)):
    frame = pd.DataFrame(
        {
            "itemid": [1, 1, 2, 2],
            "date": [date(2024, 1, 1), date(2024, 1, 2)] * 2,
            "sales": [0, 3, 0, 0],
            "addtocarts_sum_7": addtocarts,
            "target": pd.array(targets, "Int64"),
        }
    )
    return load(connection, frame)


def clicks(*sessions: list[int]) -> pd.DataFrame:
    rows = [(number, item, FIRST_DAY) for number, items in enumerate(sessions) for item in items]
    return pd.DataFrame(rows, columns=list(NO_CLICKS))


def test_days_are_told(connection):
    events = make_events([("2024-01-01 03:00", 1, "view", 1), ("2024-01-04 02:59", 1, "view", 1)])
    reading = told.read_days(load(connection, events[list(TYPES)], TYPES), (date(2024, 1, 2), date(2024, 1, 3))).reading
    assert "from 1 January 2024 03:00 to 4 January 2024 02:59 (UTC)" in reading
    assert "2 whole days, 2 January 2024 to 3 January 2024" in reading
    one = told.read_days(load(connection, events[list(TYPES)], TYPES), (date(2024, 1, 2), date(2024, 1, 2))).reading
    assert "1 whole day, 2 January 2024." in one


def test_panel_is_drawn_and_told(connection):
    finding = told.draw_panel(make_panel(connection), FACTS)
    assert [list(axes.lines[0].get_ydata()) for axes in finding.figure.axes] == [[2, 2], [0, 1]]
    assert "4 rows: 2 items of the 5 in the log" in finding.reading
    assert "75.0 % of its item-days have no sale" in finding.reading
    assert "Of the 3 units sold on whole days, 1 was sold on the day the item entered" in finding.reading
    empty = told.draw_panel(make_panel(connection), {**FACTS, "rows": 0})
    assert empty.figure is None
    assert "the panel is empty" in empty.reading


def test_features_are_grouped_by_what_they_are_made_of():
    names = ["views_sum_3", "views_sum_7", "views_mean_7", "sales_days_since", "sales_total", "price", "sales_lag_1"]
    names += ["category_sales_sum_7", "sales_recent_7", "weekday"]
    grouped = told.group_features(names)
    assert ["views", "sum over so many days", "3, 7"] in grouped.to_numpy().tolist()
    assert ["sales", "days since the last one", "–"] in grouped.to_numpy().tolist()
    assert ["price", "as of the day", "–"] in grouped.to_numpy().tolist()
    assert ["category sales", "sum over so many days", "7"] in grouped.to_numpy().tolist()
    assert len(grouped) == 9
    names = ["category_sales_trend_7_30", "category_sales_share_30", "conversion_smoothed_30", "price_change_7"]
    grouped = told.group_features([*names, "price_to_mean_30", "price_to_category"])
    assert grouped.source.tolist() == ["category sales", "category sales", "conversion", "price", "price", "price"]
    assert grouped.days.tolist() == ["7 against 30", "30", "30", "7", "30", "–"]
    assert grouped.statistic.is_unique
    assert told.group_features([]).empty


def test_signal_compares_quiet_and_busy_items(connection):
    finding = told.draw_signal(make_panel(connection), 7)
    assert [bar.get_height() for bar in finding.figure.axes[0].patches] == [0.5, 3]
    assert (
        "with 0 adds to cart in the week before is followed by 0.50 units on average, one with 4+ by 3.00, 6.0 times"
        in finding.reading
    )
    assert "next 7 days" in finding.caption
    assert ", more." in told.draw_signal(make_panel(connection, targets=(0, 3, 0, None)), 7).reading
    assert "no signal" in told.draw_signal(make_panel(connection, targets=(0, 0, 0, 0)), 7).reading
    assert told.draw_signal(make_panel(connection, targets=(None, None, None, None)), 7).figure is None
    without_carts = told.draw_signal(make_panel(connection, addtocarts=(0, 0, 0, 0)), 7)
    assert without_carts.figure is None
    assert without_carts.reading.startswith("Each item-day has 0 adds to cart in the week before")


def test_sessions_are_told(connection):
    rows = [(0, FIRST_DAY, 1), (1, FIRST_DAY, 1), (1, FIRST_DAY + pd.Timedelta(seconds=90), 2)]
    sessions = pd.DataFrame(rows, columns=["sessionid", "timestamp", "itemid"])
    sessions = sessions.astype({"timestamp": "datetime64[us]"})
    reading = told.read_sessions(load(connection, sessions), 30).reading
    assert "there are 2 sessions of 1.50 events on average; 50.0 % of them are a single event" in reading
    assert "Half of the longer ones last under 90 seconds." in reading
    alone = told.read_sessions(load(connection, sessions.head(1)), 30).reading
    assert "there is 1 session of 1.00 events" in alone
    assert "Half" not in alone


def test_sequences_are_drawn_and_told():
    finding = told.draw_sequences(clicks([1, 2], [1, 2], [1, 2, 3]), clicks([1, 2, 1, 2]), 7)
    heights = [bar.get_height() for bar in finding.figure.axes[0].patches]
    assert heights[:2] == pytest.approx([200 / 3, 100 / 3])
    assert sum(heights) == pytest.approx(200)
    assert "Training has 3 sequences with 7 clicks on 3 items" in finding.reading
    assert "1 test sequence with 4 clicks, in which 3 next items are to be found" in finding.reading
    assert told.draw_sequences(NO_CLICKS, NO_CLICKS, 7).figure is None
    only_training = told.draw_sequences(clicks([1, 2]), NO_CLICKS, 7)
    assert "0 test sequences with 0 clicks" in only_training.reading


def test_related_items_are_drawn_and_told(connection):
    events = make_events([(0, 1, "view", item) for item in (1, 2, 3, 4)])
    events = load(connection, events[list(TYPES)], TYPES)
    finding = told.draw_related(load(connection, PAIRS), events)
    assert "2 items (50.0 % of those in the log) have at least one related item, in 3 pairs" in finding.reading
    assert "shares 4 times as many sessions" in finding.reading
    assert "100.0 % of the pairs share more than chance" in finding.reading
    apart = told.draw_related(load(connection, PAIRS.assign(lift=[4.0, 0.5, 4.0])), events)
    assert "66.7 % of the pairs share more than chance" in apart.reading
    assert told.draw_related(load(connection, PAIRS.head(0)), events).figure is None


def test_facts_are_listed(connection, tmp_path):
    workspace = Workspace(tmp_path)
    write_parquet_frame(workspace.path("processed/related_items.parquet"), PAIRS)
    sessions = load(connection, pd.DataFrame({"sessionid": [0, 0, 1]}))
    train, test = clicks([1, 2], [1, 2, 3]), clicks([1, 2])
    facts = told.list_facts(FACTS, ["a", "b"], sessions, train, test, workspace)
    assert facts == {
        "panel_rows": (4, "rows"),
        "panel_items": (2, "items"),
        "panel_first_date": ("2024-01-01", "UTC"),
        "panel_last_date": ("2024-01-02", "UTC"),
        "panel_rows_with_sales": (1, "rows"),
        "units_sold": (3, "units"),
        "units_on_entry_day": (1, "units"),
        "features": (2, "features"),
        "sessions": (2, "sessions"),
        "train_sequences": (2, "sequences"),
        "train_clicks": (5, "clicks"),
        "test_sequences": (1, "sequences"),
        "test_clicks": (2, "clicks"),
        "sequence_items": (3, "items"),
        "related_pairs": (3, "pairs"),
        "items_with_related": (2, "items"),
    }

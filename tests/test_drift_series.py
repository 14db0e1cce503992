"""What is watched is taken from the log as it is, one value a visit and an item."""

import numpy as np
import pandas as pd
import pytest

from shops import grow_shop, load, make_events
from smartrocket import cleaning, drift, drift_figures, drift_series, sessions
from smartrocket.engine import connect, write_parquet
from smartrocket.files import write_parquet_frame
from smartrocket.forecasting import Panel, load_panel
from smartrocket.results import Results
from smartrocket.workspace import Workspace

LAST = pd.Timestamp("2024-01-20")


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Workspace:
    """A calm generated shop, with its sessions."""
    workspace = grow_shop(tmp_path_factory.mktemp("shop"), visitors=6000, items=200, days=84)
    connection = connect(threads=1)
    raw = connection.read_parquet(workspace.existing("interim/raw_events.parquet"))
    tree, _ = cleaning.climb_tree(cleaning.judge_categories(workspace.read("interim/raw_categories.parquet")))
    write_parquet_frame(workspace.path("interim/categories.parquet"), tree)
    events = cleaning.keep_events(cleaning.judge_events(raw, None, None))
    write_parquet(events, workspace.path("interim/events.parquet"))
    events = connection.read_parquet(workspace.path("interim/events.parquet"))
    made = sessions.list_session_events(events, 30).order_by(["sessionid", "position"])
    write_parquet(made, workspace.path("processed/session_events.parquet"))
    return workspace


def test_a_visit_is_one_row():
    day = 24 * 60
    rows = [(0, 1, "view", 7), (5, 1, "addtocart", 8), (day, 2, "view", 7), (day + 9, 2, "transaction", 7)]
    connection = connect(threads=1)
    made = sessions.list_session_events(load(connection, make_events(rows)), 30)
    visits = drift_series.read_visits(made, LAST)
    assert visits["goal"].tolist() == ["an add to cart", "a purchase"]
    assert visits["events"].tolist() == [2, 2]
    assert visits["itemid"].tolist() == [7, 7]
    assert visits["unseen_days"].isna().tolist() == [True, False]
    assert visits["unseen_days"].iloc[1] == 1


def test_values_are_those_of_the_moment_and_the_first_known_before():
    moments = pd.to_datetime(["2024-01-01", "2024-01-05", "2024-01-09"])
    visits = pd.DataFrame({"moment": moments[[2, 0, 1]], "itemid": [1, 1, 2]})
    known = {"itemid": [1, 1], "valid_from": pd.to_datetime(["2024-01-04", "2024-01-08"]), "price": [5.0, 6.0]}
    found = drift_series.look_up(visits, pd.DataFrame(known), "price")
    assert found.iloc[:2].tolist() == [6.0, 5.0]
    assert np.isnan(found.iloc[2])


def test_a_calm_shop_does_not_drift_and_a_changed_one_does(shop):
    panel = load_panel(shop)
    compared = drift.watch(drift_series.list_series(shop, panel, [], "none", 1))
    assert {"traffic", "catalogue", "features"} <= set(compared["group"])
    # Its prices and its catalogue do change; its visits do not.
    assert set(compared.loc[compared["group"] == "traffic", "state"]) == {"stable"}
    frame = panel.frame.copy()
    late = frame["date"] > panel.last_date - pd.Timedelta(days=7)
    frame.loc[late, "price"] *= 10
    changed = drift.watch(drift_series.list_features(Panel(frame, panel.features, panel.horizon)))
    was, now = (
        set(map(tuple, each.loc[each["state"] == "drift", ["series", "week"]].to_numpy()))
        for each in (compared, changed)
    )
    assert {series for series, _ in now - was} == {"price"}


def test_features_that_are_the_shops_or_only_grow_are_left_out(shop):
    names = {series.name for series in drift_series.list_features(load_panel(shop))}
    assert {"views_sum_7", "price_to_mean_30"} <= names
    assert not names & {"weekday", "shop_sales_sum_7", "age_days", "views_total", "sales_days_since", "views_mean_7"}


def test_a_category_counts_once_in_its_features(shop):
    panel = load_panel(shop)
    series = {each.name: each.values for each in drift_series.list_features(panel)}
    assert (
        series["category_views_sum_7"].groupby("week").size().max() < series["views_sum_7"].groupby("week").size().min()
    )


def test_errors_are_those_of_known_items():
    origins = pd.to_datetime(["2024-01-06", "2024-01-13"])
    table = pd.DataFrame({"origin": origins, "known": [True, False], "actual": [0.0, 1.0], "m": [0.5, 0.5]})
    errors = drift_series.list_errors([table, table.drop(columns="m")], "m", LAST)
    assert [series.values["value"].tolist() for series in errors] == [[1.0], [1.0]]
    assert errors[0].values["week"].tolist() == [pd.Timestamp("2024-01-07")]
    assert drift_series.list_errors([], "m", LAST) == []


def test_an_empty_panel_is_not_watched(tmp_path):
    panel = Panel(pd.DataFrame({"date": pd.Series(dtype="datetime64[ns]")}), [], 7)
    assert drift_series.list_series(Workspace(tmp_path), panel, [], "m", 1) == []


def test_the_reading_says_what_moved_and_what_did_not(tmp_path):
    weeks = pd.to_datetime(["2024-01-01", "2024-01-08"])
    rows = [
        ("traffic", "events a day", weeks[1], "change", -0.45, "t", 1e-9, 28, 7, "100 a day", "55 a day"),
        ("traffic", "hours of visits", weeks[0], "PSI", 0.01, "chi-squared", 0.5, 900, 300, "18 in 9 %", "18 in 9 %"),
        ("features", "a <b>", weeks[0], "PSI", 0.15, "KS", 1e-9, 900, 300, "median 1", "median 2"),
        ("catalogue", "price", weeks[0], "PSI", 0.01, "KS", 0.5, 900, 300, "median 1", "median 1"),
    ]
    compared = drift.judge(pd.DataFrame(rows, columns=drift.COLUMNS))
    finding = drift_figures.show_drift(compared)
    assert "events a day (down by 45 % in the week from 8 January on)" in finding.reading
    assert "a &#60;b&#62; (PSI 0.15" in finding.reading
    assert "Nothing moved in the catalogue." in finding.reading
    shown = drift_figures.drift_table(compared).data
    assert shown.count("<tr>") == 3
    assert "a &lt;b&gt;" in shown
    results = Results("05_forecast_tuning", Workspace(tmp_path))
    drift_figures.record_drift(results, compared)
    assert results.facts["drift_last_week"]["value"] == "traffic"
    assert results.facts["drift_drift"]["value"] == 1
    calm = drift.judge(compared.assign(p=0.9)[drift.COLUMNS])
    assert "None shows drift" in drift_figures.show_drift(calm).reading
    assert "marked in any week" in drift_figures.drift_table(calm).data
    nothing = drift.watch([])
    assert drift_figures.show_drift(nothing).figure is None
    drift_figures.record_drift(results, nothing)
    assert results.facts["drift_last_week"]["value"] == "nothing"

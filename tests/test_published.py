"""The published figures: counted as their authors did, and what a generated shop has of them."""

import math

import numpy as np
import pandas as pd
import pytest

from shops import REAL, REAL_EVENTS, load, make_events, random_events
from smartrocket import cleaning, generator, published, published_figures
from smartrocket.engine import connect
from smartrocket.files import write_json
from smartrocket.generator import generate
from smartrocket.ingestion import ingest
from smartrocket.shop_design import ShopDesign, retailrocket_design
from smartrocket.workspace import Workspace

RAW = {
    "folder": "",
    "events": "events.csv",
    "properties": ["item_properties_part1.csv", "item_properties_part2.csv"],
    "category_tree": "category_tree.csv",
    "columns": {},
}
RAW_EVENTS = {
    "timestamp": "int64",
    "visitorid": "int64",
    "event": "string",
    "itemid": "int64",
    "transactionid": "int64",
}
RAW_PROPERTIES = {"itemid": "int64", "property": "string"}
HISTORY = {"itemid": "int64", "categoryid": "int64", "valid_to": "timestamp(6)"}
TREE = {"categoryid": "int64", "parentid": "int64"}
ROLES = {"category": "categoryid", "price": "790", "availability": "available"}


@pytest.fixture(scope="module")
def connection():
    return connect("500MB", 2)


def count_log(connection, raw: pd.DataFrame, properties=(), history=(), tree=()) -> dict[tuple[str, str], float]:
    """Measure raw rows (timestamp in ms) and what else there is of a shop, the whole way through the engine."""
    raw_events = load(connection, raw, RAW_EVENTS)
    clean = cleaning.keep_events(cleaning.judge_events(raw_events, None, None))
    tables = [
        load(connection, pd.DataFrame(rows, columns=list(schema)).astype(types), schema)
        for rows, schema, types in (
            (properties, RAW_PROPERTIES, {"itemid": "int64"}),
            (history, HISTORY, {"itemid": "int64", "categoryid": "int64", "valid_to": "datetime64[us]"}),
            (tree, TREE, {"categoryid": "int64", "parentid": "Int64"}),
        )
    ]
    return published.measure_log(raw_events, clean, *tables)


def to_raw(events: pd.DataFrame) -> pd.DataFrame:
    """Return clean events as rows of a file, each sale with an id of its own."""
    sold = (events.event == "transaction").to_numpy()
    ids = pd.array(np.where(sold, np.arange(len(events)), 0), dtype="Int64")
    ids[~sold] = pd.NA
    milliseconds = events.timestamp.astype("datetime64[ms]").astype("int64")
    return events.assign(timestamp=milliseconds, transactionid=ids)


def count_plainly(raw: pd.DataFrame) -> dict[tuple[str, str], float]:
    """Count the events' figures in plain pandas, by their definitions."""
    clean = raw.drop_duplicates().sort_values(["visitorid", "timestamp", "itemid", "event"], ignore_index=True)
    pause = clean.groupby("visitorid").timestamp.diff()
    session = (pause.isna() | (pause > 1_800_000)).cumsum()
    sessions = clean.groupby(session)
    has = {kind: sessions.event.agg(lambda events, kind=kind: (events == kind).any()) for kind in published.KINDS}
    lengths, seconds = sessions.size(), sessions.timestamp.agg(np.ptp) / 1000
    visitors = raw.groupby("visitorid").size()
    items = raw.groupby("itemid").size()
    daily = pd.to_datetime(raw.timestamp, unit="ms").dt.date.value_counts().sort_index()
    baskets = raw.groupby("transactionid").size()
    follows = session == session.shift()
    steps = pd.crosstab(clean.event.shift()[follows], clean.event[follows], normalize="index")
    acting = follows & clean.event.isin(["addtocart", "transaction"])
    heavy = raw.groupby(["visitorid", raw.timestamp // 86_400_000]).size()
    buyers = raw[raw.event == "transaction"].visitorid.nunique()
    carting, buying = (has["view"] & has["addtocart"]), (has["view"] & has["addtocart"] & has["transaction"])
    found = {
        ("count", "rows of events"): len(raw),
        ("count", "views"): (raw.event == "view").sum(),
        ("count", "adds to cart"): (raw.event == "addtocart").sum(),
        ("count", "items bought"): (raw.event == "transaction").sum(),
        ("count", "transactions"): len(baskets),
        ("count", "transactions of several items"): (baskets > 1).sum(),
        ("count", "rows that repeat another one exactly"): raw.duplicated().sum(),
        ("count", "visitors"): len(visitors),
        ("count", "visitors of two events or more"): (visitors >= 2).sum(),
        ("count", "visitors of five events or more"): (visitors >= 5).sum(),
        ("count", "visitors of ten events or more"): (visitors >= 10).sum(),
        ("count", "visitors who add to cart"): raw[raw.event == "addtocart"].visitorid.nunique(),
        ("count", "visitors who buy"): buyers,
        ("count", "days of a visitor with more than 200 events"): (heavy > 200).sum(),
        ("count", "sessions"): len(lengths),
        ("count", "sessions with a view"): has["view"].sum(),
        ("count", "sessions with a view and an add to cart"): carting.sum(),
        ("count", "sessions with all three"): buying.sum(),
        ("count", "items in the log"): len(items),
        ("count", "items of two events or more"): (items >= 2).sum(),
        ("count", "items of five events or more"): (items >= 5).sum(),
        ("count", "items of ten events or more"): (items >= 10).sum(),
        ("count", "items sold"): raw[raw.event == "transaction"].itemid.nunique(),
        ("share", "visitors with a single event"): (visitors == 1).mean(),
        ("share", "visitors who buy"): buyers / len(visitors),
        ("share", "sessions with a view and an add to cart"): carting.mean(),
        ("share", "sessions with all three"): buying.mean(),
        ("share", "adds to cart and purchases of the item just seen"): (clean.itemid == clean.itemid.shift())[
            acting
        ].mean(),
        ("amount", "events of a visitor, mean"): visitors.mean(),
        ("amount", "sessions of a visitor, mean"): len(lengths) / len(visitors),
        ("amount", "items of a transaction, mean"): baskets.mean(),
        ("amount", "events of a day (UTC), mean"): daily.mean(),
        ("amount", "events of a day (UTC), standard deviation"): daily.std(),
        ("amount", "events of a day (UTC), median"): daily.median(),
        ("amount", "events of the fullest day (UTC)"): daily.max(),
        ("amount", "events of the last day (UTC), a part of one"): daily.iloc[-1],
        ("amount", "events of an item, median"): items.median(),
    }
    for name, kind in (("views", "view"), ("adds to cart", "addtocart"), ("items bought", "transaction")):
        found["share", f"{name} among the events"] = (raw.event == kind).mean()
    for share in ("90", "95", "99", "99.9"):
        found["amount", f"events of a visitor, {share} % have at most"] = visitors.quantile(float(share) / 100)
    for share in (90, 95, 99):
        found["amount", f"events of a session, {share} % have at most"] = lengths.quantile(share / 100)
        found["amount", f"seconds of a session, {share} % have at most"] = seconds.quantile(share / 100)
    for share in (90, 99):
        found["amount", f"events of an item, {share} % have at most"] = items.quantile(share / 100)
    for origin in published.KINDS:
        for event in published.KINDS:
            found["share", published.name_step(origin, event)] = steps.get(event, {}).get(origin, 0)
    return found


def check_counts(found: dict, expected: dict) -> None:
    for key, value in expected.items():
        assert found[key] == pytest.approx(value, rel=1e-9, nan_ok=True), key


@pytest.mark.skipif(not REAL_EVENTS.exists(), reason="the real rows are not here")
def test_the_real_rows_are_counted_as_pandas_counts_them(connection):
    raw = pd.read_csv(REAL_EVENTS, dtype={"transactionid": "Int64"})
    tree = pd.read_csv(REAL / "category_tree.csv").to_numpy().tolist()
    found = count_log(
        connection, raw, tree=[(int(category), None if parent != parent else int(parent)) for category, parent in tree]
    )
    check_counts(found, count_plainly(raw))
    counts = {
        "rows of events": 9_385,
        "views": 9_076,
        "adds to cart": 263,
        "items bought": 46,
        "transactions": 40,
        "transactions of several items": 4,
        "rows that repeat another one exactly": 3,
        "visitors": 5_000,
        "visitors who buy": 39,
        "sessions": 6_229,
        "categories in the tree": 1_669,
        "roots of the tree": 25,
    }
    assert {name: found["count", name] for name in counts} == counts
    # What is published of the whole log holds for these 5,000 of its visitors, by chance a little off.
    assert found["share", "visitors with a single event"] == pytest.approx(0.7116, abs=0.02)
    assert found["amount", "events of a visitor, 95 % have at most"] == 5
    assert found["share", "after a view: a view"] == pytest.approx(0.9419, abs=0.01)
    assert not published.is_retailrocket(load(connection, raw, RAW_EVENTS))


def test_a_random_log_is_counted_as_pandas_counts_it(connection):
    events = random_events(4, rows=3_000, days=20, visitors=300, items=60)
    events = events[events.event != "removefromcart"]
    raw = to_raw(pd.concat([events, events.head(3)], ignore_index=True))
    raw.loc[len(events) :, "transactionid"] = raw.transactionid.head(3).to_numpy()
    check_counts(count_log(connection, raw), count_plainly(raw))


def test_items_properties_and_categories_are_counted(connection):
    rows = [(minute, 1, "view", item) for minute, item in enumerate([1, 1, 1, 2, 2, 3])]
    properties = [(1, "888"), (1, "categoryid"), (2, "categoryid"), (2, "790"), (9, "790")]
    history = [(1, 10, pd.Timestamp("2024-02-01")), (1, 20, None), (2, 20, None), (9, 30, None)]
    found = count_log(connection, to_raw(make_events(rows)), properties, history, [(10, None), (20, 10), (30, 10)])
    counted = {
        ("count", "rows of item properties"): 5,
        ("count", "items with properties"): 3,
        ("count", "names of properties"): 3,
        ("count", "rows of property categoryid"): 2,
        ("count", "rows of property available"): 0,
        ("count", "items of the log with properties"): 2,
        ("count", "categories of the items in the log"): 1,
        ("count", "categories in the tree"): 3,
        ("count", "roots of the tree"): 1,
        ("share", "items of the log with properties"): 2 / 3,
        ("share", "events of items with properties"): 5 / 6,
        ("share", "events in the busiest category"): 1,
    }
    assert {key: found[key] for key in counted} == pytest.approx(counted)


def test_every_published_figure_is_counted_and_stands_once(connection):
    found = count_log(connection, to_raw(make_events([(0, 1, "view", 1), (5, 1, "view", 2)])))
    names = [(figure.kind, figure.name) for figure in published.FIGURES]
    assert len(set(names)) == len(names)
    assert set(names) == set(found)
    assert math.isnan(found["share", "after an item bought: a view"])
    known = {"count", "share", "amount"}
    measures = published.measure_design(ShopDesign())
    for figure in published.FIGURES:
        assert figure.kind in known
        assert figure.tolerance >= figure.slack >= 0
        assert set(figure.rests_on) <= set(measures), figure.name


def test_the_published_tables_add_up():
    rows = [2_664_312, 69_332, 22_457]
    for table in (published.HOURS, published.DAYS):
        assert table.sum(axis=1).tolist() == rows
    assert sum(rows) == published.ROWS
    np.testing.assert_allclose(published.TRANSITIONS.sum(axis=1), 1, atol=2e-4)
    # The generator's rounded copies are of these numbers.
    for own, (kind, unit) in {"HOUR_VIEWS": (0, 1000), "HOUR_CARTS": (1, 10), "HOUR_BUYS": (2, 10)}.items():
        np.testing.assert_allclose(getattr(generator, own), published.HOURS[kind] / unit, atol=0.51)
    for own, (kind, unit) in {"WEEKDAY_VIEWS": (0, 1000), "WEEKDAY_CARTS": (1, 10), "WEEKDAY_BUYS": (2, 10)}.items():
        np.testing.assert_allclose(getattr(generator, own), published.DAYS[kind] / unit, atol=0.51)


def test_the_published_shares_are_those_of_the_published_counts():
    value = exact()
    for share, part, whole in (
        ("views among the events", "views", "rows of events"),
        ("adds to cart among the events", "adds to cart", "rows of events"),
        ("items bought among the events", "items bought", "rows of events"),
        ("visitors who buy", "visitors who buy", "visitors"),
        ("sessions with a view and an add to cart", "sessions with a view and an add to cart", "sessions"),
        ("sessions with all three", "sessions with all three", "sessions"),
        ("items of the log with properties", "items of the log with properties", "items in the log"),
    ):
        assert value["share", share] == pytest.approx(value["count", part] / value["count", whole], abs=1e-4), share
    single = 1 - value["count", "visitors of two events or more"] / value["count", "visitors"]
    assert value["share", "visitors with a single event"] == pytest.approx(single, abs=1e-4)
    for mean, part, whole in (
        ("events of a visitor, mean", "rows of events", "visitors"),
        ("sessions of a visitor, mean", "sessions", "visitors"),
        ("items of a transaction, mean", "items bought", "transactions"),
    ):
        assert value["amount", mean] == pytest.approx(value["count", part] / value["count", whole], abs=1e-3), mean


def exact() -> dict[tuple[str, str], float]:
    """The figures as published."""
    return {(figure.kind, figure.name): figure.value for figure in published.FIGURES}


def test_retailrockets_own_log_must_be_as_published():
    comparison = published.compare(exact(), None)
    assert set(comparison.agrees) == {"yes"}
    assert len(comparison) == len(published.FIGURES)
    assert (comparison.difference == 0).all()
    off = published.compare(
        exact() | {("count", "views"): 2_664_311, ("amount", "events of a visitor, mean"): math.nan}, None
    )
    assert off[off.agrees == "no"].figure.tolist() == ["views", "events of a visitor, mean"]
    reading = published_figures.read_comparison(off)
    assert reading.startswith("Of the 76 published figures, 74 are found here again")
    assert reading.endswith("Outside it: views (2,664,311) and events of a visitor, mean (–).")
    rows = published_figures.list_figures(off, "count")
    assert rows[rows.figure == "views"].to_numpy().tolist() == [["views", 2_664_312, 2_664_311, -1, 0, "no", "several"]]


def test_a_generated_shop_may_be_off_by_what_is_stated():
    found = exact() | {("count", "views"): 1.04 * 2_664_312, ("share", "visitors who buy"): 0.012}
    comparison = published.compare(found, retailrocket_design()).set_index(["kind", "figure"])
    assert comparison.agrees["count", "views"] == "yes"
    assert comparison.agrees["share", "visitors who buy"] == "no"
    assert len(comparison) == len(published.FIGURES)
    rows = published_figures.list_figures(comparison.reset_index(), "share")
    row = rows.set_index("figure").loc["visitors who buy"]
    assert (row["difference"], row["allowed ±"]) == pytest.approx((0.37, 0.1))


def test_a_shop_of_another_design_differs_on_purpose():
    small = retailrocket_design(0.1).model_copy(update={"conversion": 6.0})
    comparison = published.compare(exact(), small).set_index("figure").agrees
    assert "rows of events" not in comparison.index
    assert comparison["items bought among the events"] == "by design"
    assert comparison["visitors with a single event"] == "yes"
    assert comparison["events of an item, 90 % have at most"] == "yes"
    assert {"visitors", "items", "conversion"} <= set(published.find_differences(small))
    assert "visitors_per_item" not in published.find_differences(small)
    assert published.find_differences(retailrocket_design()) == {}
    reading = published_figures.read_comparison(published.compare(exact(), small))
    assert "of 76 published figures suit a shop of this size" in reading
    assert "are meant to differ here" in reading
    listed = published_figures.list_design(small).set_index("measure")
    assert listed.loc["Chance that a view leads to an add to cart, relative to RetailRocket"].tolist() == [1, 6]
    assert "What this shop is made to have otherwise" in published_figures.tabulate(comparison_of(small), small).data


def comparison_of(design: ShopDesign) -> pd.DataFrame:
    return published.compare(exact(), design)


def test_another_shop_has_nothing_to_compare(connection, tmp_path):
    raw = load(connection, to_raw(make_events([(0, 1, "view", 1)])), RAW_EVENTS)
    comparison = published.compare_log(raw, None, None, None, None, None)
    assert comparison.empty
    assert list(comparison) == published.COLUMNS
    finding = published_figures.draw_comparison(raw, comparison)
    assert finding.figure is None
    assert "they say nothing about it" in finding.reading
    assert published_figures.tabulate(comparison, None).data == ""
    assert set(published_figures.list_facts(comparison).values()) == {(0, "figures")}
    write_json(tmp_path / "shop.json", {"generated": False})
    assert published.read_design(Workspace(tmp_path)) is None


def test_retailrockets_log_is_known_by_its_content(connection, monkeypatch):
    raw = to_raw(make_events([(0, 1, "view", 1), (9, 1, "view", 2)]))
    table = load(connection, raw, RAW_EVENTS)
    assert not published.is_retailrocket(table)
    for name, value in {"ROWS": 2, "FIRST": raw.timestamp.min(), "LAST": raw.timestamp.max()}.items():
        monkeypatch.setattr(published, name, value)
    assert published.is_retailrocket(table)
    assert not published.is_retailrocket(table.filter(table.itemid == 1))


def test_the_rhythm_is_counted(connection):
    moments = ["2024-01-01 00:10", "2024-01-01 23:59", "2024-01-07 05:00"]
    rows = [(moments[0], 1, "view", 1), (moments[1], 1, "transaction", 1), (moments[2], 2, "view", 1)]
    rhythm = published.measure_rhythm(load(connection, to_raw(make_events(rows)), RAW_EVENTS))
    assert rhythm["hour"].shape == (3, 24)
    assert np.argwhere(rhythm["hour"]).tolist() == [[0, 0], [0, 5], [2, 23]]
    assert np.argwhere(rhythm["weekday"]).tolist() == [[0, 0], [0, 6], [2, 0]]


@pytest.fixture(scope="module")
def likeness(connection, tmp_path_factory):
    """A shop of RetailRocket's habits with 60,000 visitors, read and cleaned: its design, raw events, comparison."""
    design = retailrocket_design(60_000 / 1_407_580)
    workspace = Workspace(tmp_path_factory.mktemp("likeness"))
    generate(design, workspace.raw)
    write_json(workspace.path("shop.json"), {"generated": True})
    write_json(workspace.path("design.json"), {"design": design.model_dump(mode="json")})
    ingest(RAW | {"folder": str(workspace.raw)}, workspace, connection)
    raw_events, raw_properties = (
        connection.read_parquet(workspace.path(f"interim/raw_{name}.parquet")) for name in ("events", "properties")
    )
    judged = cleaning.judge_properties(raw_properties, ROLES)
    tree, _ = cleaning.climb_tree(cleaning.judge_categories(workspace.read("interim/raw_categories.parquet")))
    comparison = published.compare_log(
        raw_events,
        cleaning.keep_events(cleaning.judge_events(raw_events, None, None)),
        raw_properties,
        cleaning.category_history(judged),
        load(connection, tree[list(TREE)], TREE),
        published.read_design(workspace),
    )
    return design, raw_events, comparison


def test_a_generated_shop_has_the_published_shape(likeness):
    design, _, comparison = likeness
    assert set(published.find_differences(design)) == {"visitors", "items", "unvisited_items", "categories", "bots"}
    assert (comparison.agrees == "yes").all(), comparison[comparison.agrees != "yes"].to_string()
    shape = set(comparison.figure)
    for needed in (
        "views among the events",
        "visitors with a single event",
        "events of a visitor, mean",
        "events of a visitor, 99 % have at most",
        "events of a session, 99 % have at most",
        "sessions with all three",
        "after a view: an add to cart",
        "after an item bought: an item bought",
        "visitors who buy",
        "events of an item, 99 % have at most",
    ):
        assert needed in shape


def test_a_generated_shop_has_the_published_hours_and_weekdays(likeness):
    _, raw_events, comparison = likeness
    rhythm = published.measure_rhythm(raw_events)
    for name, known in (("hour", published.HOURS), ("weekday", published.DAYS)):
        own = rhythm[name].sum(axis=0) / rhythm[name].sum()
        assert np.abs(own - known.sum(axis=0) / known.sum()).max() <= published.RHYTHM_TOLERANCES["events"]
    finding = published_figures.draw_comparison(raw_events, comparison)
    assert "The shares of events are at most" in finding.reading
    assert "within the 1.5 that are allowed" in finding.reading
    assert len(finding.figure.axes) == 4
    assert all(len(axes.lines) == 2 for axes in finding.figure.axes)

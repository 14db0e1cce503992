"""What visitors do: known numbers on hand-made logs, invariants on random ones, the real rows if at hand."""

from itertools import pairwise
from pathlib import Path

import ibis
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smartrocket import behaviour
from smartrocket.engine import connect
from smartrocket.errors import InputError
from smartrocket.ingestion import ingest
from smartrocket.workspace import Workspace

REAL = Path(__file__).parents[2] / "shared" / "data"
MIDNIGHT = 1_430_697_600_000  # Monday 4 May 2015, 00:00 UTC
MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR


@pytest.fixture(scope="module")
def connection():
    return connect("1GB", threads=1)


def write_raw(workspace, events, properties=(), categories=()):
    """Write the raw tables; events are (milliseconds, visitor, event, item, transaction)."""
    columns = {
        "raw_events": ["timestamp", "visitorid", "event", "itemid", "transactionid"],
        "raw_properties": ["timestamp", "itemid", "property", "value"],
        "raw_categories": ["categoryid", "parentid"],
    }
    numbers = ["timestamp", "visitorid", "itemid", "transactionid", "categoryid", "parentid"]
    workspace.interim.mkdir(parents=True, exist_ok=True)
    for (name, names), rows in zip(columns.items(), (events, properties, categories), strict=True):
        frame = pd.DataFrame(list(rows), columns=names)
        kinds = {column: "Int64" if column in numbers else "string" for column in names}
        frame.astype(kinds).to_parquet(workspace.interim / f"{name}.parquet", index=False)


def read(folder, connection, events, properties=(), categories=(), **options):
    workspace = Workspace(folder)
    write_raw(workspace, events, properties, categories)
    return behaviour.read_log(workspace, connection, **options)


# Two sessions of visitor 1 (a pause of exactly 30 minutes does not part them, one millisecond more does), one
# of visitor 2, recorded twice, and two of visitor 3, who also did something unknown.
NOON = MIDNIGHT + 12 * HOUR
EVENTS = [
    (NOON, 1, "view", 10, None),
    (NOON + 30_000, 1, "view", 10, None),
    (NOON + 2 * MINUTE, 1, "addtocart", 10, None),
    (NOON + 32 * MINUTE, 1, "transaction", 10, 7),
    (NOON + 62 * MINUTE + 1, 1, "view", 20, None),
    (NOON + HOUR, 2, "view", 20, None),
    (NOON + HOUR, 2, "view", 20, None),
    (NOON + DAY, 3, "view", 30, None),
    (NOON + DAY, 3, "wishlist", 30, None),
    (NOON, 3, "view", 30, None),
]
PROPERTIES = [
    (MIDNIGHT, 10, "categoryid", "5"),
    (MIDNIGHT + DAY, 10, "categoryid", "6"),
    (MIDNIGHT, 10, "790", "n12.000"),
    (MIDNIGHT, 20, "categoryid", "6"),
    (MIDNIGHT, 20, "790", "0.5"),
    (MIDNIGHT, 40, "888", "1021 n3.000"),
]


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    # A connection of its own: reading another log with the same one would replace this log.
    connection = connect("1GB", threads=1)
    return read(tmp_path_factory.mktemp("known"), connection, EVENTS, PROPERTIES, [(5, None), (6, 5)])


def test_files_are_profiled_row_by_row(log):
    files = behaviour.profile_files(log).set_index("file")
    assert list(files["rows"]) == [10, 6, 2]
    assert list(files["duplicates"]) == [1, 0, 0]
    assert files.loc["events", "out_of_order"] == 2
    assert files.loc["events", "missing"] == 9
    assert files.loc["events", "first"] == "2015-05-04 12:00:00"
    assert files.loc["category tree", "missing"] == 1
    assert pd.isna(files.loc["category tree", "out_of_order"])


def test_columns_are_profiled(log):
    columns = behaviour.profile_columns(log).set_index(["file", "column"])
    assert columns.loc[("events", "transactionid"), "missing"] == 0.9
    assert columns.loc[("events", "visitorid"), "largest"] == "3"
    assert columns.loc[("item properties", "value"), "type"] == "string"


def test_a_profile_names_no_single_visitor_where_small_groups_are_hidden(log):
    columns = behaviour.profile_columns(log, least=5).set_index(["file", "column"])
    hidden = columns.loc[[("events", "visitorid"), ("events", "transactionid")], ["smallest", "largest"]]
    assert hidden.isna().all(axis=None)
    assert columns.loc[("events", "itemid"), "largest"] is not None


def test_unknown_event_types_are_counted_and_left_aside(log):
    types = behaviour.count_event_types(log).set_index("event")
    assert types["rows"].to_dict() == {"view": 7, "addtocart": 1, "transaction": 1, "wishlist": 1}
    assert not types.loc["wishlist", "known"]
    assert behaviour.match_catalogue(log)["events"] == 8


def test_the_files_are_matched_with_each_other(log, tmp_path, connection):
    found = behaviour.match_files(log).set_index("check")
    assert found.loc["items of the log that are not in the item properties"].tolist() == [1, 3]
    assert found.loc["events of such items"].tolist() == [2, 8]
    assert found.loc["items in the properties that no event names"].tolist() == [1, 3]
    assert found.loc["items in the properties without a category"].tolist() == [1, 3]
    assert found.loc["items in the properties without a price"].tolist() == [1, 3]
    assert found.loc["parents that the category tree does not list"].tolist() == [0, 1]
    assert found.loc["categories of items that are not in the tree"].tolist() == [0, 1]
    assert found.loc["categories of the tree without an item"].tolist() == [1, 2]
    odd = read(tmp_path / "odd", connection, EVENTS, [(MIDNIGHT, 10, "categoryid", "9")], [(5, 8), (6, 8)])
    found = behaviour.match_files(odd).set_index("check")["found"]
    assert found["parents that the category tree does not list"] == 1
    assert found["categories of items that are not in the tree"] == 1
    bare = behaviour.match_files(read(tmp_path / "bare", connection, EVENTS))
    assert bare.empty
    only_tree = behaviour.match_files(read(tmp_path / "tree", connection, EVENTS, (), [(5, None)]))
    assert only_tree.check.tolist() == ["parents that the category tree does not list"]


def test_rows_are_counted_and_compared_in_the_order_of_their_file(connection):
    table = ibis.memtable(
        pd.DataFrame({"timestamp": [NOON + 5, 3, 3, None, NOON + 9, 8], "other": ["a", "b", "b", "c", None, None]})
    )
    table = connection.create_table("rows_in_order", table, overwrite=True)
    assert behaviour.count_late_rows(table) == 2
    assert behaviour.count_distinct_rows(table) == 5
    assert behaviour.count_distinct_rows(table.limit(0)) == 0
    assert behaviour.count_late_rows(table.limit(1)) == 0
    described = behaviour.profile_file("some", table)
    assert (described["rows"], described["missing"], described["duplicates"]) == (6, 3, 1)
    # The times just after 1970 are no times in milliseconds.
    assert described["first"] == described["last"] == behaviour.read_milliseconds(NOON)


@settings(max_examples=15)
@given(times=st.lists(st.integers(0, 5), max_size=30))
def test_late_and_different_rows_are_those_that_python_finds(connection, times):
    frame = pd.DataFrame({"timestamp": pd.Series(times, dtype="int64")})
    table = connection.create_table("rows_at_random", frame, overwrite=True)
    assert behaviour.count_late_rows(table) == sum(later < before for before, later in pairwise(times))
    assert behaviour.count_distinct_rows(table) == len(set(times))


def test_the_tables_of_a_log_have_what_they_say(log):
    events = log.events.order_by(["visitorid", "timestamp"]).execute()
    first = events[events.visitorid == 1]
    assert first.session_number.tolist() == [0, 0, 0, 0, 1]
    assert first.previous_event.tolist() == [None, "view", "view", "addtocart", None]
    assert first.pause_seconds.iloc[1:4].tolist() == [30, 90, 1800]
    visitors = log.visitors.execute().set_index("visitorid")
    assert visitors.loc[1, ["days", "events", "views", "addtocarts", "removals", "transactions"]].tolist() == [
        1,
        5,
        3,
        1,
        0,
        1,
    ]
    assert visitors.loc[3, "days"] == 2
    sessions = log.sessions.execute().set_index(["visitorid", "session_number"])
    assert sessions.loc[(1, 0), ["seconds", "events", "views"]].tolist() == [1920, 4, 2]
    pairs = log.visitor_items.execute().set_index(["visitorid", "itemid"])
    assert pairs.loc[(1, 10)].tolist() == [2, True]
    items = log.items.execute().set_index("itemid")
    assert items.loc[10, ["events", "listed", "categoryid", "price"]].tolist() == [4, True, 6, 12.0]
    assert not items.loc[30, "listed"]
    assert set(behaviour.raw_files(log)) == {"events", "item properties", "category tree"}


def test_small_helpers_write_and_sort_as_they_say(connection):
    assert behaviour.read_milliseconds(1_430_697_600_999) == "2015-05-04 00:00:00"
    assert behaviour.read_milliseconds(float("nan")) is None
    assert behaviour.shorten("x" * 30) == "x" * 23 + "…"
    assert behaviour.shorten(12.0) == "12"
    assert behaviour.shorten(None) is None
    assert behaviour.gap_classes(3) == {
        "quick": (0, 60),
        "active": (60, 180),
        "comparing": (180, 180),
        "returning": (180, float("inf")),
    }
    numbers = connection.create_table("numbers", pd.DataFrame({"value": [-1, 0, 5, 9, 10, 99]}), overwrite=True)
    bins = behaviour.read_bins(
        numbers, behaviour.bin_number(numbers.value, [0, 5, 10]), [0, 5, 10], rows=numbers.count()
    )
    assert bins.to_numpy().tolist() == [[0, 5, 2], [5, 10, 2], [10, None, 2]]
    nothing = numbers.filter(numbers.value > 100)
    assert behaviour.count_once(nothing.aggregate(total=nothing.value.sum()))["total"] == 0


def test_sessions_end_after_more_than_the_gap(log):
    assert behaviour.summarise_sessions(log)["sessions"] == 5
    lengths = behaviour.session_lengths(log).set_index("events")["sessions"]
    assert lengths[1] == 4
    assert lengths[4] == 1
    durations = behaviour.session_durations(log).set_index("low")["sessions"]
    assert durations[1800] == 1
    assert durations.sum() == 1


def test_pauses_fall_into_their_classes(log):
    counted = behaviour.gaps(log).groupby("gap_class")["gaps"].sum()
    assert counted.to_dict() == {"quick": 1, "active": 1, "comparing": 1, "returning": 2}
    assert behaviour.summarise_gaps(log)["inside"] == 90


def test_a_session_gap_of_another_length_moves_the_classes(tmp_path, connection):
    log = read(tmp_path, connection, EVENTS, session_gap_minutes=1)
    counted = behaviour.gaps(log).groupby("gap_class")["gaps"].sum()
    assert counted.to_dict() == {"quick": 1, "returning": 4}
    assert behaviour.summarise_sessions(log)["sessions"] == 7


def test_the_funnel_needs_all_stages_and_conversion_does_not(tmp_path, connection, log):
    stages = behaviour.funnel(log).set_index(["level", "stage"])["count"]
    assert stages["visitor"].to_dict() == {"viewed": 3, "added to cart": 1, "bought": 1}
    assert stages["session"].to_dict() == {"viewed": 5, "added to cart": 1, "bought": 1}
    log = read(tmp_path, connection, [(NOON, 1, "view", 10, None), (NOON + 1, 1, "transaction", 10, 1)])
    assert behaviour.funnel(log).set_index(["level", "stage"])["count"]["visitor"]["bought"] == 0
    assert list(behaviour.conversion(log)["buyers"]) == [1, 1]


def test_transitions_and_repeats_stay_within_sessions(log):
    steps = behaviour.transitions(log).set_index(["origin", "event"])
    assert steps["steps"].sum() == 3
    assert steps.loc[("view", "view"), "share"] == 0.5
    assert steps.loc[("addtocart", "transaction"), "share"] == 1
    assert np.isnan(steps.loc[("transaction", "view"), "share"])
    assert behaviour.immediate_repeats(log).to_dict() == {"following": 1, "same": 1}


def test_only_views_before_the_purchase_count_as_repeats(tmp_path, connection):
    events = [
        (NOON, 1, "view", 10, None),
        (NOON + 1, 1, "transaction", 10, 1),
        (NOON + 2, 1, "view", 10, None),
        (NOON, 2, "view", 10, None),
        (NOON + 9, 2, "view", 10, None),
    ]
    pairs = behaviour.repeat_views(read(tmp_path, connection, events)).set_index("views")
    assert pairs["pairs"].to_dict() == {1: 1, 2: 1, 3: 0, 4: 0, 5: 0}
    assert pairs.loc[1, "share"] == 1
    assert pairs.loc[2, "share"] == 0


def test_days_follow_the_clock_of_the_time_zone(tmp_path, connection):
    events = [
        (MIDNIGHT + 3 * HOUR, 1, "view", 10, None),
        (MIDNIGHT + 5 * HOUR, 1, "view", 10, None),
        (MIDNIGHT + 3 * DAY, 1, "view", 10, None),
    ]
    utc = behaviour.daily_volume(read(tmp_path / "utc", connection, events))
    assert list(utc["view"]) == [2, 0, 0, 1]
    assert list(utc["whole"]) == [False, True, True, False]
    there = read(tmp_path / "new_york", connection, events, time_zone="America/New_York")
    assert list(behaviour.daily_volume(there)["view"]) == [1, 1, 0, 1]
    assert there.first == pd.Timestamp("2015-05-03 23:00")


def test_a_day_is_whole_when_the_log_covers_it_to_its_edges(tmp_path, connection):
    events = [(MIDNIGHT + 1, 1, "view", 10, None), (MIDNIGHT + DAY - 1, 1, "view", 10, None)]
    assert list(behaviour.daily_volume(read(tmp_path, connection, events))["whole"]) == [True]


def test_hours_are_averaged_over_the_whole_days_of_a_weekday(tmp_path, connection):
    events = [(MIDNIGHT + day * DAY + 5 * MINUTE, day, "view", 10, None) for day in range(14)]
    events += [(MIDNIGHT + 14 * DAY - MINUTE, 1, "view", 10, None), (NOON, 1, "view", 10, None)]
    log = read(tmp_path, connection, events)
    daily = behaviour.daily_volume(log)
    hourly = behaviour.hourly_volume(log, daily).set_index(["weekday", "hour"])["events"]
    assert len(hourly) == 168
    assert hourly[0, 12] == 0.5
    assert (hourly.loc[:, 0] == 1).all()
    assert behaviour.weekly_rhythm(daily).set_index("weekday")["view"][0] == 1.5
    assert behaviour.busiest_times(log, daily) == {"hour": 0, "weekday": "Monday"}


def test_visitors_are_sorted_by_their_actions(tmp_path, connection):
    counts = {1: 1, 2: 4, 3: 5, 4: 14, 5: 15}
    events = [(NOON + place, who, "view", 10, None) for who, count in counts.items() for place in range(count)]
    log = read(tmp_path, connection, events)
    types = behaviour.visitor_types(log).set_index("visitor_type")
    assert types["visitors"].to_dict() == {"passer-by": 1, "browser": 1, "explorer": 2, "enthusiast": 1}
    assert types["events"].to_dict() == {"passer-by": 1, "browser": 4, "explorer": 19, "enthusiast": 15}
    assert behaviour.baskets(log)["rows"].sum() == 0


def test_heavy_visitor_days_are_those_above_the_limit(tmp_path, connection):
    counts = {1: 200, 2: 201}
    events = [(NOON + place, who, "view", 10, None) for who, count in counts.items() for place in range(count)]
    log = read(tmp_path, connection, events)
    told = behaviour.summarise_outliers(log)
    assert (told["days"], told["events"], told["largest"]) == (1, 201, 201)
    assert behaviour.visitor_day_sizes(log).set_index("low")["visitor_days"][201] == 1


def test_retention_follows_cohorts_over_whole_weeks(tmp_path, connection):
    week = 7 * DAY
    events = [
        (NOON, 1, "view", 10, None),
        (NOON + 1, 2, "view", 10, None),
        (NOON + week, 1, "view", 10, None),
        (NOON + week + 5, 3, "view", 10, None),
        (NOON + 2 * week, 1, "view", 10, None),
        (NOON + 3 * week + 1, 4, "view", 10, None),
    ]
    cohorts = behaviour.retention(read(tmp_path, connection, events)).set_index(["cohort", "week"])
    assert list(cohorts["visitors"]) == [2, 1, 1, 1, 0, 0]
    assert list(cohorts["size"]) == [2, 2, 2, 1, 1, 0]
    assert cohorts.loc[(1, 0), "start"] == pd.Timestamp("2015-05-11")


def test_new_visitors_are_new_once(log):
    counted = behaviour.new_and_returning(log)
    assert list(counted["new"]) == [3, 0]
    assert list(counted["returning"]) == [0, 1]


def test_the_latest_category_and_price_of_an_item_are_taken(log):
    catalogue = log.catalogue.execute().set_index("itemid").sort_index()
    assert list(catalogue.index) == [10, 20, 40]
    assert list(catalogue["categoryid"].astype("Int64")) == [6, 6, pd.NA]
    assert catalogue.loc[10, "price"] == 12
    assert catalogue.loc[20, "price"] == 0.5
    told = behaviour.match_catalogue(log)
    assert told[["items", "listed_items", "catalogue", "sold_items"]].to_list() == [3, 2, 3, 1]
    assert behaviour.category_mix(log).set_index("categoryid").loc[6, "items"] == 2
    assert behaviour.summarise_prices(log)["priced"] == 2
    assert behaviour.price_bins(log)[["catalogue", "viewed"]].sum().to_list() == [2, 2]


def test_long_numbers_of_categories_are_counted_each(tmp_path, connection):
    events = [(NOON, 1, "view", item, None) for item in (1, 2, 3)]
    described = [(MIDNIGHT, item, "categoryid", str(2**53 + item)) for item in (1, 2)]
    mix = behaviour.category_mix(read(tmp_path, connection, events, described))
    assert mix["categoryid"].tolist() == [2**53 + 1, 2**53 + 2, pd.NA]


def test_the_category_is_the_property_that_the_profile_names(tmp_path, connection):
    properties = [(NOON, 10, "kind", "6"), (NOON, 10, "categoryid", "7")]
    for options, category in (({}, 7), ({"category_property": "kind"}, 6)):
        log = read(tmp_path, connection, EVENTS, properties, **options)
        assert log.items.filter(log.items.itemid == 10).categoryid.execute().tolist() == [category]


def test_the_busiest_items_and_categories_are_listed(log):
    columns = ["views", "adds to cart", "sales", "sales for 100 views"]
    items = behaviour.list_popular(log, most=2)
    assert list(items.columns) == ["item", *columns]
    assert items.to_numpy().tolist() == [["10", 2, 1, 1, 50], ["20", 2, 0, 0, 0]]
    categories = behaviour.list_categories(behaviour.category_mix(log))
    assert list(categories.columns) == ["category", "items", *columns]
    assert categories.to_numpy().tolist() == [["6", 2, 4, 1, 1, 25]]


def test_a_list_without_views_has_no_rate(tmp_path, connection):
    log = read(tmp_path, connection, [(NOON, 1, "transaction", 10, 7)])
    assert behaviour.list_popular(log)["sales for 100 views"].isna().all()
    assert behaviour.list_categories(behaviour.category_mix(log)).empty


def test_category_loyalty_counts_different_items(tmp_path, connection):
    events = [(NOON + place, 1, "view", item, None) for place, item in enumerate([10, 20, 10, 30])]
    events += [(NOON + place, 2, "view", item, None) for place, item in enumerate([10, 20, 99])]
    properties = [(MIDNIGHT, item, "categoryid", kind) for item, kind in ((10, "1"), (20, "1"), (30, "2"))]
    log = read(tmp_path, connection, events, properties)
    counted = behaviour.category_loyalty(log).set_index(["items", "categories"])["sessions"]
    assert counted[counted > 0].to_dict() == {(2, 1): 1, (3, 2): 1}
    steps = behaviour.category_steps(log)
    assert (steps["steps"], steps["same"]) == (4, 3)
    assert steps["expected"] == pytest.approx((3 / 4) ** 2 + (1 / 4) ** 2)


def test_gini_and_lorenz_of_known_counts(tmp_path, connection):
    events = [(NOON + place, 1, "view", item, None) for place, item in enumerate([1, 2, 2, 2])]
    log = read(tmp_path, connection, events)
    assert behaviour.gini(log) == pytest.approx(0.25)
    assert behaviour.top_share(log) == 0.75
    assert behaviour.lorenz(log)["share"].to_list() == [0, 0.25, 1]
    assert behaviour.gini(log, "transactions") is None
    assert behaviour.lorenz(log, "transactions").empty


def test_wilson_interval_agrees_with_published_values():
    # Newcombe (1998), table I: 81 of 263, and 0 of 20.
    assert behaviour.share_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert behaviour.share_interval(0, 20) == pytest.approx((0, 0.1611), abs=1e-4)
    assert behaviour.share_interval(0, 0) == (0, 1)


def test_a_wrong_time_zone_and_a_log_without_usable_events_are_named(tmp_path, connection):
    with pytest.raises(InputError, match="Mars/Olympus"):
        read(tmp_path, connection, EVENTS, time_zone="Mars/Olympus")
    with pytest.raises(InputError, match=r"1 row of the events none can be used .*unknown event type"):
        read(tmp_path, connection, [(NOON, 1, "wishlist", 10, None)])


moments = st.integers(0, 20 * 24 * 60).map(lambda minute: MIDNIGHT + minute * MINUTE)
rows = st.tuples(
    moments,
    st.integers(1, 6),
    st.sampled_from(["view", "view", "addtocart", "transaction", "removefromcart", "other"]),
    st.integers(1, 5),
    st.none(),
)
logs = st.lists(rows, min_size=1, max_size=60).filter(lambda events: any(row[2] != "other" for row in events))


by_folder = [HealthCheck.function_scoped_fixture]


@settings(max_examples=6, suppress_health_check=by_folder)
@given(events=logs)
def test_counts_add_up(tmp_path, connection, events):
    log = read(tmp_path, connection, events)
    distinct = len({row for row in events if row[2] != "other"})
    daily = behaviour.daily_volume(log)
    assert daily[list(behaviour.EVENT_TYPES)].to_numpy().sum() == distinct
    types = behaviour.visitor_types(log)
    assert types["events"].sum() == distinct
    assert behaviour.visitor_day_sizes(log)["events"].sum() == distinct
    assert behaviour.gaps(log)["gaps"].sum() == distinct - types["visitors"].sum()
    assert behaviour.transitions(log)["steps"].sum() == distinct - behaviour.summarise_sessions(log)["sessions"]
    for _level, stages in behaviour.funnel(log).groupby("level"):
        assert stages["count"].is_monotonic_decreasing
    assert 0 <= behaviour.gini(log) < 1
    curve = behaviour.lorenz(log, "events")
    assert curve["share"].is_monotonic_increasing
    assert (curve["share"] <= curve["items"] + 1e-9).all()


@settings(max_examples=3, suppress_health_check=by_folder)
@given(events=logs, shuffle=st.randoms(use_true_random=False))
def test_order_and_duplicates_of_rows_change_nothing(tmp_path, connection, events, shuffle):
    told = tell_behaviour(read(tmp_path, connection, events))
    # Cleaning takes no notice of the transaction of an event that is none.
    mixed = [*events, *events[:5], *((*event[:4], 7) for event in events if event[2] == "view")]
    shuffle.shuffle(mixed)
    assert tell_behaviour(read(tmp_path, connection, mixed)) == told


def tell_behaviour(log):
    """Return the facts, without those that count raw rows."""
    facts = behaviour.facts(log, behaviour.profile_files(log), behaviour.daily_volume(log))
    raw = ("rows_", "duplicates_", "unknown_")
    return {name: value for name, value, unit in facts if not name.startswith(raw) and not name.endswith("_rows")}


@settings(max_examples=50)
@given(trials=st.integers(1, 10_000), part=st.floats(0, 1))
def test_an_interval_holds_its_share(trials, part):
    successes = round(part * trials)
    low, high = behaviour.share_interval(successes, trials)
    assert 0 <= low <= successes / trials + 1e-12
    assert successes / trials - 1e-12 <= high <= 1


@pytest.mark.skipif(not (REAL / "events_sample5000visitors.csv").exists(), reason="the real rows are not here")
def test_the_real_rows_give_their_published_numbers(tmp_path, connection):
    raw = {
        "folder": str(REAL),
        "events": "events_sample5000visitors.csv",
        "properties": [],
        "category_tree": "category_tree.csv",
        "columns": {},
    }
    workspace = Workspace(tmp_path)
    ingest(raw, workspace, connection)
    log = behaviour.read_log(workspace, connection)
    files = behaviour.profile_files(log)
    facts = {name: value for name, value, _unit in behaviour.facts(log, files, behaviour.daily_volume(log))}
    expected = {
        "rows_events": 9385,
        "rows_categories": 1669,
        "rows_properties": 0,
        "duplicates_events": 3,
        "view_rows": 9076,
        "addtocart_rows": 263,
        "transaction_rows": 46,
        "events_used": 9382,
        "visitors": 5000,
        "buyers": 39,
        "sessions": 6229,
        "days": 139,
        "whole_days": 137,
        "first_event": "2015-05-03T03:02:00.563",
        "items_without_properties_share": None,
    }
    assert {name: facts[name] for name in expected} == expected
    assert (files.set_index("file")["duplicates"]["category tree"]) == 0

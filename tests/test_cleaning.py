import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shops import FIRST_DAY, PROPERTIES, REAL, REAL_EVENTS, load
from smartrocket import cleaning
from smartrocket.engine import connect
from smartrocket.errors import InputError
from smartrocket.rawfiles import EVENTS
from smartrocket.rawfiles import PROPERTIES as PROPERTY_COLUMNS

START = int(FIRST_DAY.timestamp() * 1000)
HOUR = 3_600_000
COLUMNS = list(EVENTS)


@pytest.fixture(scope="module")
def connection():
    return connect("500MB", 1)


def raw_events(rows: list) -> pd.DataFrame:
    columns = zip(*rows, strict=True) if rows else [[]] * len(COLUMNS)
    kinds = ["Int64" if kind == "int64" else "object" for kind in EVENTS.values()]
    return pd.DataFrame(
        {name: pd.array(list(values), kind) for name, kind, values in zip(COLUMNS, kinds, columns, strict=True)}
    )


def judge(connection, rows, start=None, end=None, limit=None):
    table = load(connection, raw_events(rows), EVENTS)
    return cleaning.judge_bots(cleaning.judge_events(table, start, end), limit)


def reasons(judged) -> list:
    return judged.to_pandas().sort_values(COLUMNS).reason.where(lambda reason: reason.notna(), None).tolist()


def outcomes(judged) -> dict[str, int]:
    return cleaning.make_ledger(judged, "events").set_index("outcome")["rows"].to_dict()


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ((START, 1, "view", 2, None), None),
        ((START, 1, " View ", 2, None), None),
        ((START, 1, "VİEW", 2, None), None),
        ((START, 1, "TRANSACTıON", 2, 5), None),
        ((START, 1, "removefromcart", 2, None), None),
        ((START, 1, "transaction", 2, None), None),
        ((None, 1, "view", 2, None), "no readable timestamp"),
        ((START // 1000, 1, "view", 2, None), "timestamp in seconds"),
        ((START * 1000, 1, "view", 2, None), "timestamp in microseconds"),
        ((START * 1_000_000, 1, "view", 2, None), "timestamp in nanoseconds"),
        ((631_152_000, 1, "view", 2, None), "timestamp in seconds"),
        ((631_152_000 - 1, 1, "view", 2, None), "timestamp out of range"),
        ((4_102_444_800, 1, "view", 2, None), "timestamp in seconds"),
        ((4_102_444_800 + 1, 1, "view", 2, None), "timestamp out of range"),
        ((START * 10, 1, "view", 2, None), "timestamp out of range"),
        ((-5, 1, "view", 2, None), "timestamp out of range"),
        ((START, None, "view", 2, None), "no readable visitor id"),
        ((START, 1, "view", None, None), "no readable item id"),
        ((START, 1, "purchase", 2, None), "unknown event type"),
        ((START, 1, None, 2, None), "unknown event type"),
        ((START - 1, 1, "view", 2, None), "outside the time window"),
        ((START + 48 * HOUR, 1, "view", 2, None), "outside the time window"),
        ((START + 48 * HOUR - 1, 1, "view", 2, None), None),
    ],
)
def test_each_row_has_its_reason(connection, row, reason):
    assert reasons(judge(connection, [row], "2024-01-01", "2024-01-03T00:00:00")) == [reason]


def test_of_equal_rows_the_first_stays(connection):
    view, sale = (START, 1, "view", 2, None), (START, 1, "transaction", 2, 7)
    judged = judge(connection, [view, view, (START, 1, "VIEW", 2, None), sale, (START, 1, "transaction", 2, 8), sale])
    assert outcomes(judged) == {"kept": 3, "exact duplicate": 3}
    # The id on a view says nothing, and is taken off.
    strays = [view, (START, 1, "view", 2, 7), (START, 1, "view", 2, 8)]
    assert outcomes(judge(connection, strays)) == {"kept": 1, "exact duplicate": 2}
    broken = (None, 1, "view", 2, None)
    assert outcomes(judge(connection, [broken, broken])) == {"no readable timestamp": 2}


def test_clean_events_have_times_and_order(connection):
    rows = [(START + HOUR, 2, "View", 5, None), (START, 9, "transaction", 3, 4), (START, 1, "addtocart", 3, 4)]
    clean = cleaning.keep_events(judge(connection, rows)).to_pandas()
    assert list(clean) == COLUMNS
    assert clean.timestamp.tolist() == [FIRST_DAY, FIRST_DAY, FIRST_DAY + pd.Timedelta(hours=1)]
    assert clean.visitorid.tolist() == [1, 9, 2]
    assert clean.event.tolist() == ["addtocart", "transaction", "view"]
    assert clean.transactionid.fillna(-1).tolist() == [-1, 4, -1]


def test_transaction_ids_are_checked_among_kept_rows(connection):
    rows = [
        (START, 1, "transaction", 1, None),
        (START, 1, "transaction", 2, 5),
        (START, 1, "view", 3, 5),
        (START, 1, "addtocart", 3, 5),
        (START, 1, "other", 3, 5),
    ]
    counts = cleaning.check_transactions(judge(connection, rows))
    assert counts == {"transactions_without_id": 1, "ids_without_transaction": 2}
    assert cleaning.check_transactions(judge(connection, [])) == dict.fromkeys(counts, 0)


def test_bot_rule_drops_all_events_of_a_visitor_and_only_when_asked(connection):
    busy = [(START + minute * 60_000, 1, "view", minute, None) for minute in range(5)]
    rows = [*busy, busy[0], (START + 40 * HOUR, 1, "view", 1, None), (START, 2, "view", 1, None)]
    assert outcomes(judge(connection, rows)) == {"kept": 7, "exact duplicate": 1}
    assert outcomes(judge(connection, rows, limit=5)) == {"kept": 7, "exact duplicate": 1}
    assert outcomes(judge(connection, rows, limit=4)) == {"kept": 1, "bot": 6, "exact duplicate": 1}
    clean = cleaning.keep_events(judge(connection, rows))
    tried = cleaning.try_bot_limits(clean, [4, 5])
    assert tried.to_dict("records") == [
        {"limit": 4, "visitors": 1, "events": 6, "bought": 0, "busiest_day": 5},
        {"limit": 5, "visitors": 0, "events": 0, "bought": 0, "busiest_day": 5},
    ]
    assert (cleaning.try_bot_limits(clean.limit(0), [4])[["visitors", "events", "bought", "busiest_day"]] == 0).all(
        None
    )
    # What the trial says is what the rule does.
    for limit, expected in zip(tried.limit, tried.events, strict=True):
        assert outcomes(judge(connection, rows, limit=limit)).get("bot", 0) == expected


def test_the_trial_of_the_bot_rule_counts_the_sales_it_would_drop(connection):
    minute = 60_000
    busy = [(START + place * minute, 1, "view", 1, None) for place in range(3)]
    bought = [(START + HOUR, visitor, "transaction", item, 5) for visitor, item in [(1, 1), (1, 2), (2, 1)]]
    clean = cleaning.keep_events(judge(connection, [*busy, *bought]))
    tried = cleaning.try_bot_limits(clean, [4, 5], least=2)
    assert (tried.dtypes == "int64").all()
    assert tried.to_dict("records") == [
        {"limit": 4, "visitors": 1, "events": 5, "bought": 2, "busiest_day": 1},
        {"limit": 5, "visitors": 0, "events": 0, "bought": 0, "busiest_day": 1},
    ]


IDS = st.one_of(st.none(), st.integers(0, 3), st.just(2**63 - 1))
RAW_ROW = st.tuples(
    st.one_of(st.none(), st.integers(START, START + 5), st.integers(-(2**63), 2**63 - 1)),
    IDS,
    st.sampled_from(["view", "View ", "addtocart", "removefromcart", "transaction", "", "click", None]),
    IDS,
    IDS,
)


@settings(max_examples=12)
@given(rows=st.lists(RAW_ROW, max_size=25), limit=st.one_of(st.none(), st.integers(1, 3)), data=st.data())
def test_every_row_is_kept_or_dropped_whatever_comes(connection, rows, limit, data):
    judged = judge(connection, rows, "2024-01-01", "2024-01-02", limit).cache()
    ledger = cleaning.make_ledger(judged, "events")
    clean = cleaning.keep_events(judged).to_pandas()
    assert ledger.rows.sum() == len(rows)
    assert ledger.rows[ledger.outcome == "kept"].sum() == len(clean)
    assert ledger.outcome.is_unique
    assert clean[["timestamp", "visitorid", "event", "itemid"]].notna().all(axis=None)
    assert set(clean.event) <= set(cleaning.EVENT_TYPES)

    shuffled = data.draw(st.permutations(rows))
    again = judge(connection, shuffled, "2024-01-01", "2024-01-02", limit)
    pd.testing.assert_frame_equal(cleaning.make_ledger(again, "events"), ledger)
    assert sorted(map(str, clean.to_numpy())) == sorted(map(str, cleaning.keep_events(again).to_pandas().to_numpy()))


def test_ledger_puts_kept_first_and_counts_what_was_not_judged(connection):
    judged = judge(connection, [(START, 1, "view", 1, None), *[(None, 1, "view", 1, None)] * 3])
    ledger = cleaning.make_ledger(judged, "events", {"a reason": 3, "other property": 2, "nothing": 0})
    # Then the most frequent; of equally frequent ones by name.
    rows = [("kept", 1), ("a reason", 3), ("no readable timestamp", 3), ("other property", 2)]
    expected = pd.DataFrame([("events", *row) for row in rows], columns=["file", "outcome", "rows"])
    pd.testing.assert_frame_equal(ledger, expected)


def test_what_lies_more_than_a_year_from_the_log_is_dropped_and_counted(connection):
    year = 366 * 24 * HOUR
    rows = [(START + hour * HOUR, 1, "view", 2, None) for hour in range(5)]
    far = [(START + 3 * year, 1, "view", 2, None), (START - 3 * year, 1, "view", 2, None)]
    assert outcomes(judge(connection, rows + far)) == {"kept": 5, "beyond a silence of more than a year": 2}
    assert outcomes(judge(connection, [*rows, (START + year, 1, "view", 2, None)])) == {"kept": 6}
    beyond = (START + year + 24 * HOUR, 1, "view", 2, None)
    assert outcomes(judge(connection, [*rows, beyond])) == {"kept": 5, "beyond a silence of more than a year": 1}
    # What is dropped for another reason does not hold the log together, and a window decides before the year does.
    broken = (START + year // 2, None, "view", 2, None)
    assert outcomes(judge(connection, [*rows, beyond, broken]))["beyond a silence of more than a year"] == 1
    window = judge(connection, rows + far, start=str(FIRST_DAY + (far[0][0] - START) * pd.Timedelta("1ms")))
    assert outcomes(window) == {"kept": 1, "outside the time window": 6}


def test_a_log_lies_on_whole_days(connection):
    def span(*moments):
        table = load(connection, pd.DataFrame({"timestamp": moments}, dtype="int64"), {"timestamp": "int64"})
        return cleaning.find_span(table)

    day = 24 * HOUR
    assert span(START + 5 * HOUR, START + day + 7 * HOUR) == (START, START + 2 * day - 1)
    # A pause is counted from day to day, whatever the hours.
    late = START + 366 * day + 23 * HOUR
    assert span(START, late) == (START, START + 367 * day - 1)
    assert span(START, START, late + day) == (START, START + day - 1)
    assert span() == (0, 0)


def test_long_numbers_of_categories_keep_their_parents():
    for start in (2**53, 2**62 - 3, 1 - 2**62):
        rows = [(start, None), (start + 1, start), (start + 2, start + 1)]
        raw = pd.DataFrame(rows, columns=["categoryid", "parentid"], dtype=object).astype("Int64")
        tree, _ = cleaning.climb_tree(cleaning.judge_categories(raw))
        assert tree["parentid"].tolist() == [pd.NA, start, start + 1]
        assert tree["root"].tolist() == [start] * 3


def test_a_log_of_a_century_is_refused(connection):
    """Some wrong clocks, each less than a year from the next, would else hold all of it together."""
    moments = [START - step * 275 * 24 * HOUR for step in range(41)]
    table = load(connection, pd.DataFrame({"timestamp": moments}, dtype="int64"), {"timestamp": "int64"})
    first, last = cleaning.find_span(table)
    assert (last + 1 - first) // (24 * HOUR) == cleaning.LONGEST_LOG_DAYS + 1
    table = load(connection, pd.DataFrame({"timestamp": [*moments, moments[-1] - 24 * HOUR]}), {"timestamp": "int64"})
    with pytest.raises(InputError) as refused:
        cleaning.find_span(table)
    first, last = (pd.Timestamp(moment, unit="ms") for moment in (moments[-1] - 24 * HOUR, START))
    assert str(refused.value) == (
        f"the events reach from {first:%Y-%m-%d} to {last:%Y-%m-%d}, and no log is that long: in some rows the "
        "timestamp is of a clock that was wrong. Remove these rows from the file of events, then run make again."
    )


def test_a_tree_has_an_end(connection):
    def chain(length):
        return pd.DataFrame({"categoryid": range(1, length + 1), "parentid": [None, *range(1, length)]}).astype("Int64")

    tree, _ = cleaning.climb_tree(cleaning.judge_categories(chain(100)))
    assert tree.level.max() == 99
    with pytest.raises(InputError, match="more than 100 levels deep"):
        cleaning.climb_tree(cleaning.judge_categories(chain(101)))


def test_a_log_without_a_usable_event_says_why(connection):
    ledger = cleaning.make_ledger(judge(connection, [(START // 1000, 1, "view", 1, None)] * 3), "events")
    with pytest.raises(InputError, match=r"of 3 rows of the events none .*3 as 'timestamp in seconds'"):
        cleaning.require_events(ledger)
    several = judge(connection, [(START // 1000, 1, "view", 1, None)] * 3 + [(START, 1, "look", 1, None)])
    with pytest.raises(InputError) as refused:
        cleaning.require_events(cleaning.make_ledger(several, "events"))
    assert str(refused.value) == (
        "of 4 rows of the events none can be used (3 as 'timestamp in seconds', 1 as 'unknown event type'): timestamps "
        "must be milliseconds since 1970, ids whole numbers, events one of view, addtocart, removefromcart, "
        "transaction, all within the profile's 02_cleaning: window_start and window_end. Mend the file of events, or "
        "that window."
    )
    with pytest.raises(InputError, match=r"^the file of events has no row that can be read: "):
        cleaning.require_events(cleaning.make_ledger(judge(connection, []), "events"))
    cleaning.require_events(cleaning.make_ledger(judge(connection, [(START, 1, "view", 1, None)]), "events"))


def judge_snapshots(connection, rows):
    frame = pd.DataFrame(rows, columns=list(PROPERTY_COLUMNS)).astype({"timestamp": "Int64", "itemid": "Int64"})
    return cleaning.judge_properties(load(connection, frame, PROPERTY_COLUMNS), PROPERTIES | {"name": "name"})


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ((START, 1, "888", "n1.000"), "other property"),
        ((START, 1, "name", "Lamp, red"), None),
        ((START, 1, "name", " \t"), "name is empty"),
        ((START, 1, "name", None), "name is empty"),
        ((START, 1, None, "n1.000"), "other property"),
        ((None, 1, "790", "n1.000"), "no readable timestamp"),
        ((START // 1000, 1, "790", "n1.000"), "timestamp in seconds"),
        ((START * 1000, 1, "categoryid", "5"), "timestamp in microseconds"),
        ((2**63 - 1, 1, "available", "1"), "timestamp out of range"),
        ((START, None, "790", "n1.000"), "no readable item id"),
        ((START, 1, "790", "n1e13"), "price out of range"),
        ((START, 1, "790", "n1e12"), None),
        ((START, 1, "categoryid", "5.5"), "category is not a number"),
        ((START, 1, "categoryid", "shoes"), "category is not a number"),
        ((START, 1, "790", "cheap"), "price is not a number"),
        ((START, 1, "790", None), "price is not a number"),
        ((START, 1, "790", "n-2.000"), "price is negative"),
        ((START, 1, "790", "nan"), "price is not a number"),
        ((START, 1, "790", "inf"), "price is not a number"),
        ((START, 1, "790", "Infinity"), "price is not a number"),
        ((START, 1, "790", "1e400"), "price is not a number"),
        ((START, 1, "790", "n1_0"), "price is not a number"),
        ((START, 1, "available", "2"), "neither 0 nor 1"),
        ((START, 1, "available", None), "neither 0 nor 1"),
        ((START, 1, "790", "n0.000"), None),
        ((START, 1, "790", "12.5"), None),
        ((START, 1, "categoryid", "12"), None),
        ((START, 1, "available", "0"), None),
    ],
)
def test_each_snapshot_has_its_reason(connection, row, reason):
    judged = judge_snapshots(connection, [row]).to_pandas().reason
    assert judged.where(judged.notna(), None).tolist() == [reason]


def test_history_holds_from_a_snapshot_to_the_next_that_differs(connection):
    week = 7 * 24 * HOUR
    rows = [
        (START, 1, "790", "n10.000"),
        (START + week, 1, "790", "n10.000"),
        (START + 2 * week, 1, "790", "n8.500"),
        (START + 2 * week, 1, "790", "n8.000"),
        (START + 3 * week, 1, "790", "n10.000"),
        (START + week, 2, "790", "n3.000"),
        (START, 1, "available", "1"),
        (START, 1, "categoryid", "7"),
        (START + week, 1, "categoryid", "9"),
    ]
    judged = judge_snapshots(connection, rows)
    prices = cleaning.price_history(judged).to_pandas()
    day = pd.Timedelta(days=1)
    assert prices.itemid.tolist() == [1, 1, 1, 2]
    assert prices.price.tolist() == [10.0, 8.5, 10.0, 3.0]
    assert prices.valid_from.tolist() == [FIRST_DAY, FIRST_DAY + 14 * day, FIRST_DAY + 21 * day, FIRST_DAY + 7 * day]
    assert prices.valid_to.tolist()[:2] == [FIRST_DAY + 14 * day, FIRST_DAY + 21 * day]
    assert prices.valid_to.isna().tolist() == [False, False, True, True]
    assert cleaning.category_history(judged).to_pandas().categoryid.tolist() == [7, 9]
    available = cleaning.availability_history(judged).to_pandas()
    assert available.available.tolist() == [True]
    assert cleaning.price_history(judge_snapshots(connection, [])).to_pandas().empty


@settings(max_examples=15)
@given(
    snapshots=st.lists(st.tuples(st.integers(0, 9), st.integers(1, 3), st.integers(0, 2)), min_size=5, max_size=30),
)
def test_history_answers_as_the_last_snapshot_does(connection, snapshots):
    rows = [(START + when * 24 * HOUR, item, "790", f"n{price}.000") for when, item, price in snapshots]
    history = cleaning.price_history(judge_snapshots(connection, rows)).to_pandas()
    days = [FIRST_DAY + pd.Timedelta(days=day) for day in range(10)]
    for item, day in itertools.product((1, 2, 3), range(10)):
        started = (history.itemid == item) & (history.valid_from <= days[day])
        valid = history.price[started & (history.valid_to.isna() | (history.valid_to > days[day]))]
        past = [(when, price) for when, thing, price in snapshots if thing == item and when <= day]
        assert valid.tolist() == ([max(past)[1]] if past else [])
    for _, of_item in history.groupby("itemid"):
        assert (of_item.price.diff() != 0).all()


def test_times_and_numbers_are_parsed(connection):
    rows = pd.DataFrame({"timestamp": [START, START + 1, None], "value": ["n12.500", "7", "nn1"]})
    table = load(connection, rows.astype({"timestamp": "Int64"}), {"timestamp": "int64", "value": "string"})
    parsed = cleaning.parse_timestamps(table).mutate(number=cleaning.parse_number(table.value)).to_pandas()
    assert parsed.timestamp.iloc[:2].tolist() == [FIRST_DAY, FIRST_DAY + pd.Timedelta(milliseconds=1)]
    assert parsed.timestamp.isna().tolist() == [False, False, True]
    assert parsed.number.iloc[:2].tolist() == [12.5, 7]
    assert pd.isna(parsed.number.iloc[2])


@pytest.mark.parametrize(
    ("text", "number"),
    [("n12.500", 12.5), ("7", 7), (" +7\t", 7), ("n.5", 0.5), ("5.", 5), ("n-2e1", -20), ("1E+2", 100), ("n 5", 5)]
    + [(text, None) for text in ("", "n", "nn1", "n1_0", "n5d", "5F", "0x10", ".", "1e", "nan", "inf", "1e400")]
    + [(text, None) for text in ("\v5", "5\u2028", "\u00a05", "1 2", "5 n")],
)
def test_only_what_is_written_as_a_number_is_one(connection, text, number):
    table = load(connection, pd.DataFrame({"text": [text]}))
    found = cleaning.parse_number(table.text).to_pandas()[0]
    assert (found == number) if number is not None else pd.isna(found)


def test_circles_are_found():
    assert cleaning.find_circles({1: None, 2: 1}) == []
    circles = cleaning.find_circles({1: 2, 2: 3, 3: 1, 4: 1, 5: 5})
    assert sorted(map(sorted, circles)) == [[1, 2, 3], [5]]


def test_properties_are_counted(connection):
    rows = [(START, 1, "888", "a"), (START, 2, "888", "a"), (START, 2, "888", "b"), (START, 1, "6", "c")]
    frame = pd.DataFrame(rows, columns=list(PROPERTY_COLUMNS))
    counted = cleaning.count_properties(load(connection, frame, PROPERTY_COLUMNS))
    assert counted.to_numpy().tolist() == [["888", 3, 2, 2], ["6", 1, 1, 1]]


def climb(rows):
    raw = pd.DataFrame(rows, columns=["categoryid", "parentid"]).astype("Int64")
    return cleaning.climb_tree(cleaning.judge_categories(raw))


def test_a_name_is_one_short_line(connection):
    long = "x" * 99
    told = [(0, 1, " red\n \tlamp "), (1, 1, "red lamp"), (24, 1, "lamp"), (0, 2, f"{long} yz")]
    rows = [(START + hours * HOUR, item, "name", name) for hours, item, name in told]
    names = cleaning.name_history(judge_snapshots(connection, rows)).to_pandas()
    assert names["itemid"].tolist() == [1, 1, 2]
    assert names["name"].tolist() == ["red lamp", "lamp", long]
    assert names["valid_to"].tolist()[0] == names["valid_from"].tolist()[1]


def test_tree_has_levels_and_paths():
    tree, faults = climb([(3, 2), (1, None), (2, 1), (4, None)])
    assert faults == {"orphans": 0, "cycles": 0}
    assert tree.categoryid.tolist() == [1, 2, 3, 4]
    assert tree.level.tolist() == [0, 1, 2, 0]
    assert tree.path.tolist() == ["1", "1/2", "1/2/3", "4"]
    assert tree.root.tolist() == [1, 1, 1, 4]
    assert tree.parentid.isna().tolist() == [True, False, False, True]
    # Paths are in the order of text.
    tree, _ = climb([(9, None), (10, None), (11, 9)])
    assert tree.path.to_dict() == {0: "10", 1: "9", 2: "9/11"}


def test_orphans_become_roots_and_circles_are_cut_open():
    tree, faults = climb([(5, 99), (1, 3), (2, 1), (3, 2), (4, 3), (6, 6)])
    assert faults == {"orphans": 1, "cycles": 2}
    assert dict(zip(tree.categoryid, tree.path, strict=True)) == {
        5: "5",
        1: "1",
        2: "1/2",
        3: "1/2/3",
        4: "1/2/3/4",
        6: "6",
    }


def test_odd_rows_of_a_tree_are_dropped_for_a_reason():
    raw = pd.DataFrame({"categoryid": [1, 1, None, None], "parentid": [None, 2, 1, 1]}, dtype="Int64")
    judged = cleaning.judge_categories(raw)
    assert judged.reason.tolist() == [
        None,
        "category listed again",
        "no readable category id",
        "no readable category id",
    ]
    tree, faults = cleaning.climb_tree(judged)
    assert len(tree) == 1
    assert faults == {"orphans": 0, "cycles": 0}
    empty, _ = climb([])
    assert list(empty) == ["categoryid", "parentid", "level", "root", "path"]
    assert empty.empty


@settings(max_examples=60)
@given(st.dictionaries(st.integers(0, 12), st.one_of(st.none(), st.integers(0, 15)), max_size=12))
def test_any_tree_is_climbed(parents):
    tree, faults = climb(list(parents.items()))
    assert sorted(tree.categoryid) == sorted(parents)
    assert (tree.level == 0).sum() == tree["root"].nunique()
    assert (tree.parentid.isna() == (tree.level == 0)).all()
    by_id = tree.set_index("categoryid")
    for row in tree[tree.level > 0].itertuples():
        assert row.level == by_id.level[row.parentid] + 1
        assert row.path == f"{by_id.path[row.parentid]}/{row.categoryid}"
    assert faults["orphans"] == sum(parent is not None and parent not in parents for parent in parents.values())


@pytest.mark.skipif(not REAL_EVENTS.exists(), reason="the real rows are not here")
def test_real_rows(connection):
    rows = pd.read_csv(REAL_EVENTS, dtype={"transactionid": "Int64"})
    judged = cleaning.judge_events(load(connection, rows, EVENTS), None, None)
    assert outcomes(judged) == {"kept": 9382, "exact duplicate": 3}
    clean = cleaning.keep_events(judged).to_pandas()
    pd.testing.assert_frame_equal(
        clean[["visitorid", "itemid"]].sort_values(["visitorid", "itemid"], ignore_index=True),
        rows.drop_duplicates()[["visitorid", "itemid"]].sort_values(["visitorid", "itemid"], ignore_index=True),
    )
    sales = clean[clean.event == "transaction"]
    assert (len(sales), sales.visitorid.nunique()) == (46, 39)
    assert cleaning.check_transactions(judged) == {"transactions_without_id": 0, "ids_without_transaction": 0}
    tree, faults = climb(pd.read_csv(REAL / "category_tree.csv").to_numpy().tolist())
    assert (len(tree), (tree.level == 0).sum()) == (1669, 25)
    assert faults == {"orphans": 0, "cycles": 0}
    assert np.isin(tree.parentid.dropna(), tree.categoryid).all()

from collections import Counter

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shops import REAL_SEQUENCES, load, make_events, random_events
from smartrocket.engine import connect
from smartrocket.sequences import (
    COLUMNS,
    collect_sequences,
    drop_rare_and_short,
    prepare_sequences,
    split_last_days,
)

EVENT_TYPES = {"timestamp": "timestamp(6)", "visitorid": "int64", "event": "string", "itemid": "int64"}


@pytest.fixture(scope="module")
def connection():
    return connect("500MB", 1)


def collect(connection, events: pd.DataFrame, **options) -> pd.DataFrame:
    return collect_sequences(load(connection, events[list(EVENT_TYPES)], EVENT_TYPES), **options)


def as_lists(sequences: pd.DataFrame) -> list[list[int]]:
    return sequences.groupby("sessionid").itemid.agg(list).tolist()


def naive_sequences(events: pd.DataFrame, gap_minutes: int, length: int, support: int) -> list[list[int]]:
    """Follow the protocol in plain Python."""
    sessions = []
    for visitor, own in events.sort_values(["timestamp", "itemid", "event"]).groupby("visitorid"):
        last = None
        for row in own.itertuples():
            if last is None or row.timestamp - last > pd.Timedelta(minutes=gap_minutes):
                sessions.append((row.timestamp, visitor, []))
            last = row.timestamp
            clicks = sessions[-1][2]
            if row.event == "view" and clicks[-1:] != [row.itemid]:
                clicks.append(row.itemid)
    lists = [clicks for _, _, clicks in sorted(sessions, key=lambda session: session[:2])]
    before = None
    while before != lists:
        before = lists
        counts = Counter(item for clicks in lists for item in clicks)
        lists = [[item for item in clicks if counts[item] >= support] for clicks in lists]
        lists = [clicks for clicks in lists if len(clicks) >= length]
    return lists


def test_a_session_is_told_step_by_step(connection):
    rows = [
        (0, 1, "view", 5),
        (1, 1, "addtocart", 5),
        (2, 1, "view", 5),
        (3, 1, "view", 6),
        (4, 1, "view", 5),
        (65, 1, "view", 6),
        (125, 1, "transaction", 6),
        (185, 1, "view", 7),
        (246, 1, "view", 8),
        (247, 1, "view", 9),
        (0, 2, "view", 9),
    ]
    sequences = collect(connection, make_events(rows), min_item_support=1)
    assert list(sequences) == COLUMNS
    # A pause of 61 minutes parts sessions, one of 60 does not, and the sale keeps the session alive in between.
    assert as_lists(sequences) == [[5, 6, 5], [6, 7], [8, 9]]
    assert sequences.sessionid.drop_duplicates().tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("seed", "length", "support"), [*((seed, 2, 5) for seed in range(4)), (0, 1, 1), (1, 1, 12), (2, 3, 2)]
)
def test_sequences_equal_a_plain_implementation(connection, seed, length, support):
    events = random_events(seed, rows=600, days=2, visitors=25, items=15)
    expected = naive_sequences(events, 60, length, support)
    assert len(expected) > 5
    assert (min(map(len, expected)) == 1) == (length == 1)
    options = {"min_session_length": length, "min_item_support": support}
    found = collect(connection, events, **options)
    assert as_lists(found) == expected
    shuffled = collect(connection, events.sample(frac=1, random_state=seed), **options)
    pd.testing.assert_frame_equal(found, shuffled)


def test_nothing_left_is_an_empty_frame(connection):
    sequences = collect(connection, make_events([(0, 1, "view", 5), (1, 1, "view", 6)]))
    assert list(sequences) == COLUMNS
    assert sequences.empty
    for part in split_last_days(sequences):
        assert list(part) == COLUMNS
        assert part.empty


def test_split_by_hand():
    day = pd.Timedelta(days=1)
    start = pd.Timestamp("2024-01-01")
    clicks = [
        (0, 1, 0),
        (0, 2, 0.1),
        (1, 1, 2.9),
        (1, 2, 3.1),  # runs across the border: in neither part
        (2, 2, 3),
        (2, 3, 3.1),  # item 3 is new: dropped, and then the session is too short
        (3, 1, 5),
        (3, 3, 9),
        (3, 2, 10),
    ]
    sequences = pd.DataFrame(clicks, columns=COLUMNS)
    sequences["timestamp"] = start + sequences.timestamp * day
    train, held_out = split_last_days(sequences, 7)
    assert as_lists(train) == [[1, 2]]
    assert as_lists(held_out) == [[1, 2]]
    assert held_out.sessionid.unique().tolist() == [3]


def test_what_ends_on_the_border_is_in_neither_part_and_what_starts_there_is_held_out():
    clicks = [(0, 1, 0), (0, 2, 1), (1, 1, 2), (1, 2, 3), (2, 2, 3), (2, 1, 4), (3, 1, 9), (3, 2, 10)]
    sequences = pd.DataFrame(clicks, columns=COLUMNS)
    sequences["timestamp"] = pd.Timestamp("2024-01-01") + sequences.timestamp * pd.Timedelta(days=1)
    train, held_out = split_last_days(sequences, 7)
    assert train.sessionid.unique().tolist() == [0]
    assert held_out.sessionid.unique().tolist() == [2, 3]


@settings(max_examples=60)
@given(
    clicks=st.lists(st.tuples(st.integers(0, 8), st.integers(1, 5), st.integers(0, 20 * 24)), max_size=40),
    days=st.integers(1, 15),
)
def test_split_never_lets_the_future_into_the_past(clicks, days):
    sequences = pd.DataFrame(clicks, columns=COLUMNS).astype("int64")
    sequences["timestamp"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(sequences.timestamp, unit="h")
    sequences = sequences.sort_values(["sessionid", "timestamp"], ignore_index=True)
    train, held_out = split_last_days(sequences, days)
    assert not set(train.sessionid) & set(held_out.sessionid)
    assert set(held_out.itemid) <= set(train.itemid)
    if len(held_out):
        assert train.timestamp.max() < held_out.timestamp.min()
        assert held_out.groupby("sessionid").size().min() >= 2
    for part in (train, held_out):
        assert list(part) == COLUMNS
        assert part.sessionid.is_monotonic_increasing
    whole = sequences.groupby("sessionid").size()
    assert (train.groupby("sessionid").size() == whole[train.sessionid.unique()]).all()


@pytest.mark.parametrize("rules", [(60, 2, 5, 7), (90, 2, 4, 5)])
def test_the_protocol_as_a_whole_is_its_steps_one_after_the_other(connection, rules):
    events = random_events(3, rows=4_000, days=30, visitors=60)
    table = load(connection, events[list(EVENT_TYPES)], EVENT_TYPES)
    train, held_out = prepare_sequences(table, *rules)
    gap, length, support, days = rules
    clicks = collect(connection, events, gap_minutes=gap, min_session_length=length, min_item_support=support)
    steps = split_last_days(clicks, days)
    for part, step in zip((train, held_out), steps, strict=True):
        pd.testing.assert_frame_equal(part, step)
        assert len(part) > 0


@pytest.mark.skipif(not REAL_SEQUENCES.exists(), reason="the real sequences are not here")
def test_filter_on_real_sequences(connection):
    lines = pd.Series(REAL_SEQUENCES.read_text().splitlines()).str.split().explode().astype("int64")
    clicks = pd.DataFrame({"sessionid": lines.index, "itemid": lines.to_numpy()})
    assert (clicks.sessionid.nunique(), len(clicks)) == (126_168, 685_984)
    clicks = clicks[(clicks != clicks.shift()).any(axis=1)]
    kept = drop_rare_and_short(load(connection, clicks), ["sessionid"], 2, 5).to_pandas()
    # The file has sessions in order of time and no times: let each take place on a day of its own.
    day = kept.sessionid.rank(method="dense").astype(int)
    kept["timestamp"] = pd.Timestamp("1900-01-01") + pd.to_timedelta(day, unit="D")
    train, test = split_last_days(kept, days=day.max() - int(day.max() * 0.96) - 1)
    assert (train.sessionid.nunique(), len(train)) == (102_401, 511_734)
    assert test.sessionid.nunique() == 4_243

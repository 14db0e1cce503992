from collections import Counter
from itertools import permutations

import numpy as np
import pandas as pd
import pytest

from shops import FIRST_DAY, load, random_events
from smartrocket.cooccurrence import MOST_ITEMS, relate_items
from smartrocket.engine import connect
from smartrocket.sessions import list_session_events

COLUMNS = ["itemid", "relateditemid", "sessions", "cosine", "lift", "weight", "rank"]
VISITS = {"sessionid": "int64", "timestamp": "timestamp(6)", "itemid": "int64"}
EVENTS = {"timestamp": "timestamp(6)", "visitorid": "int64", "event": "string", "itemid": "int64"}


@pytest.fixture(scope="module")
def connection():
    return connect("500MB", 1)


def relate(connection, rows: pd.DataFrame, **options) -> pd.DataFrame:
    rows = rows.astype({"timestamp": "datetime64[us]"})
    return relate_items(load(connection, rows[list(VISITS)], VISITS), **options).to_pandas()


def visit(*sessions: list[int], days: tuple[float, ...] | None = None) -> pd.DataFrame:
    """Make one visit of each list of items, on the given days."""
    days = days or (0,) * len(sessions)
    rows = [
        (number, FIRST_DAY + pd.Timedelta(days=day), item)
        for number, (items, day) in enumerate(zip(sessions, days, strict=True))
        for item in items
    ]
    return pd.DataFrame(rows, columns=list(VISITS))


def naive_pairs(rows: pd.DataFrame, half_life_days: float, min_sessions: int) -> pd.DataFrame:
    """Count every pair of every session in plain Python."""
    last = rows.timestamp.max()
    sessions = [own.groupby("itemid").timestamp.max().to_dict() for _, own in rows.groupby("sessionid")]
    sessions = [items for items in sessions if len(items) <= MOST_ITEMS]
    visits, recent, shared, recency = Counter(), Counter(), Counter(), Counter()
    for items in sessions:
        for item, moment in items.items():
            weight = 0.5 ** ((last - moment).total_seconds() / 86_400 / half_life_days)
            visits[item] += 1
            recent[item] += weight
            for other in items.keys() - {item}:
                shared[item, other] += 1
                recency[item, other] += weight
    pairs = [
        {
            "itemid": item,
            "relateditemid": other,
            "sessions": count,
            "cosine": count / np.sqrt(visits[item] * visits[other]),
            "lift": count * len(sessions) / (visits[item] * visits[other]),
            "weight": recency[item, other] / np.sqrt(recent[item] * recent[other]),
        }
        for (item, other), count in shared.items()
        if count >= min_sessions
    ]
    return pd.DataFrame(pairs).sort_values(["itemid", "relateditemid"], ignore_index=True)


def test_pairs_by_hand(connection):
    related = relate(connection, visit([1, 2], [1, 2, 2], [1, 3], [4]))
    assert list(related) == COLUMNS
    assert related[["itemid", "relateditemid", "sessions", "rank"]].to_numpy().tolist() == [[1, 2, 2, 0], [2, 1, 2, 0]]
    np.testing.assert_allclose(related.cosine, 2 / np.sqrt(3 * 2), rtol=1e-6)
    # Items 1 and 2 are in 3/4 and 2/4 of the sessions: by chance they would share 1.5 of the 4.
    np.testing.assert_allclose(related.lift, 2 / 1.5, rtol=1e-6)


def test_recent_sessions_weigh_more(connection):
    rows = visit([1, 2], [1, 2], [1, 3], [1, 3], days=(0, 0, 30, 30))
    related = relate(connection, rows, half_life_days=30)
    nearest = related[related.itemid == 1]
    assert nearest.relateditemid.tolist() == [3, 2]
    assert nearest["rank"].tolist() == [0, 1]
    np.testing.assert_allclose(nearest.weight, [2 / np.sqrt(3 * 2), 1 / np.sqrt(3 * 1)], rtol=1e-6)
    np.testing.assert_allclose(nearest.cosine, [2 / np.sqrt(8)] * 2, rtol=1e-6)


def test_endless_sessions_and_further_neighbours_are_left_out(connection):
    endless = list(range(100, 101 + MOST_ITEMS))
    assert relate(connection, visit(endless, endless)).empty
    longest = endless[:MOST_ITEMS]
    related = relate(connection, visit(longest, longest), neighbours=5)
    assert (related.groupby("itemid").size() == 5).all()
    assert related.itemid.nunique() == MOST_ITEMS
    # Equal weights are told apart by the smaller id.
    assert related[related.itemid == 140].relateditemid.tolist() == [100, 101, 102, 103, 104]
    assert (relate(connection, visit(longest, longest)).groupby("itemid").size() == 20).all()
    # The sessions of others stay, and so do theirs alone.
    assert relate(connection, visit(endless, [1, 2], [1, 2], endless)).itemid.tolist() == [1, 2]


def test_however_old_a_session_is_it_weighs_something(connection):
    related = relate(connection, visit([1, 2], [1, 2], [3, 4], [3, 4], days=(0, 0, 6000, 6000)), half_life_days=30)
    assert related.weight.tolist() == [1, 1, 1, 1]
    # A session of today outweighs it by all that can be told apart.
    related = relate(connection, visit([1, 2], [1, 2], [1], days=(0, 0, 6000)), half_life_days=30)
    np.testing.assert_allclose(related.weight, np.sqrt(2 / 2**32), rtol=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_pairs_equal_a_plain_implementation(connection, seed):
    events = random_events(seed, rows=900, days=40, visitors=15, items=14)
    sessions = list_session_events(load(connection, events[list(EVENTS)], EVENTS), 600).to_pandas()
    found = relate(connection, sessions, half_life_days=20, neighbours=99)
    expected = naive_pairs(sessions, 20, 2)
    ordered = found.sort_values(["itemid", "relateditemid"], ignore_index=True)
    pd.testing.assert_frame_equal(ordered[COLUMNS[:-1]], expected, check_dtype=False, rtol=1e-5)
    assert len(found) > 50
    for item, own in found.groupby("itemid"):
        assert own["rank"].tolist() == list(range(len(own))), item
        assert own.weight.is_monotonic_decreasing
    assert set(zip(found.itemid, found.relateditemid, strict=True)) == {
        pair for own in zip(found.itemid, found.relateditemid, strict=True) for pair in permutations(own)
    }
    shuffled = relate(connection, sessions.sample(frac=1, random_state=seed), half_life_days=20, neighbours=99)
    pd.testing.assert_frame_equal(shuffled, found)


def test_no_pair_is_an_empty_table(connection):
    related = relate(connection, visit([1], [2]))
    assert list(related) == COLUMNS
    assert related.empty

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shops import FIRST_DAY, load, make_events, random_events
from smartrocket.engine import connect
from smartrocket.sessions import list_session_events, number_sessions

TYPES = {"timestamp": "timestamp(6)", "visitorid": "int64", "event": "string", "itemid": "int64"}
KEYS = ["visitorid", "timestamp", "itemid", "event"]


@pytest.fixture(scope="module")
def connection():
    return connect("500MB", 1)


def list_sessions(connection, events: pd.DataFrame, gap: int = 30) -> pd.DataFrame:
    table = list_session_events(load(connection, events[list(TYPES)], TYPES), gap)
    return table.order_by(["sessionid", "position"]).to_pandas()


def test_sessions_by_hand(connection):
    rows = [(0, 7, "view", 1), (30, 7, "view", 2), (60.5, 7, "addtocart", 2), (5, 3, "view", 9), (0, 2, "view", 4)]
    sessions = list_sessions(connection, make_events(rows))
    assert list(sessions) == ["sessionid", "position", "visitorid", "timestamp", "event", "itemid"]
    # Thirty minutes are still one session; sessions count by their start, then by visitor.
    assert sessions.sessionid.tolist() == [0, 1, 1, 2, 3]
    assert sessions.visitorid.tolist() == [2, 7, 7, 3, 7]
    assert sessions.position.tolist() == [0, 0, 1, 0, 0]
    numbered = number_sessions(load(connection, make_events(rows)[list(TYPES)], TYPES)).to_pandas()
    usual = list_session_events(load(connection, make_events(rows)[list(TYPES)], TYPES))
    assert usual.order_by(["sessionid", "position"]).to_pandas().equals(sessions)
    own = numbered[numbered.visitorid == 7].sort_values("timestamp")
    assert own.session_number.tolist() == [0, 0, 1]
    assert own.session_start.tolist() == [own.timestamp.iloc[0], own.timestamp.iloc[0], own.timestamp.iloc[2]]


def test_a_session_ends_with_the_first_millisecond_too_many_in_any_order_of_rows(connection):
    minute = 1 / 60_000
    rows = [
        (30 + minute, 1, "view", 3),
        (60 + minute, 1, "view", 4),
        (0, 1, "view", 2),
        (60 + 2 * minute, 2, "view", 5),
    ]
    numbered = number_sessions(load(connection, make_events(rows)[list(TYPES)], TYPES))
    assert numbered.columns == (*TYPES, "session_number", "session_start", "position")
    found = numbered.order_by("itemid").to_pandas()
    # From 0 to 30 minutes and a millisecond is too long; from there to the next, 30 minutes just are not.
    assert found.session_number.tolist() == [0, 1, 1, 0]
    assert found.position.tolist() == [0, 0, 1, 0]
    assert (found.session_start == found.timestamp).tolist() == [True, True, False, True]


@pytest.mark.parametrize("seed", range(3))
def test_sessions_equal_a_plain_implementation(connection, seed):
    events = random_events(seed, rows=1500, days=3)
    found = list_sessions(connection, events)
    plain = events.sort_values(KEYS)
    pause = plain.groupby("visitorid").timestamp.diff()
    plain["number"] = (pause > pd.Timedelta(minutes=30)).groupby(plain.visitorid).cumsum()
    start = plain.groupby(["visitorid", "number"]).timestamp.transform("min")
    starts = pd.MultiIndex.from_arrays([start, plain.visitorid])
    order = {key: place for place, key in enumerate(sorted(set(starts)))}
    plain["sessionid"] = starts.map(order)
    plain["position"] = plain.groupby("sessionid").cumcount()
    plain = plain.sort_values(["sessionid", "position"], ignore_index=True)
    pd.testing.assert_frame_equal(found, plain[list(found)], check_dtype=False)
    assert 20 < found.sessionid.nunique() < len(found)


@settings(max_examples=8)
@given(
    rows=st.lists(
        st.tuples(st.integers(0, 300), st.integers(1, 4), st.sampled_from(["view", "transaction"]), st.integers(1, 3)),
        min_size=1,
        max_size=30,
    ),
    gap=st.integers(1, 60),
    seed=st.integers(0, 99),
)
def test_every_event_is_in_one_session_without_a_longer_pause(connection, rows, gap, seed):
    events = make_events(rows)
    sessions = list_sessions(connection, events, gap)
    pd.testing.assert_frame_equal(
        sessions[KEYS].sort_values(KEYS, ignore_index=True),
        events[KEYS].sort_values(KEYS, ignore_index=True),
        check_dtype=False,
    )
    assert sessions.sessionid.drop_duplicates().tolist() == list(range(sessions.sessionid.nunique()))
    assert (sessions.groupby("sessionid").visitorid.nunique() == 1).all()
    assert (sessions.position == sessions.groupby("sessionid").cumcount()).all()
    pauses = sessions.groupby("sessionid").timestamp.diff().dropna()
    assert (pauses <= pd.Timedelta(minutes=gap)).all()
    ends = sessions.groupby(["visitorid", "sessionid"]).timestamp.agg(["min", "max"]).sort_values("min")
    between = ends["min"] - ends.groupby("visitorid")["max"].shift()
    assert (between.dropna() > pd.Timedelta(minutes=gap)).all()
    pd.testing.assert_frame_equal(sessions, list_sessions(connection, events.sample(frac=1, random_state=seed), gap))


@pytest.mark.parametrize("seed", range(3))
def test_twins_are_in_one_session_on_two_cores(seed):
    """Sales under two receipts in one moment are alike in all that orders events; so many are sorted on two cores."""
    random = np.random.default_rng(seed)
    rows = 100_000
    sales = pd.DataFrame(
        {
            "timestamp": FIRST_DAY + pd.to_timedelta(31 * random.integers(0, 2400, rows), unit="min"),
            "visitorid": random.integers(0, rows // 40, rows),
            "event": "transaction",
            "itemid": random.integers(0, 300, rows),
        }
    )
    views = sales[::3].assign(event="view", timestamp=sales["timestamp"] - pd.Timedelta(seconds=1))
    events = pd.concat([sales, sales, views]).sort_values(
        ["timestamp", "visitorid", "itemid", "event"], ignore_index=True
    )
    found = list_session_events(load(connect("1GB", 2), events, TYPES)).to_pandas()
    # The sales of a moment are a session of their own, with the view before.
    sessions = found.groupby("sessionid")
    assert sessions.ngroups == len(sales[["timestamp", "visitorid"]].drop_duplicates())
    assert (sessions["timestamp"].max() - sessions["timestamp"].min()).max() == pd.Timedelta(seconds=1)
    assert (sessions["position"].max() + 1 == sessions.size()).all()
    assert not found.duplicated(["sessionid", "position"]).any()

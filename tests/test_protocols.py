import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shops import load, make_events, random_events
from smartrocket import protocols
from smartrocket.engine import connect
from smartrocket.neighbours import simple_models
from smartrocket.preparation import read_code
from smartrocket.protocols import (
    CurrentFirst,
    Rules,
    build_sequences,
    collect_events,
    drop_repeats,
    rank_with_repeats,
    read_rules,
    repeat_by_category,
    split_at_random,
)
from smartrocket.sequences import collect_sequences, split_last_days
from visits import Fixed, make_sessions

KEEP_ALL = Rules(min_session_length=1, min_item_support=1)


def in_order(events: pd.DataFrame) -> pd.DataFrame:
    """Sort events as cleaning leaves them."""
    return events.sort_values(["timestamp", "visitorid", "itemid", "event"], ignore_index=True)


def lists(sequences: pd.DataFrame) -> list[list[int]]:
    return sequences.groupby("sessionid", sort=True)["itemid"].apply(list).tolist()


@settings(max_examples=4)
@given(st.integers(0, 999), st.integers(1, 3), st.integers(1, 6))
def test_by_the_headlines_rules_it_makes_the_headlines_sequences(seed, length, support):
    events = in_order(random_events(seed, rows=200, days=2))
    connection = connect()
    rules = Rules(gap_minutes=45, min_session_length=length, min_item_support=support)
    expected = collect_sequences(load(connection, events), 45, length, support)
    made = build_sequences(events, rules)
    assert lists(made) == lists(expected)
    assert (made["timestamp"].to_numpy() == expected["timestamp"].to_numpy()).all()
    assert (made["sessionid"].to_numpy() == expected["sessionid"].to_numpy()).all()
    assert made.groupby("sessionid")["visitorid"].nunique().eq(1).all()


def test_visitors_of_too_few_events_are_missed_by_no_rule():
    events = in_order(random_events(3, rows=300, days=4, visitors=150, items=20))
    collected = collect_events(load(connect(), events.sample(frac=1, random_state=1)), Rules(min_session_length=2))
    assert collected["visitorid"].nunique() < events["visitorid"].nunique()
    for rules in (
        Rules(),
        Rules(min_item_support=1, keep_repeats=True),
        Rules(min_item_support=3, gap_minutes=None, all_events=True),
    ):
        pd.testing.assert_frame_equal(
            build_sequences(collected, rules), build_sequences(events, rules), check_dtype=False
        )


def test_each_rule_does_what_it_says():
    events = in_order(
        make_events(
            [
                (0, 1, "view", 10),
                (1, 1, "view", 10),
                (2, 1, "addtocart", 10),
                (3, 1, "view", 20),
                (200, 1, "view", 30),
            ]
        )
    )
    assert lists(build_sequences(events, KEEP_ALL)) == [[10, 20], [30]]

    def made(**changes):
        return lists(build_sequences(events, Rules(min_session_length=1, min_item_support=1, **changes)))

    assert made(keep_repeats=True) == [[10, 10, 20], [30]]
    assert made(gap_minutes=None) == [[10, 20, 30]]
    assert made(all_events=True) == [[10, 10, 20], [30]]
    assert made(all_events=True, keep_repeats=True) == [[10, 10, 10, 20], [30]]
    assert lists(build_sequences(events, Rules(min_session_length=2, min_item_support=1))) == [[10, 20]]
    assert lists(build_sequences(events, Rules(min_session_length=2, min_item_support=2))) == []
    assert lists(build_sequences(events.head(0), KEEP_ALL)) == []


def test_the_rules_are_read_from_the_notebook_that_made_the_sequences():
    values = {"sequence_gap_minutes": 90, "min_session_length": 3, "min_item_support": 4, "test_days": 7}
    facts = {name: {"value": value, "unit": ""} for name, value in values.items()}
    assert read_rules(facts) == Rules(gap_minutes=90, min_session_length=3, min_item_support=4)


@pytest.mark.parametrize(
    ("notebook", "fact"),
    [
        ("02_cleaning", "category_property"),
        ("03_features", "sequence_gap_minutes"),
        ("03_features", "min_session_length"),
        ("03_features", "min_item_support"),
        ("03_features", "test_days"),
    ],
)
def test_the_notebooks_write_down_the_settings_that_later_ones_need(notebook, fact):
    assert f'results.fact("{fact}", {fact}, ' in "\n".join(source for source, _ in read_code(notebook))


def test_a_join_repeats_clicks_as_often_as_their_item_has_rows():
    sequences = build_sequences(in_order(make_events([(0, 1, "view", 10), (1, 1, "view", 20)])), KEEP_ALL)
    rows = pd.DataFrame({"itemid": [10, 10, 10, 99]})
    assert lists(repeat_by_category(sequences, rows)) == [[10, 10, 10, 20]]
    assert lists(repeat_by_category(sequences, rows.head(0))) == [[10, 20]]


def test_a_random_split_keeps_visitors_apart_and_not_time():
    events = in_order(random_events(3, rows=4000, days=5, visitors=60))
    sequences = build_sequences(events, Rules(min_item_support=1))
    train, test = split_at_random(sequences, 100, seed=1)
    assert not set(train["visitorid"]) & set(test["visitorid"])
    assert 100 <= test["sessionid"].nunique() <= 130
    assert train["timestamp"].max() > test["timestamp"].min()
    assert set(test["itemid"]) <= set(train["itemid"])
    assert (test.groupby("sessionid").size() >= 2).all()


repeated = st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=6), min_size=1, max_size=5)


@given(repeated)
def test_repeats_are_dropped_within_sessions_only(sessions):
    dropped = drop_repeats(make_sessions(*sessions))
    expected = [
        [item for place, item in enumerate(session) if not place or item != session[place - 1]] for session in sessions
    ]
    assert dropped.items.tolist() == [item for session in expected for item in session]
    assert dropped.lengths.tolist() == [len(session) for session in expected]


def test_the_item_on_the_screen_stands_first_and_the_models_list_follows():
    scores = CurrentFirst(Fixed([4, 3, 2, 1])).score(make_sessions([0, 2, 2], [3]))
    assert np.argsort(-scores, axis=1).tolist() == [[2, 0, 1, 3], [3, 0, 1, 2]]


def test_with_repeats_kept_the_rule_of_seen_items_rises():
    events = random_events(5, rows=1500, days=30, visitors=80, items=30)
    # Every view is repeated a second later.
    again = events.assign(timestamp=events["timestamp"] + pd.Timedelta(seconds=1))
    events = in_order(pd.concat([events, again]))
    item_ids = np.unique(events["itemid"])
    networks = {"GRU4Rec": Fixed(np.arange(len(item_ids)))}
    kept = rank_with_repeats(events, Rules(min_item_support=1), 7, item_ids, 3, networks)
    assert list(kept) == [*simple_models(3), "GRU4Rec"]
    _, test = split_last_days(build_sequences(events, Rules(min_item_support=1, keep_repeats=True)), 7)
    assert len(kept["STAN"].ranks) == len(test) - test["sessionid"].nunique() > 100
    first = kept["items already seen"].gains("hit_rate@1").mean()
    assert first > 0.4
    assert kept["GRU4Rec"].gains("hit_rate@1").mean() == pytest.approx(first, abs=0.05)
    finding = protocols.describe_repeats_kept(kept, kept, 1, "")
    assert finding.figure is not None
    assert "on the screen already" in finding.reading
    assert "The best model is " in finding.reading
    assert protocols.describe_repeats_kept(kept, {}, 1, "").figure is None
    assert protocols.describe_repeats_kept(kept, kept, 1, "Too few.").reading == "Too few."

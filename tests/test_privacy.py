"""Groups that are too small are merged or left out, and no single visit is shown whole."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartrocket.forecast_errors import explain
from smartrocket.privacy import SharedRuns, blank_small, disguise, is_small, merge_bins
from smartrocket.ranking import next_clicks
from smartrocket.recommendation_report import choose_examples
from visits import make_sessions, walk


def test_only_groups_that_hold_somebody_are_small():
    assert is_small(pd.Series([0, 1, 4, 5]), 5).tolist() == [False, True, True, False]
    assert not is_small(pd.Series([0, 1, 4, 5]), 1).any()


def test_what_few_did_is_blanked():
    frame = pd.DataFrame({"kind": ["a", "b"], "visitors": [3, 9], "events": [30, 90]})
    shown = blank_small(frame, "visitors", ["visitors", "events"], 5)
    assert shown["events"].isna().tolist() == [True, False]
    assert shown["kind"].tolist() == ["a", "b"]
    assert blank_small(frame, "visitors", ["events"], 3) is frame


groups = st.lists(st.integers(0, 20), min_size=1, max_size=8)


@given(groups, st.integers(1, 8))
def test_merged_bins_lose_nobody_and_hide_everybody(counts, least):
    lows = list(range(1, len(counts) + 1))
    bins = pd.DataFrame({"low": lows, "high": [*lows[1:], None], "visitors": counts, "events": [7 * c for c in counts]})
    merged = merge_bins(bins, "visitors", least)
    assert merged["visitors"].sum() == sum(counts)
    assert merged["events"].sum() == 7 * sum(counts)
    assert len(merged) == 1 or not is_small(merged["visitors"], least).any()
    assert merged["low"].iloc[0] == 1
    assert pd.isna(merged["high"].iloc[-1])
    assert merged["low"].iloc[1:].tolist() == merged["high"].iloc[:-1].tolist()


def count_holders(runs, parts):
    """Count the sessions that hold a run, the slow way."""
    every = [
        part.items[a:b].tolist() for part in parts for a, b in zip(part.offsets[:-1], part.offsets[1:], strict=True)
    ]
    return sum(any(each[at : at + len(runs)] == runs for at in range(len(each))) for each in every)


sessions = st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=5), min_size=1, max_size=12)


@given(sessions, sessions, st.integers(2, 4))
def test_a_run_is_shared_when_so_many_sessions_hold_it(train, test, least):
    parts = [make_sessions(*train), make_sessions(*test)]
    shared = SharedRuns(parts, least, longest=4)
    for clicks in test:
        length = shared.length(np.array(clicks))
        assert length == 0 or count_holders(clicks[:length], parts) >= least
        if length < min(len(clicks), 4):
            assert count_holders(clicks[: length + 1], parts) < least
    cut = shared.cut(parts[1])
    assert (cut.lengths >= 2).all()
    assert all(
        count_holders(cut.items[a:b].tolist(), parts) >= least
        for a, b in zip(cut.offsets[:-1], cut.offsets[1:], strict=True)
    )


def test_examples_are_shared_and_the_longer_ones_come_first():
    train, test = walk(300, 40), walk(80, 40, seed=3)
    clicks = next_clicks(test)
    shared = SharedRuns([train, test], 5).tell(clicks)
    assert 0 < shared.sum() < len(shared)
    drawn = choose_examples(clicks, 5, 1, shared)
    assert shared[drawn].all()
    assert (clicks.position[drawn] >= 2).all()
    assert len(set(clicks.session[drawn])) == len(drawn)
    assert not len(choose_examples(clicks, 5, 1, np.zeros(len(clicks), dtype=bool)))


def test_few_buyers_are_not_described():
    day = pd.Timestamp("2024-01-10")
    days = pd.DataFrame(
        {"date": [day, day + pd.Timedelta(days=1)], "views": [1, 1], "sales": [1, 5], "age_days": [40, 41]}
    )
    offered = pd.DataFrame(columns=["itemid", "available", "valid_from", "valid_to"])

    def tell(visitors, least):
        orders = pd.DataFrame({"visitorid": visitors})
        return " ".join(explain(days, day, len(visitors), 0.1, orders, offered, day + pd.Timedelta(days=7), least))

    assert "a single visitor bought all 5 units" in tell([1] * 5, 1)
    assert "it had fewer than 5 visitors as buyers" in tell([1] * 5, 5)
    assert "visitor" not in tell([1] * 6 + [2, 3, 4, 5], 5)


def test_stand_ins_are_letters_in_order():
    assert disguise([7, 3, 7, 9]) == {7: "A", 3: "B", 9: "C"}
    assert list(disguise(range(28)).values())[-3:] == ["Z", "AA", "AB"]


def test_with_a_group_of_one_everything_is_shown():
    test = walk(20, 6)
    shared = SharedRuns([test], 1)
    assert shared.cut(test) is test
    assert shared.tell(next_clicks(test)).all()


@pytest.mark.parametrize("empty", [[], [[]]])
def test_without_sessions_nothing_is_shared(empty):
    nothing = make_sessions(*empty)
    shared = SharedRuns([nothing, nothing], 5)
    assert len(shared.cut(nothing)) == 0
    assert shared.tell(next_clicks(nothing)).tolist() == []

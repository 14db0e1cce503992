import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartrocket.ranking import Ranking, next_clicks
from smartrocket.recommendation_slices import (
    choose,
    compare_groups,
    compare_positions,
    length_slices,
    popularity_slices,
    position_slices,
    record_slices,
    repeat_slices,
    slice_frame,
)
from smartrocket.results import Results
from smartrocket.workspace import Workspace
from visits import make_sessions

sessions_strategy = st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=20), min_size=1, max_size=8)


@given(sessions_strategy)
def test_every_click_is_in_exactly_one_slice_of_each_kind(lists):
    sessions = make_sessions(*lists)
    asked = next_clicks(sessions)
    kinds = [
        repeat_slices(asked),
        position_slices(asked),
        length_slices(asked),
        popularity_slices(asked, sessions, 10),
    ]
    for slices in kinds:
        assert (sum(mask.astype(int) for mask in slices.values()) == np.ones(len(asked))).all()


def test_slices_are_named_by_what_they_hold():
    asked = next_clicks(make_sessions([1, 2], [1, 2, 1], list(range(9)), list(range(10)) * 2))
    position = position_slices(asked)
    assert asked.position[position["after 8+"]].min() == 8
    length = length_slices(asked)
    assert {int(asked.session[mask][0]) for mask in (length["2 clicks"],)} == {0}
    assert set(asked.session[length["8 to 15"]]) == {2}
    assert set(asked.session[length["16 or more"]]) == {3}
    assert asked.repeat[repeat_slices(asked)["repeat target"]].all()


def test_each_quarter_of_items_holds_a_quarter_of_the_clicks():
    train = make_sessions(*[[0] * 8, [1] * 4, [2] * 4, *[[item, item] for item in range(3, 11)]])
    asked = next_clicks(make_sessions([5, 0], [5, 1], [5, 2], [5, 3], [5, 10], [5, 6], [5, 7]))
    slices = popularity_slices(asked, train, 11)
    targets = {name: asked.targets[mask].tolist() for name, mask in slices.items()}
    assert targets == {
        "most clicked quarter": [0],
        "second quarter": [1, 2],
        "third quarter": [3, 6],
        "least clicked quarter": [10, 7],
    }


def rankings(sessions: int = 40) -> dict[str, Ranking]:
    """A model that finds the first click of each session and one that finds the others."""
    asked = next_clicks(make_sessions(*[[place % 7, 8, place % 3, 9] for place in range(sessions)]))
    first = asked.position == 1
    shown = np.ones(1000)
    return {
        "early": Ranking(asked, np.where(first, 1, 99), shown),
        "late": Ranking(asked, np.where(first, 99, 1), shown),
    }


def test_values_and_intervals_of_slices():
    ranked = rankings()
    frame = slice_frame(ranked, position_slices(ranked["early"].clicks), seed=1)
    early = frame[frame["model"] == "early"].set_index("slice")
    assert early["value"].to_dict() == {"after 1": 1, "after 2": 0, "after 3": 0}
    assert early.loc["after 1", ["low", "high"]].tolist() == [1, 1]
    few = slice_frame(rankings(9), position_slices(rankings(9)["early"].clicks), seed=1)
    assert few[["low", "high"]].isna().all().all()
    assert slice_frame({}, {}, seed=1).empty


def test_a_rise_and_a_fall_are_told_apart(tmp_path):
    ranked = rankings()
    falls = compare_positions(ranked, ["early", "late"], 1, "")
    rises = compare_positions(ranked, ["late"], 1, "")
    assert falls.reading.startswith("It falls; early goes from 100.0 % (after 1, 40 cases)")
    assert rises.reading.startswith("It rises; late goes from 0.0 %")
    assert falls.figure is not None
    assert compare_positions(ranked, ["late"], 1, "Too few.").reading == "Too few."
    assert "Too few sessions" in compare_positions(rankings(9), ["late"], 1, "").reading
    train = make_sessions(*[[item, item, 8, 9] for item in range(10)])
    grouped = compare_groups(ranked, ["late"], train, 1, "")
    assert "too few" in grouped.reading.lower()
    assert list(choose(ranked, ["late", "absent"])) == ["late"]
    results = Results("06_gru4rec_baseline", Workspace(tmp_path))
    record_slices(results, ranked, train, 1)
    assert {score["task"] for score in results.scores} == {
        "recommendation by position",
        "recommendation by session length",
        "recommendation by popularity",
    }
    assert [score["value"] for score in results.scores[:2]] == pytest.approx([1, 0])


def test_groups_are_compared_by_their_ends():
    lists = [[place % 5, 20 + place % 3] for place in range(30)] + [[40, 41, 42, 43, 44]] * 20
    asked = next_clicks(make_sessions(*lists))
    found = np.where(asked.session < 30, 1, 99)
    train = make_sessions(*[[20, 21, 22]] * 30, *[[item, item] for item in range(19)], [40, 41, 42, 43, 44])
    finding = compare_groups({"model": Ranking(asked, found, np.ones(1000))}, ["model"], train, 1, "")
    assert "By clicks of the whole session: it falls" in finding.reading
    assert "By popularity of the next item: it falls" in finding.reading
    assert finding.figure is not None

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartrocket.errors import InputError
from smartrocket.gates import (
    comparison_gate,
    describe_gates,
    enforce,
    leak_gates,
    plausibility_gates,
    shuffle_clicks,
    shuffle_gate,
)
from smartrocket.ranking import Ranking, catalogue, next_clicks, read_sessions
from visits import make_clicks, make_sessions


def test_leaks_stop_the_run():
    train, test = make_clicks([1, 2]), make_clicks([1, 2], [2, 1])
    gates = leak_gates(train, test)
    assert [gate.passed for gate in gates] == [False, False]
    with pytest.raises(InputError, match="1 shared sessions"):
        enforce(gates)
    enforce(leak_gates(train, test[test["sessionid"] == 1]))
    enforce(leak_gates(train.head(0), test.head(0)))


def test_results_too_good_to_be_true_are_reported():
    clicks = make_clicks(*[[1, 2]] * 4)
    asked = next_clicks(read_sessions(clicks, catalogue(clicks)))
    perfect = Ranking(asked, np.array([1, 1, 1, 1]), np.ones(1000))
    poor = Ranking(asked, np.array([2, 3, 30, 30]), np.ones(1000))
    gates = plausibility_gates({"a": perfect, "b": poor}, 0.6, 0.75, stops=True)
    assert [gate.passed for gate in gates] == [False, True]
    with pytest.raises(InputError, match="a: results are plausible"):
        enforce(gates)
    enforce(plausibility_gates({"a": perfect}, 0.6, 0.75, stops=False))
    small = Ranking(asked, np.array([1, 1, 1, 1]), np.ones(999))
    assert plausibility_gates({"a": small}, 0.6, 0.75, stops=True) == []


def test_a_model_below_a_rule_stops_the_run_unless_it_is_only_to_warn():
    better, worse = rankings_of([20, 10])
    ranked = {"network": worse, "rule": better}
    with pytest.raises(InputError, match=r"network beats rule .*stop_when_implausible: false"):
        enforce([comparison_gate(ranked, "network", "rule", stops=True)])
    warned = comparison_gate(ranked, "network", "rule", stops=False)
    enforce([warned])
    assert describe_gates([warned]).startswith("**Warning: 1 of 1 gates failed.** network beats rule.")
    assert describe_gates([comparison_gate(ranked, "rule", "network", stops=True)]) == "None of the 1 gate failed."


def rankings_of(hits: list[int], sessions: int = 40) -> list[Ranking]:
    """A ranking for each number of sessions whose only click is found; the rest are ranked 50th."""
    clicks = make_clicks(*[[1, 2]] * sessions)
    asked = next_clicks(read_sessions(clicks, catalogue(clicks)))
    return [Ranking(asked, np.where(np.arange(sessions) < found, 1, 50), np.ones(1000)) for found in hits]


def test_a_network_that_learns_from_shuffled_clicks_stops_the_run():
    leaking, chance, fair = rankings_of([35, 4, 6])
    with pytest.raises(InputError, match="shuffled clicks"):
        enforce([shuffle_gate(leaking, chance, seed=1)])
    enforce([shuffle_gate(fair, chance, seed=1)])
    few = rankings_of([9, 0], sessions=9)
    assert shuffle_gate(*few, seed=1).passed


@given(st.integers(0, 40), st.integers(0, 40))
def test_to_be_no_better_than_popularity_is_never_a_leak(first, second):
    worse, better = rankings_of(sorted([first, second]))
    assert shuffle_gate(worse, better, seed=1).passed


def test_clicks_dealt_out_anew_keep_lengths_and_popularity():
    sessions = make_sessions(*[[item, item + 1, item + 2] for item in range(40)])
    dealt = shuffle_clicks(sessions, seed=1)
    assert (dealt.lengths == sessions.lengths).all()
    assert sorted(dealt.items) == sorted(sessions.items)
    assert (np.diff(dealt.items) == 1).mean() < 0.2 < (np.diff(sessions.items) == 1).mean()

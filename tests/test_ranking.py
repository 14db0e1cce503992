import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartrocket.errors import InputError
from smartrocket.ranking import (
    Ranking,
    bootstrap_interval,
    bootstrap_means,
    catalogue,
    contrast_interval,
    evaluate,
    evaluate_all,
    mask_interval,
    next_clicks,
    rank_targets,
    read_sessions,
    sample_clicks,
    top_items,
)
from visits import Fixed, make_clicks

sessions_strategy = st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=8), max_size=6)


@given(sessions_strategy)
def test_every_click_but_a_sessions_first_is_asked_for_once(lists):
    clicks = make_clicks(*lists)
    ids = catalogue(clicks)
    asked = next_clicks(read_sessions(clicks, ids))
    expected = [
        (number, session[:place], session[place], session[place] in session[:place])
        for number, session in enumerate(lists)
        for place in range(1, len(session))
    ]
    prefixes = asked.prefixes
    got = [
        (
            int(asked.session[i]),
            ids[prefixes.items[prefixes.offsets[i] : prefixes.offsets[i + 1]]].tolist(),
            int(ids[asked.targets[i]]),
            bool(asked.repeat[i]),
        )
        for i in range(len(asked))
    ]
    assert got == expected
    assert (asked.position == prefixes.lengths).all()


@given(sessions_strategy.filter(len), st.integers(1, 4))
def test_cutting_and_padding_keep_the_latest_clicks(lists, kept):
    clicks = make_clicks(*lists)
    sessions = read_sessions(clicks, catalogue(clicks))
    cut = sessions.last(kept)
    assert (cut.lengths == np.minimum(sessions.lengths, kept)).all()
    padded = cut.padded_latest_first()
    ids = catalogue(clicks)
    for row, session in zip(padded, lists, strict=True):
        assert ids[row[row >= 0]].tolist() == session[::-1][:kept]


def test_ties_count_against_the_model():
    scores = np.array([[0.5, 0.5, 0.1], [0.0, 0.0, 0.0], [1.0, 2.0, 3.0]])
    assert rank_targets(scores, np.array([0, 1, 2])).tolist() == [2, 3, 1]
    with pytest.raises(ValueError, match="finite"):
        rank_targets(np.array([[np.nan, 1.0]]), np.array([1]))


def test_metrics_of_a_ranking_worked_out_by_hand():
    clicks = make_clicks([1, 2, 3], [1, 4])
    ids = catalogue(clicks)
    asked = next_clicks(read_sessions(clicks, ids))
    ranking = evaluate(Fixed([4, 3, 2, 1]), asked, len(ids), batch=2)
    assert ranking.ranks.tolist() == [2, 3, 4]
    metrics = ranking.metrics()
    assert metrics["hit_rate@1"] == 0
    assert metrics["hit_rate@5"] == 1
    assert metrics["mrr@20"] == pytest.approx((1 / 2 + 1 / 3 + 1 / 4) / 3)
    assert metrics["ndcg@20"] == pytest.approx((1 / np.log2(3) + 1 / 2 + 1 / np.log2(5)) / 3)
    # The lowest-scored item is never shown: its score is no reason to recommend it.
    assert ranking.coverage == 3 / 4
    assert ranking.shown.tolist() == [3, 3, 3, 0]


@given(st.lists(st.integers(1, 40), min_size=1, max_size=30))
def test_metrics_are_ordered_shares(ranks):
    clicks = make_clicks(*[[0, 1]] * len(ranks))
    asked = next_clicks(read_sessions(clicks, catalogue(clicks)))
    values = Ranking(asked, np.array(ranks), np.ones(2, dtype=int)).metrics()
    hits = [values[f"hit_rate@{length}"] for length in (1, 5, 10, 20)]
    assert hits == sorted(hits)
    assert hits[0] <= values["mrr@20"] <= values["ndcg@20"] <= hits[-1] <= 1


def test_top_items_are_those_above_the_lowest_score():
    lists = top_items(np.array([[0, 3, 1, 0], [0, 0, 0, 0]], dtype=np.float32), 3)
    assert [listed.tolist() for listed in lists] == [[1, 2], []]


def test_bootstrap_draws_whole_sessions():
    session = np.repeat(np.arange(10), 50)
    gains = np.repeat(np.arange(10) % 2, 50).astype(float)
    low, high = bootstrap_interval(gains, session, seed=1)
    assert low <= 0.2 < 0.8 <= high
    assert bootstrap_interval(np.ones(10), np.arange(10), seed=1) == (1.0, 1.0)
    assert bootstrap_interval(np.ones(900), np.repeat(np.arange(9), 100), seed=1) == (None, None)
    wide = bootstrap_interval(np.tile([0.0, 1.0], 50), np.arange(100), seed=3)
    assert wide == bootstrap_interval(np.tile([0.0, 1.0], 50), np.arange(100), seed=3)
    assert 0.35 < wide[0] < 0.5 < wide[1] < 0.65


def test_several_means_are_drawn_from_the_same_sessions():
    session = np.repeat(np.arange(30), 2)
    gains = np.random.default_rng(0).random((60, 2))
    everything = np.ones((60, 2), dtype=bool)
    means = bootstrap_means(gains, everything, session, seed=4, replicates=50)
    assert means.shape == (50, 2)
    alone = bootstrap_means(gains[:, 1:], everything[:, 1:], session, seed=4, replicates=50)
    assert means[:, 1] == pytest.approx(alone[:, 0])
    difference = bootstrap_means(gains[:, :1] - gains[:, 1:], everything[:, :1], session, seed=4, replicates=50)
    assert means[:, 0] - means[:, 1] == pytest.approx(difference[:, 0])


def test_a_mean_over_some_clicks_counts_only_those():
    session = np.repeat(np.arange(20), 2)
    first = np.tile([True, False], 20)
    assert mask_interval(first.astype(float), first, session, seed=1) == (1.0, 1.0)
    assert mask_interval(first.astype(float), first & (session < 9), session, seed=1) == (None, None)
    rare = bootstrap_means(np.ones((40, 1)), (session == 0)[:, None], session, seed=1, replicates=50)[:, 0]
    assert np.isnan(rare).any()
    assert set(rare[~np.isnan(rare)]) == {1.0}


def test_a_contrast_compares_two_kinds_of_clicks():
    session = np.repeat(np.arange(40), 2)
    after = np.tile([False, True], 40)
    low, high = contrast_interval(after.astype(float), session, ~after, after, seed=1)
    assert (low, high) == (1.0, 1.0)
    same = contrast_interval(np.tile([0.0, 0.0, 1.0, 1.0], 20), session, ~after, after, seed=1)
    assert same == (0.0, 0.0)
    assert contrast_interval(np.ones(80), session, ~after, after & (session < 9), seed=1) == (None, None)


def test_nothing_to_rank_is_no_error():
    empty = make_clicks()
    asked = next_clicks(read_sessions(empty, catalogue(empty)))
    assert len(asked) == 0
    assert evaluate_all({"a": Fixed([])}, asked, 0) == {}


def test_drawn_clicks_keep_their_answers():
    clicks = make_clicks([1, 2, 3], [3, 1], [2, 2, 1])
    asked = next_clicks(read_sessions(clicks, catalogue(clicks)))
    drawn = sample_clicks(asked, 3, seed=1)
    assert len(drawn) == 3
    whole = {(tuple(asked.prefixes.take([i]).items), asked.targets[i], asked.session[i]) for i in range(len(asked))}
    assert {(tuple(drawn.prefixes.take([i]).items), drawn.targets[i], drawn.session[i]) for i in range(3)} <= whole
    assert len(sample_clicks(asked, 99, seed=1)) == len(asked)


def test_an_item_without_training_is_named():
    with pytest.raises(InputError, match="item 7"):
        read_sessions(make_clicks([1, 7]), np.array([1, 2, 9]))

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartrocket.errors import InputError
from smartrocket.ranking import (
    REPLICATES,
    Ranking,
    bootstrap_interval,
    bootstrap_means,
    catalogue,
    contrast_interval,
    drop_current,
    evaluate,
    evaluate_all,
    mask_interval,
    next_clicks,
    rank_targets,
    read_sessions,
    repeats_in_a_row,
    sample_clicks,
    top_items,
)
from visits import START, Fixed, make_clicks, make_sessions

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
    assert asked.repeat.dtype == bool


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


def test_sessions_are_padded_to_the_longest():
    assert make_sessions([4, 0, 2], [7], [5, 6]).padded_latest_first().tolist() == [[2, 0, 4], [7, -1, -1], [6, 5, -1]]
    assert make_sessions([]).padded_latest_first().shape == (1, 0)
    assert make_sessions().padded_latest_first().shape == (0, 0)


def test_clicks_keep_their_times_in_seconds():
    clicks = make_clicks([1, 2, 3], [2, 1])
    clicks["timestamp"] += pd.Timedelta(milliseconds=250)
    sessions = read_sessions(clicks, catalogue(clicks))
    start = START.timestamp() + 0.25
    assert sessions.seconds.tolist() == [start, start + 1, start + 2, start + 3600, start + 3601]
    assert sessions.last(1).seconds.tolist() == [start + 2, start + 3601]
    assert sessions.take([1]).seconds.tolist() == [start + 3600, start + 3601]


def test_ids_are_whole_numbers_however_they_are_stored():
    clicks = make_clicks([1, 2]).astype({"itemid": "float64"})
    ids = catalogue(clicks)
    assert ids.dtype == np.int64
    assert read_sessions(clicks, ids).items.tolist() == [0, 1]
    with pytest.raises(InputError, match="item 2 is not"):
        read_sessions(clicks, ids[:1])


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
    assert ranking.ranks.dtype == ranking.shown.dtype == np.int64
    only = ranking.metrics(np.array([False, True, False]))
    assert (only["hit_rate@5"], only["mrr@20"], only["ndcg@20"]) == (1, pytest.approx(1 / 3), 1 / 2)


def test_the_last_place_of_a_list_is_in_it():
    clicks = make_clicks([0, 1], [0, 1], [0, 1])
    asked = next_clicks(read_sessions(clicks, catalogue(clicks)))
    ranking = Ranking(asked, np.array([1, 20, 21]), np.ones(2, dtype=int))
    assert ranking.gains("hit_rate@1").tolist() == [1, 0, 0]
    assert ranking.gains("hit_rate@20").tolist() == [1, 1, 0]
    assert ranking.gains("mrr@20") == pytest.approx([1, 1 / 20, 0])
    assert ranking.gains("ndcg@20") == pytest.approx([1, 1 / np.log2(21), 0])
    with pytest.raises(ValueError, match="recall@20"):
        ranking.gains("recall@20")


def test_models_are_judged_on_the_same_questions():
    clicks = make_clicks(*[[item % 4, (item + 1) % 4] for item in range(20)])
    asked = next_clicks(read_sessions(clicks, catalogue(clicks)))
    rankings = evaluate_all({"up": Fixed([1, 2, 3, 4]), "down": Fixed([4, 3, 2, 1])}, asked, 4)
    assert rankings["up"].ranks.tolist() == [3, 2, 1, 4] * 5
    assert rankings["down"].ranks.tolist() == [2, 3, 4, 1] * 5
    for ranking in rankings.values():
        expected = bootstrap_interval(1 / ranking.ranks, np.arange(20), seed=1)
        assert ranking.interval("mrr@20", seed=1) == expected


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
    # Each row has a lowest score of its own.
    lists = top_items(np.array([[5, 7, 6], [1, 2, 1]], dtype=np.float32), 3)
    assert [listed.tolist() for listed in lists] == [[1, 2], [1]]


@pytest.mark.parametrize(
    ("sessions", "expected"),
    [
        ([], False),
        ([[1], [1], [1]], False),
        ([[1, 2, 3], [3, 2, 1]], False),
        ([[1, 1, 2], [2]], True),
        # One step in 20 is a repeat: just enough. One in 21 is not.
        ([[0, *range(20)]], True),
        ([[0, *range(21)]], False),
    ],
    ids=["nothing", "single clicks", "other items", "one in two", "one in 20", "one in 21"],
)
def test_repeats_in_a_row_are_worth_a_place_when_they_are_not_rare(sessions, expected):
    assert repeats_in_a_row(make_sessions(*sessions)) is expected


def test_the_item_just_seen_is_put_last_unless_items_repeat():
    prefixes = make_sessions([0, 1], [2], [1, 2, 0])
    scores = np.array([[1.0, 5.0, 2.0], [-3.0, -2.0, -1.0], [4.0, 3.0, 6.0]])
    dropped = drop_current(scores.copy(), prefixes, repeats=False)
    assert dropped.tolist() == [[1, 0, 2], [-3, -2, -3], [0, 3, 6]]
    assert drop_current(scores.copy(), prefixes, repeats=True).tolist() == scores.tolist()
    assert drop_current(np.zeros((0, 0)), make_sessions(), repeats=False).shape == (0, 0)


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


def test_a_seed_draws_the_same_sessions_again():
    session = np.repeat(np.arange(40), 2)
    after = np.tile([False, True], 40)
    gains = np.random.default_rng(0).random(80)
    first, again, other = (
        (
            bootstrap_interval(gains, session, seed),
            mask_interval(gains, after, session, seed),
            contrast_interval(gains, session, ~after, after, seed),
        )
        for seed in (7, 7, 8)
    )
    assert first == again
    assert all(own != another for own, another in zip(first, other, strict=True))


def test_several_means_are_drawn_from_the_same_sessions():
    session = np.repeat(np.arange(30), 2)
    gains = np.random.default_rng(0).random((60, 2))
    everything = np.ones((60, 2), dtype=bool)
    means = bootstrap_means(gains, everything, session, seed=4)
    assert means.shape == (REPLICATES, 2)
    alone = bootstrap_means(gains[:, 1:], everything[:, 1:], session, seed=4)
    assert means[:, 1] == pytest.approx(alone[:, 0])
    difference = bootstrap_means(gains[:, :1] - gains[:, 1:], everything[:, :1], session, seed=4)
    assert means[:, 0] - means[:, 1] == pytest.approx(difference[:, 0])


@pytest.mark.filterwarnings("error")
def test_a_mean_over_some_clicks_counts_only_those():
    session = np.repeat(np.arange(20), 2)
    first = np.tile([True, False], 20)
    assert mask_interval(first.astype(float), first, session, seed=1) == (1.0, 1.0)
    assert mask_interval(first.astype(float), first & (session < 9), session, seed=1) == (None, None)
    # One click counts. About a third of the draws miss its session (0.95 ** 20), and have no mean.
    rare = bootstrap_means(np.ones((40, 1)), (np.arange(40) == 0)[:, None], session, seed=1)[:, 0]
    assert np.isnan(rare).mean() == pytest.approx(0.95**20, abs=0.07)
    assert set(rare[~np.isnan(rare)]) == {1.0}


def test_a_contrast_compares_two_kinds_of_clicks():
    session = np.repeat(np.arange(40), 2)
    after = np.tile([False, True], 40)
    low, high = contrast_interval(after.astype(float), session, ~after, after, seed=1)
    assert (low, high) == (1.0, 1.0)
    same = contrast_interval(np.tile([0.0, 0.0, 1.0, 1.0], 20), session, ~after, after, seed=1)
    assert same == (0.0, 0.0)
    assert contrast_interval(np.ones(80), session, ~after, after & (session < 9), seed=1) == (None, None)
    assert contrast_interval(np.ones(80), session, ~after, after & (session < 10), seed=1) == (0.0, 0.0)


def test_nothing_to_rank_is_no_error():
    empty = make_clicks()
    asked = next_clicks(read_sessions(empty, catalogue(empty)))
    assert len(asked) == 0
    assert len(read_sessions(empty, catalogue(empty))) == 0
    assert evaluate_all({"a": Fixed([])}, asked, 0) == {}


def test_drawn_clicks_keep_their_answers():
    clicks = make_clicks([1, 2, 3], [3, 1], [2, 2, 1])
    asked = next_clicks(read_sessions(clicks, catalogue(clicks)))
    drawn = sample_clicks(asked, 3, seed=1)
    assert len(drawn) == 3
    whole = {(tuple(asked.prefixes.take([i]).items), asked.targets[i], asked.session[i]) for i in range(len(asked))}
    assert {(tuple(drawn.prefixes.take([i]).items), drawn.targets[i], drawn.session[i]) for i in range(3)} <= whole
    assert len(sample_clicks(asked, 99, seed=1)) == len(asked)
    assert len(asked.take([])) == 0


def test_a_seed_draws_the_same_clicks_again():
    asked = next_clicks(make_sessions(list(range(200))))
    first, again, other = (sample_clicks(asked, 20, seed).targets.tolist() for seed in (1, 1, 2))
    assert first == again != other
    assert first == sorted(first)


def test_an_item_without_training_is_named():
    with pytest.raises(InputError, match="item 7"):
        read_sessions(make_clicks([1, 7]), np.array([1, 2, 9]))
    with pytest.raises(InputError, match="item 10"):
        read_sessions(make_clicks([1, 10]), np.array([1, 2, 9]))

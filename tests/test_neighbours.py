from math import exp, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smartrocket.neighbours import (
    CoOccurrence,
    Popularity,
    RandomWalk,
    SeenItems,
    SequentialRules,
    SessionNeighbours,
    keep_largest,
    simple_models,
    stan,
    vsknn,
)
from smartrocket.ranking import Sessions

HOUR = 3600.0


def sessions(*lists: list[int], start: float = 0.0) -> Sessions:
    items = np.array([item for session in lists for item in session], dtype=np.int64)
    seconds = [start + number * HOUR + place for number, session in enumerate(lists) for place in range(len(session))]
    offsets = np.r_[0, np.cumsum([len(session) for session in lists])].astype(np.int64)
    return Sessions(items, np.array(seconds, dtype=float), offsets)


TRAIN = sessions([0, 1, 2], [0, 1], [3, 1, 0], [2, 4], [4, 3])


def test_popularity_counts_clicks():
    scores = Popularity().fit(TRAIN, 6).score(sessions([5], [1]))
    assert scores.tolist() == [[3, 3, 2, 2, 2, 0], [3, 0, 2, 2, 2, 0]]
    recent = Popularity(days=1.5 / 24).fit(TRAIN, 6).score(sessions([5]))
    assert recent.tolist() == [[0, 0, 1, 1, 2, 0]]


def test_seen_items_come_latest_first_without_the_one_on_the_screen():
    scores = SeenItems().fit(TRAIN, 5).score(sessions([3, 1, 3, 0]))
    assert np.argsort(-scores[0], kind="stable")[:2].tolist() == [3, 1]
    assert scores[0, 0] == 0


def test_the_item_on_the_screen_stays_where_shoppers_repeat_items():
    repeating = sessions([0, 0, 1], [1, 1])
    scores = SeenItems().fit(repeating, 2).score(sessions([1, 0]))
    assert scores[0].argmax() == 0


def test_co_occurrence_is_the_cosine_of_shared_sessions():
    scores = CoOccurrence().fit(TRAIN, 5).score(sessions([4, 0]))
    assert scores[0] == pytest.approx([0, 3 / 3, 1 / sqrt(6), 1 / sqrt(6), 0])


def test_sequential_rules_look_forward_and_fade_with_distance():
    scores = SequentialRules(steps=2).fit(TRAIN, 5).score(sessions([0]))
    assert scores[0] == pytest.approx([0, 2, 0.5, 0, 0])
    assert SequentialRules(steps=1).fit(TRAIN, 5).score(sessions([0]))[0, 2] == 0


def vote(train: list[list[int]], prefix: list[int], item_count: int, model: SessionNeighbours) -> np.ndarray:
    """The neighbours' vote in plain Python, from the papers' formulas."""
    latest = {item: len(prefix) - 1 - place for place, item in enumerate(prefix)}
    weights = {
        item: 1 - age / len(prefix) if model.click_decay is None else exp(-age / model.click_decay)
        for item, age in latest.items()
    }
    now = model.now
    similar = []
    for number, session in enumerate(train):
        shared = set(session) & set(prefix)
        if shared:
            similarity = sum(weights[item] for item in shared) / sqrt(len(set(session)))
            if model.day_decay is not None:
                similarity *= exp(-(now - model.ends[number]) / 86_400 / model.day_decay)
            similar.append((similarity, number))
    scores = np.zeros(item_count)
    for similarity, number in similar:
        session = train[number]
        anchor = session.index(min(set(session) & set(prefix), key=latest.get))
        for item in set(session):
            gap = abs(session.index(item) - anchor)
            scores[item] += similarity * (1 if model.gap_decay is None else exp(-gap / model.gap_decay))
    scores[prefix[-1]] = 0
    return scores * model.rare


lists_strategy = st.lists(st.lists(st.integers(0, 5), min_size=2, max_size=6, unique=True), min_size=1, max_size=8)


@settings(max_examples=60)
@given(lists_strategy, st.lists(st.integers(0, 5), min_size=1, max_size=5), st.booleans())
def test_neighbours_vote_as_the_papers_say(train, prefix, with_decay):
    model = stan(gap_decay=0.8) if with_decay else vsknn()
    model.fit(sessions(*train), 6)
    asked = sessions(prefix, start=100 * HOUR)
    model.now = asked.seconds[-1]
    expected = vote(train, prefix, 6, model)
    assert model.score(asked)[0] == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_only_the_most_similar_and_latest_sessions_vote():
    train = sessions([0, 1], [0, 2], [0, 3])
    one = SessionNeighbours(neighbours=1, sample=1).fit(train, 4).score(sessions([0]))
    assert np.flatnonzero(one[0]).tolist() == [3]
    two = SessionNeighbours(neighbours=5, sample=2).fit(train, 4).score(sessions([0]))
    assert np.flatnonzero(two[0]).tolist() == [2, 3]


def walk_by_hand(train: list[list[int]], prefix: list[int], item_count: int, model: RandomWalk) -> np.ndarray:
    """The walk in plain Python, from its description."""
    ties, clicks = np.zeros((item_count, item_count)), np.zeros(item_count)
    for session in train:
        for late, item in enumerate(session):
            clicks[item] += 1
            for early in range(max(late - model.reach, 0), late):
                tie = exp((1 - (late - early)) / model.step_decay) / sqrt(len(session))
                ties[session[early], item] += tie
                ties[item, session[early]] += tie
    np.fill_diagonal(ties, 0)
    ties /= np.maximum(clicks, 1) ** model.damping
    steps = ties / np.maximum(ties.sum(1, keepdims=True), 1e-12)
    start = np.zeros(item_count)
    for place, item in enumerate(prefix):
        start[item] = exp(-(len(prefix) - 1 - place) / model.click_decay)
    once = start / start.sum() @ steps
    scores = once + model.second_step * once @ steps + model.comeback * start
    scores[prefix[-1]] = 0
    return scores


@settings(max_examples=60)
@given(lists_strategy, st.lists(st.integers(0, 5), min_size=1, max_size=5))
def test_the_random_walk_is_as_described(train, prefix):
    model = RandomWalk(reach=3).fit(sessions(*train), 6)
    assert model.score(sessions(prefix))[0] == pytest.approx(walk_by_hand(train, prefix, 6, model), rel=1e-4, abs=1e-6)


def test_a_second_step_reaches_what_one_does_not():
    train = sessions([0, 1], [1, 2], [3, 4])
    assert np.flatnonzero(RandomWalk(second_step=0).fit(train, 5).score(sessions([0]))[0]).tolist() == [1]
    assert np.flatnonzero(RandomWalk().fit(train, 5).score(sessions([0]))[0]).tolist() == [1, 2]


def test_keep_largest_keeps_rows_apart():
    from scipy import sparse

    kept = keep_largest(sparse.csr_matrix(np.array([[1, 3, 2, 0], [5, 4, 0, 0], [0, 0, 0, 0]])), 2)
    assert kept.toarray().tolist() == [[0, 3, 2, 0], [5, 4, 0, 0], [0, 0, 0, 0]]


@settings(max_examples=20)
@given(lists_strategy, st.lists(st.lists(st.integers(0, 5), min_size=1, max_size=5), min_size=1, max_size=4))
def test_every_model_scores_a_batch_as_it_scores_each_prefix_alone(train, prefixes):
    learnt = sessions(*train)
    for model in simple_models(recent_days=7).values():
        model.fit(learnt, 6)
        together = sessions(*prefixes, start=1000 * HOUR)
        scores = model.score(together)
        assert scores.shape == (len(prefixes), 6)
        assert np.isfinite(scores).all()
        assert (scores >= 0).all()
        alone = [model.score(together.take(np.array([place])))[0] for place in range(len(prefixes))]
        assert scores == pytest.approx(np.array(alone), rel=1e-5)


def test_models_can_be_fitted_to_nothing():
    for model in simple_models(recent_days=7).values():
        model.fit(sessions(), 0)

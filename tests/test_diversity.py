import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smartrocket.diversity import (
    count_categories,
    describe_diversity,
    list_distance,
    record_diversity,
    rerank,
    unit_vectors,
    weigh_diversity,
)
from smartrocket.identifiers import NO_CATEGORY
from smartrocket.ranking import next_clicks, top_items
from smartrocket.results import Results
from smartrocket.workspace import Workspace
from visits import Fixed, make_sessions


def vectors(seed: int, items: int = 30) -> np.ndarray:
    return unit_vectors(np.random.default_rng(seed).normal(size=(items, 5))).astype(np.float32)


def naive(scores: np.ndarray, units: np.ndarray, strength: float, length: int) -> list[int]:
    """The same choice, one item after the other."""
    candidates = list(np.argsort(-scores, kind="stable")[:100])
    spread = max(scores[candidates[0]] - scores[candidates[-1]], 1e-12)
    relevance = {item: (scores[item] - scores[candidates[-1]]) / spread for item in candidates}
    listed = [candidates.pop(0)]
    while candidates and len(listed) < length:
        gain = [
            (1 - strength) * relevance[item] - strength * max(units[item] @ units[other] for other in listed)
            for item in candidates
        ]
        listed.append(candidates.pop(int(np.argmax(gain))))
    return listed


@settings(max_examples=30)
@given(st.integers(0, 500), st.sampled_from([0.0, 0.2, 0.5, 0.9]), st.integers(1, 40))
def test_it_picks_what_the_formula_says(seed, strength, length):
    scores = np.random.default_rng(seed).normal(size=(3, 30)).astype(np.float32)
    units = vectors(seed)
    lists = rerank(scores, units, strength, length)
    assert lists.shape == (3, min(length, 30))
    assert all(len(set(row)) == len(row) for row in lists.tolist())
    for row, own in zip(lists, scores, strict=True):
        assert row.tolist() == naive(own, units, strength, length)


def test_strength_zero_keeps_the_order_of_the_scores():
    scores = np.random.default_rng(1).normal(size=(4, 50)).astype(np.float32)
    assert rerank(scores, vectors(1, 50), 0.0).tolist() == [row.tolist() for row in top_items(scores)]


def test_distance_is_the_mean_over_pairs():
    units = vectors(2)
    lists = np.array([[0, 1, 2], [3, 3, 3]])
    expected = np.mean([1 - units[a] @ units[b] for a, b in ((0, 1), (0, 2), (1, 2))])
    assert list_distance(lists, units) == pytest.approx([expected, 0], abs=1e-6)
    assert list_distance(lists[:, :1], units).tolist() == [0, 0]


def test_categories_of_a_list_are_counted_once_and_unknown_ones_not():
    categories = np.array([4, 4, -1, NO_CATEGORY, NO_CATEGORY])
    assert count_categories(np.array([[0, 1, 2], [2, 3, 4], [3, 4, 3]]), categories).tolist() == [2, 1, 0]


def trade(categories: np.ndarray):
    scores = -np.arange(60, dtype=float) / 60
    asked = next_clicks(make_sessions(*[[59, place % 20] for place in range(60)]))
    bunches = np.repeat(np.eye(6), 10, axis=0) + 0.01
    return weigh_diversity(Fixed(scores), asked, bunches, categories, seed=1)


def test_variety_is_bought_with_hits(tmp_path):
    frame = trade(np.repeat(np.arange(6), 10))
    assert frame["hit_rate"].iloc[0] == 1
    assert frame["distance"].is_monotonic_increasing
    assert frame["categories"].is_monotonic_increasing
    assert frame["hit_rate"].iloc[-1] < 0.9
    assert frame["high"].iloc[-1] < 0
    finding = describe_diversity(frame, "")
    assert len(finding.figure.axes) == 2
    assert "Re-ranked with strength 0.3" in finding.reading
    assert "2.0 categories" in finding.reading
    results = Results("07_gru4rec_tuning", Workspace(tmp_path))
    record_diversity(results, frame, "")
    assert results.facts["diversity_0_hit_rate"]["value"] == 1
    empty = Results("07_gru4rec_tuning", Workspace(tmp_path))
    record_diversity(empty, frame, "Too few.")
    assert not empty.facts


def test_without_categories_only_distance_is_told():
    finding = describe_diversity(trade(np.full(60, NO_CATEGORY)), "")
    assert "categories" not in finding.reading
    assert len(finding.figure.axes) == 1
    assert describe_diversity(trade(np.full(60, NO_CATEGORY)), "Too few.").figure is None

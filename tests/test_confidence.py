import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartrocket.confidence import (
    Calibration,
    Reliability,
    calibrate,
    chosen_log_odds,
    describe_confidence,
    fit_log_odds,
    fit_temperature,
    judge_confidence,
    record_confidence,
    reliability_frame,
)
from smartrocket.ranking import next_clicks
from smartrocket.results import Results
from smartrocket.workspace import Workspace
from visits import make_sessions


class Chance:
    """Knows the true chances of 30 items, and says the logarithm of them too loudly."""

    def __init__(self, loudness: float = 3.0):
        self.chances = np.random.default_rng(0).dirichlet(np.full(30, 0.5))
        self.loudness = loudness

    def score(self, prefixes):
        return np.tile(np.log(self.chances + 1e-6) * self.loudness, (len(prefixes), 1)).astype(np.float32)

    def clicks(self, count: int, seed: int):
        targets = np.random.default_rng(seed).choice(30, count, p=self.chances)
        return next_clicks(make_sessions(*[[29, int(target)] for target in targets]))


def test_probabilities_are_the_softmax_at_temperature_one():
    scores = np.log(np.array([[1.0, 2.0, 5.0]], dtype=np.float32))
    items = np.array([[2, 0, 1]])
    assert Calibration().probabilities(scores, items) == pytest.approx(np.array([[5, 1, 2]]) / 8)
    # Halving the log-odds of 5/3 : log-odds 0.5 * log(5/3).
    halved = Calibration(slope=0.5).probabilities(scores, items)[0, 0]
    assert halved == pytest.approx(1 / (1 + (5 / 3) ** -0.5))


@given(st.lists(st.floats(-30, 30), min_size=2, max_size=10, unique=True), st.floats(0.1, 10), st.floats(0.1, 3))
def test_no_calibration_turns_a_list_around(values, temperature, slope):
    scores = np.array([values])
    order = np.argsort(-scores, axis=1)
    said = Calibration(temperature, slope, -0.7).probabilities(scores, order)[0]
    assert (np.diff(said) <= 1e-12).all()
    assert ((said >= 0) & (said <= 1)).all()


def test_log_odds_stay_finite_where_one_item_has_everything():
    odds = chosen_log_odds(np.array([[800.0, 0.0]]), np.array([[0, 1]]), 1.0)
    assert np.isfinite(odds).all()


def test_the_temperature_undoes_what_is_too_loud():
    model = Chance(loudness=3.0)
    clicks = model.clicks(4000, seed=1)
    assert fit_temperature([(model.score(clicks.prefixes), clicks.targets)]) == pytest.approx(3, rel=0.1)


def test_a_logistic_regression_finds_the_line():
    odds = np.random.default_rng(0).normal(size=20_000)
    hits = np.random.default_rng(1).random(20_000) < 1 / (1 + np.exp(-(0.6 * odds - 1)))
    slope, intercept = fit_log_odds(odds, hits)
    assert slope == pytest.approx(0.6, abs=0.06)
    assert intercept == pytest.approx(-1, abs=0.06)
    assert fit_log_odds(odds, np.zeros(20_000, dtype=bool)) == (1.0, 0.0)
    assert fit_log_odds(odds, odds < 0) == (1.0, 0.0)


def test_calibration_makes_what_is_said_come_true(tmp_path):
    model = Chance(loudness=3.0)
    calibration = calibrate(model, model.clicks(4000, seed=1), 30, seed=1, least=200)
    test = model.clicks(4000, seed=2)
    raw, calibrated = judge_confidence(model, test, [Calibration(), calibration], seed=1)
    assert calibrated.expected_error < 0.006 < raw.expected_error
    assert len(calibrated.said) == 4000 * 20
    finding = describe_confidence(calibrated, raw, 1, "")
    assert finding.figure is not None
    assert "of the lists hold the item" in finding.reading
    assert describe_confidence(calibrated, raw, 1, "Too few.").reading == "Too few."
    results = Results("07_gru4rec_tuning", Workspace(tmp_path))
    record_confidence(results, calibration, calibrated, raw, "")
    assert results.facts["confidence_error"]["value"] == calibrated.expected_error
    record_confidence(results, calibration, calibrated, raw, "Too few.")
    assert results.facts["confidence_error"]["value"] is None


def test_too_few_clicks_fit_nothing():
    model = Chance()
    assert calibrate(model, model.clicks(50, seed=1), 30, seed=1, least=51) == Calibration()


def test_the_expected_error_worked_out_by_hand():
    said = np.repeat([0.1, 0.9], 50)
    happened = np.r_[np.arange(50) < 5, np.arange(50) < 35]
    reliability = Reliability(said, happened, np.arange(100))
    assert np.bincount(reliability.bins).tolist() == [10] * 10
    frame = reliability_frame(reliability, seed=1)
    assert frame["said"].tolist() == pytest.approx([0.1] * 5 + [0.9] * 5)
    gaps = (frame["said"] - frame["happened"]).abs()
    assert reliability.expected_error == pytest.approx(gaps.mean())
    assert reliability_frame(Reliability(np.empty(0), np.empty(0, bool), np.empty(0)), 1).empty

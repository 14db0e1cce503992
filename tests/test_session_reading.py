"""How a network reads a session, and where its lists miss."""

import numpy as np
import pandas as pd
import pytest

from smartrocket import session_reading
from smartrocket.confidence import Calibration
from smartrocket.gru4rec import GRU4Rec, Settings
from smartrocket.identifiers import NO_CATEGORY
from smartrocket.model_export import read_network, write_network
from smartrocket.ranking import evaluate, next_clicks
from visits import Fixed, make_sessions, walk

ITEMS = np.arange(30) * 10
STARTS = pd.Series(pd.to_datetime(["2024-01-01 10:00"] * 40 + ["2024-01-02 10:00"] * 40))


@pytest.fixture(scope="module")
def model():
    settings = Settings(loss="cross-entropy", units=12, epochs=2, batch_clicks=64, learning_rate=0.1, negatives=10)
    return GRU4Rec(settings, 1).fit(walk(200), len(ITEMS))


@pytest.fixture(scope="module")
def network(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("network")
    write_network(folder, model, ITEMS, Calibration())
    return read_network(folder)


def test_the_trace_is_what_the_network_computes(network, model):
    session = np.array([3, 4, 5, 6])
    steps = session_reading.trace(network, session)
    assert [step.item for step in steps] == session.tolist()
    for place, step in enumerate(steps, 1):
        prefix = session[:place]
        states = model.states(make_sessions(prefix.tolist())).numpy()[0]
        # The export rounds the table of items.
        assert step.state == pytest.approx(states, abs=0.05)
        assert step.listed.tolist() == network.list_items(prefix, 3).tolist()
        assert 0 < step.kept < 1


def test_a_session_is_drawn_and_told(network):
    finding = session_reading.draw_reading(network, make_sessions([1, 2], [3, 4, 5, 6, 7], [1, 2, 3]))
    assert "The session opens with item 30." in finding.reading
    assert "4 clicks" in finding.alt
    steps = session_reading.trace(network, np.array([3, 4, 5, 6]))
    hits = [place for place, step in enumerate(steps[:-1], 1) if 3 + place in step.listed.tolist()]
    assert ("never among the first 3" in finding.reading) == (not hits)
    assert all(f"click {place}" in finding.reading for place in hits)


@pytest.mark.parametrize("sessions", [make_sessions(), make_sessions([4])])
def test_without_two_clicks_nothing_is_drawn(network, sessions):
    assert session_reading.draw_reading(network, sessions).figure is None


def test_days_are_scored_apart_and_compared():
    clicks = next_clicks(make_sessions(*[[0, 1]] * 40, *[[0, 2]] * 40))
    scores = np.linspace(1, 0, 30)
    scores[2] = -1  # Item 2 is last of all: every click of the second day is missed.
    days = session_reading.score_test_days({"Fixed": evaluate(Fixed(scores), clicks, 30)}, STARTS, ["Fixed"], 1)
    assert days["value"].tolist() == [1.0, 0.0]
    assert days["clicks"].tolist() == [40, 40]
    finding = session_reading.show_test_days(days, "")
    assert "2 January 2024 is the hardest" in finding.reading
    assert "more than chance explains" in finding.reading
    alike = days.assign(value=[0.5, 0.45], low=0.3, high=0.7)
    assert "Their intervals overlap" in session_reading.compare_days(alike)
    assert "No two days" in session_reading.compare_days(days.assign(low=None, high=None))
    assert session_reading.show_test_days(days, "too small").figure is None
    few = next_clicks(make_sessions([0, 1], [0, 2]))
    unsure = session_reading.score_test_days({"Fixed": evaluate(Fixed(scores), few, 30)}, STARTS, ["Fixed"], 1)
    assert unsure["low"].isna().all()
    assert "No two days" in session_reading.show_test_days(unsure, "").reading
    assert session_reading.show_test_days(days.iloc[:0], "").figure is None


def test_misses_are_told_with_what_training_knew():
    train = make_sessions(*[[0, 1]] * 12, [2, 3])
    clicks = next_clicks(make_sessions([0, 29], [0, 1], [1, 1], [0, 3]))
    scores = np.linspace(1, 0, 30)
    ranking = evaluate(Fixed(np.where(np.arange(30) == 1, -2, np.where(np.arange(30) == 3, -1, scores))), clicks, 30)
    kinds = np.where(np.arange(30) < 3, 7, 8)
    text = session_reading.describe_misses(ranking, train, ITEMS, kinds, "")
    assert "came **item 290**" in text
    assert "training has only 0 clicks on it" in text.lower()
    assert "no training session holds it together with any item of the visit" in text.lower()
    assert "it is of another top category" in text
    # Also of a shop that counts its categories below zero.
    assert session_reading.describe_misses(ranking, train, ITEMS, -kinds, "") == text
    # Repeats of the item on the screen are told last: the lists leave them out on purpose.
    told = [line for line in text.splitlines() if line[:1].isdigit()]
    assert "on the screen already" in told[-1]
    assert "Of all 4 misses: 1 on the item that was on the screen already; 2 on an item with fewer" in text
    nowhere = session_reading.describe_misses(ranking, train, ITEMS, np.full(30, NO_CATEGORY), "")
    assert "No category is known" in nowhere


def test_without_a_comparison_or_a_miss_nothing_is_told():
    train, clicks = make_sessions([0, 1]), next_clicks(make_sessions([0, 1]))
    ranking = evaluate(Fixed(np.linspace(1, 0, 30)), clicks, 30)
    kinds = np.zeros(30, dtype=int)
    assert session_reading.describe_misses(None, train, ITEMS, kinds, "too small") == "too small"
    assert "no miss to look at" in session_reading.describe_misses(None, train, ITEMS, kinds, "")
    assert "No test click is missed" in session_reading.describe_misses(ranking, train, ITEMS, kinds, "")

"""How fast models age: found where the world changes, not found where it does not, and said as it is."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from forecast_shop import grow
from smartrocket import ageing
from smartrocket.ageing import COLUMNS, Ageing, age_forecasts, age_recommendations
from smartrocket.ageing_figures import advise, record_ageing, show_ageing
from smartrocket.neighbours import stan, vsknn
from smartrocket.ranking import Sessions, next_clicks
from smartrocket.results import Results
from smartrocket.workspace import Workspace

DAY_SECONDS = 86_400


def make_ageing(*losses: tuple, days: int = 60) -> Ageing:
    """Make one of rows (weeks, loss, low, high)."""
    return Ageing(pd.DataFrame([(*row, 1000) for row in losses], columns=COLUMNS), days)


def make_world(changing: bool, days: int = 90, seed: int = 0) -> tuple[Sessions, Sessions]:
    """Sessions of two clicks: an item and its partner, which changes every week or never. The last week is the test."""
    rng = np.random.default_rng(seed)
    count = 60 * days
    seconds = np.sort(rng.integers(0, days * DAY_SECONDS, count)).astype(float)
    first = rng.integers(0, 30, count)
    shift = (seconds // (14 * DAY_SECONDS)).astype(int) * 3 if changing else 0
    items = np.column_stack([first, 30 + (first + shift) % 30]).ravel()
    sessions = Sessions(items, np.repeat(seconds, 2), np.arange(count + 1) * 2)
    late = seconds >= (days - 7) * DAY_SECONDS
    return sessions.take(np.flatnonzero(~late)), sessions.take(np.flatnonzero(late))


def test_recommendations_age_where_habits_change():
    train, test = make_world(changing=True, days=110)
    aged = age_recommendations(lambda: stan(day_decay=5.0), train, next_clicks(test), 60, seed=1)
    assert aged.losses["weeks"].tolist() == list(ageing.WEEKS)
    assert aged.shown_from == 1
    assert (aged.losses["low"] > 0.2).all()
    assert "train every week" in advise(aged, "hits")
    assert aged.days >= ageing.LEAST_TRAINING - 1


def test_recommendations_do_not_age_where_habits_stay():
    train, test = make_world(changing=False)
    aged = age_recommendations(vsknn, train, next_clicks(test), 60, seed=1)
    assert aged.shown_from is None
    assert aged.losses["loss"].abs().max() < 0.01
    assert "No decay can be told from noise" in advise(aged, "hits")


def test_a_short_log_and_an_empty_test_say_nothing():
    train, test = make_world(changing=False)
    short, late = make_world(changing=False, days=20)
    assert age_recommendations(vsknn, short, next_clicks(late), 60, 1) is None
    assert age_recommendations(vsknn, train, next_clicks(test.take(np.array([], dtype=int))), 60, 1) is None
    assert "too short" in show_ageing(None, "hits").reading


def test_forecasts_are_aged_on_the_same_items_and_weeks():
    shop = grow()
    aged = age_forecasts(shop.panel, shop.split, shop.chosen, 3, 50, 0, 1)
    assert len(aged.losses)
    assert aged.losses["cases"].nunique() == 1
    assert set(aged.losses["weeks"]) <= set(ageing.WEEKS)
    assert (aged.losses["low"] <= aged.losses["loss"]).all()
    assert (aged.losses["loss"] <= aged.losses["high"]).all()
    again = age_forecasts(shop.panel, shop.split, shop.chosen, 3, 50, 0, 1)
    pd.testing.assert_frame_equal(aged.losses, again.losses)


def test_an_aged_model_knows_nothing_of_its_last_weeks():
    shop = grow()
    frame = shop.panel.frame.copy()
    origin = shop.split.test_origins[-1]
    one = replace(shop.split, test_origins=shop.split.test_origins[-1:])
    before = age_forecasts(shop.panel, one, shop.chosen, 3, 20, 0, 1)
    # What is learned in the last week before the test may change the fresh model, never one that is a week old.
    recent = frame["date"].between(origin - pd.Timedelta(days=13), origin - pd.Timedelta(days=7))
    frame.loc[recent, "target"] = 50.0
    after = age_forecasts(replace(shop.panel, frame=frame), one, shop.chosen, 3, 20, 0, 1)
    old, new = (1 + each.losses["loss"].to_numpy(dtype=float) for each in (before, after))
    ratios = old / new
    # All ages are related to the same fresh model, so they all change by the same factor.
    assert ratios == pytest.approx(ratios[0])
    assert ratios[0] > 1.5


@pytest.mark.parametrize("kind", ["young", "empty", "unsold"])
def test_without_a_model_nothing_ages(kind):
    shop = grow(kind)
    assert age_forecasts(shop.panel, shop.split, shop.chosen, 3, 20, 0, 1) is None


@pytest.mark.parametrize(
    ("losses", "words"),
    [
        ([(1, 0.01, -0.01, 0.03), (4, 0.02, -0.01, 0.05)], ["No decay can be told from noise", "every 4 weeks"]),
        ([(1, 0.01, -0.01, 0.03), (4, 0.05, 0.02, 0.08)], ["5.0 % larger (2.0 % to 8.0 %)", "at least every week"]),
        ([(1, 0.02, 0.01, 0.03), (4, 0.05, 0.02, 0.08)], ["After 1 week", "from the first age", "train every week"]),
        ([(2, 0.02, 0.01, 0.03), (4, 0.02, -0.02, 0.08)], ["No decay can be told from noise"]),
        ([(2, -0.03, -0.05, -0.01), (4, 0.0, -0.02, 0.02)], ["did better", "No decay"]),
        ([(4, -0.03, -0.05, -0.01)], ["3.0 % smaller (1.0 % to 5.0 %)"]),
        ([(4, 0.03, None, None)], ["too small to say"]),
    ],
)
def test_the_advice_follows_from_the_losses(losses, words):
    found = make_ageing(*losses)
    text = advise(found, "error")
    for word in words:
        assert word in text
    assert show_ageing(found, "error").figure is not None


def test_losses_are_written_down(tmp_path):
    results = Results("05_forecast_tuning", Workspace(tmp_path))
    record_ageing(results, make_ageing((1, 0.01, -0.01, 0.03), (4, 0.05, 0.02, 0.08)))
    assert results.facts["ageing_4_low"]["value"] == 0.02
    assert results.facts["ageing_shown_from"]["value"] == 4
    record_ageing(results, None)
    assert results.facts["ageing_shown_from"]["value"] is None

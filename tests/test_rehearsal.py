"""Rehearsals: forecasts before the test, by models that did not know what came."""

import pandas as pd
import pytest

from forecast_shop import BASELINE, DAILY, TUNED, grow
from smartrocket import forecasting, rehearsal
from smartrocket.demand_baselines import BASELINES
from test_forecasting import HORIZON, make_panel


def test_every_fold_is_forecast_before_the_test():
    shop = grow()
    origins = shop.rehearsal.split.test_origins
    assert origins.is_monotonic_increasing
    assert origins.is_unique
    assert origins[-1] + HORIZON * forecasting.DAY <= shop.split.test_origins[0]
    assert set(shop.rehearsal.table["origin"]) == set(origins)
    assert {TUNED, BASELINE, *BASELINES, "scale", "known"} <= set(shop.rehearsal.table)


def test_a_rehearsal_does_not_know_what_it_forecasts():
    shop = grow()
    last = shop.folds[0]
    frame = shop.panel.frame.copy()
    later = frame["date"] + HORIZON * forecasting.DAY > last.check_first
    frame.loc[later, "target"] = 9
    models = {TUNED: shop.chosen}
    arguments = (shop.demand, shop.split, shop.folds[:1], models, shop.history, 28, *DAILY.values())
    before, after = (rehearsal.rehearse(each, *arguments).table for each in (shop.panel, make_panel(frame)))
    assert before[TUNED].tolist() == after[TUNED].tolist()


def test_the_check_days_are_rehearsed_by_the_model_that_stopped_there():
    shop = grow()
    booster = shop.stopped.booster
    found = rehearsal.rehearse_check(shop.panel, shop.demand, shop.split, {BASELINE: booster}, shop.history, 28)
    assert found.split.test_origins[-1] == shop.split.fold.check_last
    assert found.table.loc[found.table["known"], BASELINE].gt(0).all()
    assert set(found.levels(shop.demand)) == {"item", "category", "total"}
    assert rehearsal.rehearse_check(shop.panel, shop.demand, shop.split, {}, shop.history, 28) is None
    assert rehearsal.rehearse_check(shop.panel, shop.demand, None, {BASELINE: booster}, shop.history, 28) is None


@pytest.mark.parametrize("kind", ["young", "empty", "unsold"])
def test_without_a_model_nothing_is_rehearsed(kind):
    assert grow(kind).rehearsal is None


def test_spreads_are_learned_for_every_level():
    shop = grow()
    assert set(shop.spreads.week) == set(shop.spreads.day) == {"item", "category", "total"}
    assert set(grow("plain").spreads.day) == {"item", "total"}
    item = shop.spreads.week["item"]
    assert 0 < item.dispersion < 20
    known = shop.past["item"]
    ranks = item.rank(known["actual"].to_numpy(), known[shop.final].to_numpy(), seed=5)
    shares = pd.Series(ranks).between(0.1, 0.9).mean()
    assert shares == pytest.approx(0.8, abs=0.06)

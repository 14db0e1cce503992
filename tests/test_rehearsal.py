"""Rehearsals: forecasts before the test, by models that did not know what came."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from forecast_shop import BASELINE, DAILY, TUNED, grow
from smartrocket import day_forecasts, forecast_tables, forecasting, rehearsal
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
    frame.loc[later, [name for name in frame if name.startswith("target")]] = 9
    models = {TUNED: shop.chosen}
    arguments = (shop.demand, shop.split, shop.folds[:1], models, shop.history, 28, *DAILY.values())
    before, after = (rehearsal.rehearse(each, *arguments) for each in (shop.panel, make_panel(frame)))
    assert before.table[TUNED].tolist() == after.table[TUNED].tolist()
    assert before.days[TUNED].tolist() == after.days[TUNED].tolist()


def test_what_is_rehearsed_is_the_forecast_that_is_tested():
    """Placed into a fold, the way of the test gives the rehearsal's numbers: whole and days are reconciled."""
    shop = grow()
    fold = shop.folds[-1]
    split = replace(shop.split, fold=fold, test_origins=forecasting.weekly_origins(fold))
    whole = forecasting.train_chosen(shop.panel, fold.train_last, shop.chosen, *DAILY.values())
    effort = (shop.chosen.parameters, shop.chosen.trees, *DAILY.values())
    of_days = day_forecasts.train_days(shop.panel, fold.train_last, *effort)
    table = forecast_tables.forecast_table(shop.panel, shop.demand, split, {}, 28, shop.place(split))
    table, days = day_forecasts.add_horizon(table, shop.panel, TUNED, whole.booster, of_days)
    at = shop.rehearsal.table["origin"].isin(split.test_origins).to_numpy()
    assert shop.rehearsal.table.loc[at, TUNED].tolist() == table[TUNED].tolist()
    assert shop.rehearsal.days[TUNED][at].tolist() == days.tolist()
    assert days.sum(axis=1) == pytest.approx(table[TUNED].to_numpy())
    assert not np.allclose(table[TUNED], table[day_forecasts.AT_ONCE])


def test_the_check_days_are_rehearsed_by_the_model_that_stopped_there():
    shop = grow()
    booster = shop.stopped.booster
    effort = (shop.chosen.parameters, shop.stopped.trees, *DAILY.values())
    of_days = day_forecasts.train_days(shop.panel, shop.split.fold.train_last, *effort)
    models = {BASELINE: (booster, of_days)}
    found = rehearsal.rehearse_check(shop.panel, shop.demand, shop.split, models, shop.history, 28)
    assert found.split.test_origins[-1] == shop.split.fold.check_last
    assert found.table.loc[found.table["known"], BASELINE].gt(0).all()
    assert set(found.levels(shop.demand)) == {"item", "category", "total"}
    assert rehearsal.rehearse_check(shop.panel, shop.demand, shop.split, {}, shop.history, 28) is None
    assert rehearsal.rehearse_check(shop.panel, shop.demand, None, models, shop.history, 28) is None


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

"""Forecasts of single days: they add up, know nothing later, and are scored beside the days of the baselines."""

import numpy as np
import pandas as pd
import pytest

from forecast_shop import BASELINE, DAILY, grow
from smartrocket import day_forecasts, forecasting
from smartrocket.demand_baselines import BASELINES
from test_forecasting import HORIZON, SETTINGS, make_panel


def test_days_add_up_to_the_whole_horizon():
    shop = grow()
    assert shop.days.sum(axis=1) == pytest.approx(shop.table[shop.final].to_numpy())
    assert (shop.days >= 0).all()
    at_once, added = shop.table[day_forecasts.AT_ONCE], shop.table[day_forecasts.ADDED_UP]
    between = shop.table[BASELINE].between(np.minimum(at_once, added) - 1e-9, np.maximum(at_once, added) + 1e-9)
    assert between.all()


def test_reconciled_days_keep_their_shares():
    week, days = np.array([2.0, 0.5]), np.array([[1.0, 0.0, 3.0], [0.1, 0.2, 0.2]])
    whole, parts = day_forecasts.reconcile_days(week, days)
    assert whole == pytest.approx([2 / (1 / 2 + 1 / 4), 0.5])
    assert parts.sum(axis=1) == pytest.approx(whole)
    assert parts[0] == pytest.approx(days[0] * whole[0] / 4)


def test_days_without_any_forecast_are_spread_evenly():
    found = day_forecasts.scale_days(np.array([[0.0, 0.0], [1.0, 3.0]]), np.array([3.0, 2.0]))
    assert found.tolist() == [[1.5, 1.5], [0.5, 1.5]]


def test_each_day_has_a_model_that_learned_from_that_day_only():
    shop = grow()
    panel = shop.panel
    changed = make_panel(panel.frame.assign(target_3=panel.frame["target_3"] * 2 + 1))
    arguments = (shop.split.learn_last, SETTINGS, 20, *DAILY.values())
    before, after = (day_forecasts.train_days(each, *arguments) for each in (panel, changed))
    same = [first.model_to_string() == second.model_to_string() for first, second in zip(before, after, strict=True)]
    assert same == [True, True, False, True, True, True, True]
    assert {booster.num_trees() for booster in before} == {10}


def test_what_happens_in_the_test_changes_no_model_of_a_day():
    shop = grow()
    frame = shop.panel.frame.copy()
    for lead in range(1, HORIZON + 1):
        # What was sold that day was not known at the first origin of the test.
        unknown = frame["date"] + HORIZON * forecasting.DAY > shop.split.test_origins[0]
        frame.loc[unknown, f"target_{lead}"] = 9
    arguments = (shop.split.learn_last, SETTINGS, 20, *DAILY.values())
    before, after = (day_forecasts.train_days(each, *arguments) for each in (shop.panel, make_panel(frame)))
    assert [each.model_to_string() for each in before] == [each.model_to_string() for each in after]


def test_a_day_on_which_nothing_is_ever_sold_is_forecast_as_zero():
    shop = grow()
    frame = shop.panel.frame.assign(target_2=0.0)
    boosters = day_forecasts.train_days(make_panel(frame), shop.split.learn_last, SETTINGS, 10, *DAILY.values())
    assert boosters[1] is None
    days = day_forecasts.forecast_days(shop.table, make_panel(frame), boosters)
    known = shop.table["known"].to_numpy(dtype=bool)
    assert not days[known, 1].any()
    assert (days[known, 0] > 0).all()


def test_actual_days_are_those_of_the_log():
    shop = grow()
    found = day_forecasts.actual_days(shop.table, shop.demand, HORIZON)
    assert found.sum(axis=1) == pytest.approx(shop.table["actual"].to_numpy())
    sales = shop.panel.frame.set_index(["itemid", "date"])["sales"]
    for place in np.flatnonzero(shop.table["known"])[:40]:
        row = shop.table.iloc[place]
        ahead = [sales.loc[row["series"], row["origin"] + lead * forecasting.DAY] for lead in range(1, HORIZON + 1)]
        assert found[place].tolist() == ahead


@pytest.mark.parametrize("model", BASELINES)
def test_the_days_of_a_baseline_add_up_to_its_forecast(model):
    shop = grow()
    known = shop.table[shop.table["known"].astype(bool)]
    found = day_forecasts.baseline_days(known, shop.demand, model, HORIZON)
    # The day of its entry, left out of an item's history, may be in the last week that is repeated.
    new = known["origin"] - HORIZON * forecasting.DAY < known["series"].map(
        shop.panel.frame.groupby("itemid")["date"].min()
    )
    expected = known[model].to_numpy(dtype=float)
    assert found.sum(axis=1)[~new] == pytest.approx(expected[~new])


def test_each_day_is_scored_against_its_own_best_baseline():
    shop = grow()
    scores = day_forecasts.score_days(shop.table, shop.demand, shop.split, BASELINE, shop.days, BASELINES, 60, 0)
    for metric in ("poisson_deviance", "rmsse"):
        skills = scores[scores["metric"] == f"{metric}_skill"]
        assert skills["day"].tolist() == list(range(1, HORIZON + 1))
        assert (skills["low"] <= skills["value"]).all()
        assert (skills["value"] <= skills["high"]).all()
        for skill in skills.itertuples():
            of_day = scores[(scores["day"] == skill.day) & (scores["metric"] == metric)].set_index("model")["value"]
            assert skill.rival == of_day[list(BASELINES)].astype(float).idxmin()
            assert skill.value == pytest.approx(1 - of_day[BASELINE] / of_day[skill.rival], rel=1e-4)
    for table, split in ((shop.table, None), (shop.table.iloc[:0], shop.split)):
        assert day_forecasts.score_days(table, shop.demand, split, BASELINE, shop.days, BASELINES, 60, 0).empty


def test_the_days_of_the_shop_cover_the_test_once():
    shop = grow()
    found = day_forecasts.add_up_days(shop.table, shop.demand, shop.days)
    first = shop.split.test_origins[0] + forecasting.DAY
    assert found["date"].tolist() == pd.date_range(first, periods=len(found)).tolist()
    assert found["actual"].sum() == shop.table["actual"].sum()
    assert found["forecast"].sum() == pytest.approx(shop.table[shop.final].sum())


def test_without_a_model_the_table_stays_as_it_is():
    shop = grow("unsold")
    assert BASELINE not in shop.table
    assert not shop.days.any()

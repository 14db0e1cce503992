"""The errors of a forecast: week by week, and the worst misses with what the log knows of them."""

import numpy as np
import pandas as pd
import pytest

from smartrocket import forecast_errors
from smartrocket.demand_distribution import Spread

ORIGINS = pd.to_datetime(["2024-03-03", "2024-03-10", "2024-03-17", "2024-03-24", "2024-03-31"])
OURS, RIVAL = "LightGBM tuned", "historic mean"


def make_known(scale=(1, 1, 1, 1, 1)):
    """Return forecasts of 20 items over five weeks: ours is right on average, the rival forecasts too much."""
    rows = []
    for week, origin in enumerate(ORIGINS):
        for item in range(20):
            actual = float((item + week) % 3 == 0) * scale[week]
            rows.append((item, origin, True, actual, 0.33 * scale[week], 1.0))
    return pd.DataFrame(rows, columns=["series", "origin", "known", "actual", OURS, RIVAL])


def make_panel(daily):
    """Return a panel (itemid, date, sales, views, age_days) of {item: {date: (sales, views)}} over all days."""
    dates = pd.date_range("2024-02-01", "2024-04-07")
    rows = [
        (item, date, *daily[item].get(str(date.date()), (0, 0)), 100 + place)
        for item in daily
        for place, date in enumerate(dates)
    ]
    return pd.DataFrame(rows, columns=["itemid", "date", "sales", "views", "age_days"])


TIMES = {"itemid": "int64", "available": "bool", "valid_from": "datetime64[ns]", "valid_to": "datetime64[ns]"}
NO_OFFERS = pd.DataFrame(columns=list(TIMES)).astype(TIMES)


def find(known, daily, orders=(), offers=NO_OFFERS):
    events = pd.DataFrame(orders, columns=["timestamp", "visitorid", "event", "itemid"])
    events["timestamp"] = pd.to_datetime(events["timestamp"])
    return forecast_errors.find_misses(known, OURS, Spread(0.3), make_panel(daily), events, offers, 7)


def test_weeks_are_scored_in_order_and_compared():
    finding = forecast_errors.show_weeks(make_known(), OURS, RIVAL, 7)
    weeks = forecast_errors.score_weeks(make_known(), OURS, RIVAL)
    assert weeks["origin"].tolist() == list(ORIGINS)
    assert weeks["sold"].sum() == make_known()["actual"].sum()
    better = int((weeks["ours"] < weeks["rivals"]).sum())
    assert f"In {better} of 5 test weeks {OURS} has the smaller deviance" in finding.reading
    assert "no trend beyond chance" in finding.reading


@pytest.mark.parametrize(("scale", "word"), [((1, 2, 4, 8, 16), "rises"), ((16, 8, 4, 2, 1), "falls")])
def test_a_trend_is_named(scale, word):
    assert f"deviance {word}" in forecast_errors.show_weeks(make_known(scale), OURS, RIVAL, 7).reading


def test_few_weeks_show_no_trend_and_none_no_figure():
    known = make_known()
    few = known[known["origin"].isin(ORIGINS[:2])]
    assert "So few weeks show no trend" in forecast_errors.show_weeks(few, OURS, RIVAL, 7).reading
    assert forecast_errors.show_weeks(known.iloc[:0], OURS, RIVAL, 7).figure is None
    assert forecast_errors.show_weeks(known, None, RIVAL, 7).figure is None


def case(actual, forecast, item=1, origin=ORIGINS[0]):
    return pd.DataFrame([(item, origin, True, float(actual), forecast, 1.0)], columns=make_known().columns)


def test_one_visitor_a_rise_of_views_and_silence_are_clues():
    daily = {1: {"2024-03-01": (0, 2), "2024-03-05": (4, 9)}}
    orders = [("2024-03-05 10:00", 5, "transaction", 1)] * 4
    (miss,) = find(case(4, 0.1), daily, orders)
    assert miss.is_under
    assert "a single visitor bought all 4 units" in miss.reasons
    assert any("views rose from 2 in the week before to 9" in reason for reason in miss.reasons)
    assert any("sold nothing in the 28 days before" in reason for reason in miss.reasons)
    text = forecast_errors.describe_miss(miss, 396)
    assert "0.10 units were forecast, 4 units were sold" in text
    assert "hardly any should be that unlikely" in text


def test_an_item_that_could_not_be_bought_or_ended_a_run_is_told():
    daily = {1: {"2024-03-02": (3, 8), "2024-03-06": (0, 1)}}
    offers = pd.DataFrame(
        {
            "itemid": [1],
            "available": [False],
            "valid_from": pd.to_datetime(["2024-03-05"]),
            "valid_to": pd.to_datetime([None]),
        }
    )
    (miss,) = find(case(0, 2.5), daily, offers=offers)
    assert not miss.is_under
    assert any("could not be bought" in reason for reason in miss.reasons)
    assert any("views fell from 8 in the week before to 1" in reason for reason in miss.reasons)
    assert any("had sold 3 units in the week before" in reason for reason in miss.reasons)
    assert "no units were sold" in forecast_errors.describe_miss(miss, 396)
    later = offers.assign(valid_from=pd.to_datetime(["2024-03-20"]))
    (other,) = find(case(0, 2.5), daily, offers=later)
    assert not any("could not be bought" in reason for reason in other.reasons)


def test_a_miss_without_a_clue_says_so():
    daily = {1: {"2024-03-01": (1, 5), "2024-02-20": (1, 1), "2024-03-06": (1, 4)}}
    orders = [("2024-03-06", 3, "transaction", 1)]
    (miss,) = find(case(1, 0.4), daily, orders)
    assert miss.reasons == []
    text = forecast_errors.describe_miss(miss, 100)
    assert "Nothing in the log tells this week from others" in text
    assert "which is nothing unusual" in text


def test_the_worst_of_both_kinds_are_chosen():
    known = pd.concat(
        [
            case(actual, forecast, item)
            for item, (actual, forecast) in enumerate([(5, 0.1), (1, 0.9), (0, 3.0), (0, 0.1)])
        ],
        ignore_index=True,
    )
    misses = find(known, {item: {} for item in range(4)})
    assert [miss.item for miss in misses] == [0, 1, 2, 3]
    assert [miss.is_under for miss in misses] == [True, True, False, False]
    finding = forecast_errors.show_misses(misses, 4, 7)
    assert finding.reading.count("**Item") == 4
    assert "2 item-weeks sold far more than forecast, 2 far less" in finding.alt
    assert forecast_errors.show_misses([], 4, 7).figure is None


@pytest.mark.parametrize(("chance", "text"), [(0.234, "23.4 %"), (0.00234, "0.23 %"), (1e-7, "less than 0.01 %")])
def test_chances_are_written_for_a_reader(chance, text):
    assert forecast_errors.write_chance(chance) == text


def test_tails_are_chances():
    misses = find(make_known(), {item: {} for item in range(20)})
    assert all(0 < miss.tail <= 1 for miss in misses)
    assert np.isfinite([miss.tail for miss in misses]).all()

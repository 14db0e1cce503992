"""What chapters say of a shop is right in direction and size, for shops that differ in what they hold."""

import re

import pytest

from fake_build import SHOP, score
from smartrocket import chapters
from smartrocket.summary import Run

BARE = SHOP | {"generated": False, "has_properties": False, "has_category_tree": False}
LEVEL, METRIC = "item", "poisson_deviance"


def fact(value, unit="share"):
    return {"value": value, "unit": unit}


def run_of(eda=None, forecast=None, scores=(), tuning=None, ranking_scores=()):
    """Return a run with these facts of notebooks 1, 5 and 7, and these scores."""
    return Run(
        [
            {"notebook": "01_eda", "facts": {k: fact(v) for k, v in (eda or {}).items()}, "scores": []},
            {
                "notebook": "05_forecast_tuning",
                "facts": {k: fact(v) for k, v in (forecast or {}).items()},
                "scores": list(scores),
            },
            {
                "notebook": "07_gru4rec_tuning",
                "facts": {k: fact(v) for k, v in (tuning or {}).items()},
                "scores": list(ranking_scores),
            },
        ]
    )


def compared(skill: float, half: float, category: float = 0.0):
    """Return scores in which the tuned trees have this advantage over a rule, at items and at categories."""
    rows = []
    for level, value in (("item", skill), ("category", category)):
        rows += [
            score("forecast", "LightGBM tuned", METRIC, 1 - value, 0.01, level),
            score("forecast", "moving average", METRIC, 1.0, 0.01, level),
            score("forecast", "LightGBM tuned", f"{METRIC}_skill", value, half, level),
        ]
    return rows


@pytest.mark.parametrize(
    ("skill", "stocking"),
    [(0.1, "beats every simple rule"), (-0.1, "it is better than the model"), (0.01, "not shown to beat")],
)
@pytest.mark.parametrize(
    ("category", "trends"),
    [
        (0.1, "for categories the model beats"),
        (-0.1, "for categories a simple rule is better"),
        (0.0, "not shown to beat simple rules"),
    ],
)
def test_trust_follows_the_interval_of_its_own_level(skill, stocking, category, trends):
    text = chapters.write_decisions(run_of(scores=compared(skill, 0.03, category)))
    rows = re.findall(r"<tr>.*?</tr>", text)
    assert stocking in next(row for row in rows if "Stocking" in row)
    assert trends in next(row for row in rows if "Trends" in row)
    assert "the test is too small" in next(row for row in rows if "Personalisation" in row)


def test_a_shop_of_which_nothing_is_known_is_promised_nothing():
    parts = chapters.write_chapters(run_of(), BARE)
    assert "beats" not in parts["decisions"]
    assert parts["surprises"] == "Nothing in this log stands out.\n"
    assert parts["helped"] == "The tests are too small to tell what helped.\n"
    assert parts["insights"].count("is not known") == 4
    assert "holds</td>" not in parts["insights"]
    assert "hold no properties" in parts["features_left_out"]
    assert chapters.write_features_left_out(SHOP).strip() == ""


def test_surprises_are_told_only_where_they_are_surprising():
    calm = {
        "sessions_single_event": 0.2,
        "immediate_repeat_share": 0.05,
        "conversion_visitors": 0.4,
        "items": 10,
        "items_sold": 9,
        "top_decile_share": 0.1,
        "items_without_properties_share": 0.0,
        "duplicates_events": 0,
        "bots_visitor_days": 0,
    }
    assert chapters.list_surprises(run_of(calm)) == []
    odd = {
        "sessions_single_event": 0.7,
        "immediate_repeat_share": 0.27,
        "conversion_visitors": 0.01,
        "buyers": 12,
        "items": 100,
        "items_sold": 3,
        "top_decile_share": 0.6,
        "items_without_properties_share": 0.2,
        "duplicates_events": 1,
        "bots_visitor_days": 1,
        "bots_events": 300,
    }
    told = " ".join(chapters.list_surprises(run_of(odd)))
    for words in ("70.0 %", "27.0 %", "1.00 %", "12 in all", "3 of the 100 items", "60.0 %", "20.0 %", "300 events"):
        assert words in told
    assert "1 row of the events repeats another" in told
    assert "On 1 visitor-day" in told


@pytest.mark.parametrize(
    ("ends", "verdict"),
    [((0.05, 0.01, 0.09), "helped"), ((-0.05, -0.09, -0.01), "made it worse"), ((0.01, -0.02, 0.04), "no difference")],
)
def test_what_helped_follows_the_interval(ends, verdict):
    facts = dict(zip(("tuning_gain_value", "tuning_gain_low", "tuning_gain_high"), ends, strict=True))
    text = chapters.write_helped(run_of(forecast=facts | {"final_model": "LightGBM tuned"}, scores=compared(0.1, 0.03)))
    row = next(row for row in re.findall(r"<tr>.*?</tr>", text) if "A search for settings (sales)" in row)
    assert verdict in row
    assert f"{100 * abs(ends[0]):.1f} %" in row


def test_what_helped_to_find_the_next_item_is_told_in_points_of_the_hit_rate():
    rates = {"GRU4Rec baseline": 0.40, "GRU4Rec tuned": 0.43, "STAN": 0.50}
    ranking = [score("recommendation", model, "hit_rate@20", rate, 0.01, "event") for model, rate in rates.items()]
    gains = {"network_gain": (-0.14, -0.2, -0.1), "tuning_gain": (None, 0.01, 0.05)}
    tuning = {
        f"{name}_{end}": value
        for name, ends in gains.items()
        for end, value in zip(("value", "low", "high"), ends, strict=True)
        if value is not None
    }
    text = chapters.write_helped(run_of(tuning=tuning | {"strongest_simple": "STAN"}, ranking_scores=ranking))
    words = re.sub(r"<[^>]+>", " ", text)
    assert re.search(r"A search for settings \(next item\)\s+\+3\.0 points \(\+1\.0 to \+5\.0\)\s+helped", words)
    assert re.search(
        r"A network instead of STAN \(next item\)\s+−7\.0 points \(−10\.0 to −5\.0\)\s+made it worse", words
    )


@pytest.mark.parametrize(
    ("facts", "zone_known", "word"),
    [
        ({"peak_hour": 20, "time_zone": "Europe/Paris"}, True, "holds"),
        ({"peak_hour": 9, "time_zone": "Europe/Paris"}, True, "does not hold"),
        ({"peak_hour": 20, "time_zone": "UTC"}, False, "is not known"),
        ({}, False, "is not known"),
    ],
)
def test_an_evening_peak_is_judged_on_a_known_clock_only(facts, zone_known, word):
    said, verdict = chapters.judge_evening(run_of(facts))
    assert verdict == word
    assert ("not known" in said) != zone_known or not facts


def test_loyalty_and_second_looks_are_judged_by_their_shares():
    more = {"category_same_steps": 0.5, "category_same_by_chance": 0.2, "bought_after_one_view": 0.01}
    assert chapters.judge_loyalty(run_of(more), SHOP)[1] == "holds"
    assert chapters.judge_loyalty(run_of(more | {"category_same_steps": 0.1}), SHOP)[1] == "does not hold"
    assert chapters.judge_loyalty(run_of(more), BARE) == ("the files hold no categories of items", "is not known")
    assert chapters.judge_views(run_of(more | {"bought_after_more_views": 0.05}))[1] == "holds"
    assert chapters.judge_views(run_of(more | {"bought_after_more_views": 0.001}))[1] == "does not hold"
    assert chapters.judge_views(run_of(more))[1] == "is not known"


def test_failures_name_their_size_where_it_was_measured():
    cold = [
        score("recommendation, cold start", "GRU4Rec tuned", "hit_rate@20", 0.4, 0.1, "one click seen"),
        score("recommendation", "GRU4Rec tuned", "popularity_rank@20", 30.0, None, "event"),
    ]
    known = run_of(
        forecast={"test_units": 90.0, "test_units_of_new_items": 10.0},
        tuning={"clicked_popularity_rank": 60.0},
        ranking_scores=cold,
    )
    text = chapters.write_failures(known, SHOP)
    assert "10 of the 100 units" in text
    assert "GRU4Rec tuned finds 40.0 %" in text
    assert "lean to more popular items" in text
    assert "the mean of their category" in text
    unknown = chapters.write_failures(run_of(), BARE)
    assert unknown.count("not known") == 6
    assert "the mean of all items" in unknown
    assert "by category" not in unknown

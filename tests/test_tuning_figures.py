"""Figures of the tuning notebook: the search, the mix, what they bought, and how sure a forecast is."""

from dataclasses import replace

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from forecast_shop import BASELINE, TUNED, grow
from smartrocket import forecast_confidence
from smartrocket import tuning_figures as drawing
from smartrocket.demand_baselines import BASELINES
from test_forecast_figures import make_scores

TRIALS = pd.DataFrame(
    {
        "trial": [1, 2, 3, 4],
        "state": ["complete", "complete", "pruned", "complete"],
        "value": [0.0166, 0.0168, 0.0172, 0.0150],
        "objective": ["poisson", "tweedie", "poisson", "poisson"],
        "monotone": [False, True, True, True],
    }
)
SHARES = pd.DataFrame(
    {"parameter": ["tweedie_variance_power", "num_leaves", "learning_rate"], "importance": [0.6, 0.3, 0.1]}
)


def draw(shop) -> dict:
    """Return the findings about a shop that notebook 05 shows, by name."""
    spread = shop.spreads.week["item"] if shop.spreads else None
    measured = drawing.measure_coverage(shop.known, shop.demand, shop.final, spread, 0)
    worth = shop.known.iloc[:0]
    if shop.confidence:
        worth = forecast_confidence.measure_confidence(shop.known, shop.final, shop.confidence, 0, 50)
    return {
        "folds": drawing.show_folds(shop.split, shop.folds),
        "mix": drawing.show_mix(shop.mix),
        "coverage": drawing.show_coverage(measured),
        "confidence": drawing.show_confidence(worth, shop.confidence),
    }


def test_every_finding_has_a_figure_a_reading_and_an_alternative_text():
    for name, finding in draw(grow()).items():
        assert finding.figure is not None, name
        assert finding.caption, name
        assert len(finding.alt) > 20, name
        assert any(character.isdigit() for character in finding.reading), name
        assert "nan" not in finding.reading.lower(), name
    plt.close("all")


@pytest.mark.parametrize("kind", ["young", "empty"])
def test_a_shop_without_a_test_is_told_so(kind):
    for name, finding in draw(grow(kind)).items():
        assert finding.figure is None, name
        assert finding.reading, name
    empty = pd.DataFrame()
    for shown in (drawing.coverage_table(empty), drawing.confidence_table(empty), drawing.effort_table({})):
        assert shown.data == drawing.LEFT_OUT
    assert drawing.choices_table(empty, ["monotone"]).data == drawing.NOTHING_LEARNED
    assert drawing.judge_tuning(None, "A", "zero", 3).reading == drawing.LEFT_OUT


def test_a_search_without_progress_names_no_setting():
    slow = TRIALS.assign(value=[0.0166, 0.0168, 0.0172, 0.01659])
    assert drawing.show_parameter_importance(SHARES, slow).figure is None
    assert "none of 4 trials does better" in drawing.show_trials(slow).reading
    found = drawing.show_parameter_importance(SHARES, TRIALS).reading
    # The best trial is no Tweedie model, so a setting of those cannot have made it good.
    assert "`num_leaves` sets" in found
    assert "scores 0.0150" in drawing.show_trials(TRIALS).reading
    assert "squared error" in drawing.show_trials(TRIALS, "squared_error").caption
    plt.close("all")


def test_choices_are_compared_by_their_best_trials():
    shown = drawing.choices_table(TRIALS, ["objective", "monotone"]).data
    assert shown.count("<tr") == 1 + 4
    assert "0.0150" in shown
    assert "0.0172" not in shown


@pytest.mark.parametrize(("weight", "words"), [(0.0, "forecasts alone"), (0.55, "gets 55 %"), (1.0, "alone")])
def test_the_mix_says_who_gets_what(weight, words):
    chosen = replace(grow().mix, weight=weight, best=1.0)
    assert words in drawing.show_mix(chosen).reading
    plt.close("all")


@pytest.mark.parametrize(
    ("interval", "words"),
    [
        ((0.1, 0.2, 0.3), "Tuning helped"),
        ((-0.3, -0.2, -0.1), "Tuning did harm"),
        ((-0.1, 0.1, 0.3), "nothing that can be told from chance"),
        ((None, 0.1, None), "nothing follows"),
    ],
)
def test_the_verdict_on_tuning_follows_the_interval(interval, words):
    assert words in drawing.judge_tuning(make_scores(*interval), "A", "zero", 3).reading


def test_every_score_of_two_models_stands_side_by_side():
    shop = grow()
    items = shop.score([*BASELINES, BASELINE, TUNED])["item"]
    shown = drawing.pair_table(items, [BASELINE, TUNED]).data
    for heading in ("Poisson deviance", "RMSSE", "bias", "scaled CRPS", "pinball 95 %", "coverage of 80 %", "R2"):
        assert heading in shown
    effort = drawing.effort_table({BASELINE: (1200, 80, {"num_leaves": 31}, 4096)}).data
    assert "1,200" in effort


def test_coverage_is_measured_for_items_that_sell_weekly():
    shop = grow()
    measured = drawing.measure_coverage(shop.known, shop.demand, shop.final, shop.spreads.week["item"], 0)
    rows = measured[measured["nominal"] == 0.8].set_index("class")["rows"]
    assert rows["all"] == len(shop.known)
    assert rows[drawing.WEEKLY] == rows.reindex(["4 to 11", "12 or more"]).fillna(0).sum()
    assert "sell about weekly" in drawing.show_coverage(measured).reading
    assert drawing.WEEKLY in drawing.coverage_table(measured).data
    plt.close("all")

"""The report's judgement of its models is right in direction and size, and silent where data are too few."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake_build import make_scores, score
from smartrocket.partials import write_metrics, write_models
from smartrocket.profiles import NOTEBOOKS
from smartrocket.summary import (
    METRICS,
    QUESTIONS,
    Run,
    describe_best,
    describe_forecast,
    describe_levels,
    describe_recommendation,
    describe_tuning,
    judge,
    outcome_of,
)

DESCRIBE = {"forecast": describe_forecast, "recommendation": describe_recommendation}
LEVEL = {"forecast": "item", "recommendation": "event"}
METRIC = {"forecast": "poisson_deviance", "recommendation": "hit_rate@20"}
MODEL = {"forecast": "LightGBM tuned", "recommendation": "GRU4Rec tuned"}


def run_of(scores: list[dict], facts: dict | None = None, notebook: str = "05_forecast_tuning") -> Run:
    """Return a run with one notebook's results."""
    return Run([{"notebook": notebook, "facts": facts or {}, "scores": scores}])


def compare(task: str, ours: float, rule: float, half: float | None) -> Run:
    """Return a run in which our model and one rule have these scores and half-widths of their intervals."""
    return run_of(
        [
            score(task, MODEL[task], METRIC[task], ours, half, LEVEL[task]),
            score(task, "rule", METRIC[task], rule, half, LEVEL[task]),
        ]
    )


@pytest.mark.parametrize(
    ("task", "ours", "rule", "outcome", "words"),
    [
        ("forecast", 0.8, 1.0, "better", "20.0 % smaller: it beats every baseline"),
        ("forecast", 1.1, 1.0, "worse", "10.0 % larger: the baseline is the better choice"),
        ("forecast", 0.99, 1.0, "same", "within the noise"),
        ("recommendation", 0.4, 0.3, "better", "10.0 percentage points more"),
        ("recommendation", 0.3, 0.4, "worse", "10.0 percentage points fewer"),
        ("recommendation", 0.31, 0.3, "same", "within the noise"),
    ],
)
def test_verdict_states_direction_and_size(task, ours, rule, outcome, words):
    run = compare(task, ours, rule, 0.02)
    assert judge(run, task).outcome == outcome
    assert words in DESCRIBE[task](run)


@given(st.sampled_from(list(DESCRIBE)), st.floats(0.01, 1), st.floats(0.01, 1), st.floats(0.001, 0.5))
def test_better_and_worse_are_mirror_images(task, first, second, half):
    mirror = {"better": "worse", "worse": "better", "same": "same", "unknown": "unknown"}
    forth = judge(compare(task, first, second, half), task)
    back = judge(compare(task, second, first, half), task)
    assert back.outcome == mirror[forth.outcome]
    if forth.outcome == "better":
        assert (first < second) == METRICS[METRIC[task]].lower_is_better


def test_paired_interval_decides_over_overlapping_ones():
    scores = [
        score("forecast", "LightGBM tuned", "poisson_deviance", 0.95, 0.2, "item"),
        score("forecast", "zero", "poisson_deviance", 1.0, 0.2, "item"),
        score("forecast", "LightGBM tuned", "poisson_deviance_skill", 0.05, 0.01, "item"),
    ]
    run = run_of(scores)
    assert judge(run, "forecast").outcome == "better"
    assert "5.0 % (4.0 % to 6.0 %) smaller" in describe_forecast(run)
    assert "shown for single items (95 % interval of the advantage 4.0 % to 6.0 %)" in describe_levels(run)


@pytest.mark.parametrize("task", list(DESCRIBE))
def test_without_intervals_there_is_no_verdict(task):
    run = compare(task, 0.5, 0.6, None)
    assert judge(run, task).outcome == "unknown"
    assert "too few" in DESCRIBE[task](run)


@pytest.mark.parametrize("task", list(DESCRIBE))
def test_without_scores_nothing_is_claimed(task):
    run = run_of([])
    assert judge(run, task).outcome == "unknown"
    assert "claims no" in DESCRIBE[task](run)
    assert describe_tuning(run, task) == "The test is too small to tell what tuning changes."


@pytest.mark.parametrize(
    ("task", "count", "words"),
    [
        ("forecast", 1.0, "The test weeks hold 1 unit of known items, too few to compare forecasts."),
        ("forecast", 0.0, "The test weeks hold 0 units of known items, too few to compare forecasts."),
        ("recommendation", 1, "The test holds 1 click to predict, too few to compare recommenders."),
        ("recommendation", 12, "The test holds 12 clicks to predict, too few to compare recommenders."),
    ],
)
def test_a_run_that_says_its_test_is_too_small_is_believed(task, count, words):
    run, question = compare(task, 0.5, 1.0, 0.01), QUESTIONS[task]
    run.facts[question.notebook] = {question.enough: {"value": False}, question.size: {"value": count}}
    assert judge(run, task).ours is None
    assert DESCRIBE[task](run) == describe_best(run, task) == words
    assert write_models(run, task) == f"{words}\n"
    assert "too small" in describe_tuning(run, task)
    assert write_metrics(run).count("not known") == 2


def test_tuning_is_judged_by_its_paired_interval_where_there_is_one():
    scores = [
        score("forecast", "LightGBM baseline", "poisson_deviance", 0.92, 0.1, "item"),
        score("forecast", "LightGBM tuned", "poisson_deviance", 0.91, 0.1, "item"),
    ]
    assert "within the noise" in describe_tuning(run_of(scores), "forecast")
    facts = {f"tuning_gain_{end}": {"value": value, "unit": "share"} for end, value in (("low", 0.001), ("high", 0.02))}
    assert "an improvement beyond the noise" in describe_tuning(run_of(scores, facts), "forecast")


def test_a_search_that_kept_the_first_settings_changes_nothing():
    scores = [
        score("recommendation", f"GRU4Rec {kind}", metric, value, 0.01, "event")
        for kind in ("baseline", "tuned")
        for metric, value in (("hit_rate@20", 0.5), ("mrr@20", 0.2))
    ]
    text = describe_tuning(run_of(scores, notebook="07_gru4rec_tuning"), "recommendation")
    assert text == "Tuning leaves the hit rate@20 at 50.0 %."


def test_the_share_of_buyers_has_its_interval():
    facts = {"rows_events": 9000, "visitors": 1000, "buyers": 50, "conversion_visitors": 0.05}
    run = run_of([], {name: {"value": value, "unit": "n"} for name, value in facts.items()}, notebook="01_eda")
    assert "50 buyers; 95 % interval 3.81 % to 6.53 %" in write_metrics(run)


def test_the_latest_notebook_has_the_last_word():
    run = Run({"notebook": name, "facts": {}, "scores": make_scores(name)} for name in NOTEBOOKS)
    assert run.scores("forecast", "item", "poisson_deviance")[0].model == "LightGBM tuned"
    assert run.levels("forecast")[0] == "item"
    assert judge(run, "recommendation").baseline.model == "VSTAN"


def test_a_blend_counts_as_ours_but_tuning_compares_the_two_networks():
    values = {"GRU4Rec baseline": 0.3, "GRU4Rec tuned": 0.35, "GRU4Rec tuned with STAN": 0.5, "STAN": 0.4}
    scores = [score("recommendation", model, "hit_rate@20", value, 0.01, "event") for model, value in values.items()]
    run = run_of(scores, notebook="07_gru4rec_tuning")
    assert judge(run, "recommendation").ours.model == "GRU4Rec tuned with STAN"
    text = describe_recommendation(run)
    assert "The network and STAN together find" in text
    assert "STAN alone in 40.0 %: 10.0 percentage points more" in text
    assert "from 30.0 % to 35.0 %, an improvement" in describe_tuning(run, "recommendation")


@pytest.mark.parametrize(
    ("gain", "words"),
    [(0.2, "is better than STAN"), (-0.2, "is worse than STAN"), (0.0, "has not been shown to differ")],
)
def test_the_network_of_a_blend_is_also_compared_alone(gain, words):
    values = {"GRU4Rec tuned": 0.4 * (1 + gain), "GRU4Rec tuned with STAN": 0.5, "STAN": 0.4}
    gains = {"GRU4Rec tuned": gain, "GRU4Rec tuned with STAN": 0.25}
    scores = [score("recommendation", model, "hit_rate@20", value, 0.01, "event") for model, value in values.items()]
    scores += [
        score("recommendation", model, "hit_rate@20_skill", value, 0.05, "event") for model, value in gains.items()
    ]
    text = describe_recommendation(run_of(scores))
    assert "10.0 percentage points more (8.0 to 12.0)" in text
    assert f"The network alone ({40 * (1 + gain):.1f} %) {words}" in text


@pytest.mark.parametrize(("low", "high", "outcome"), [(0.1, 0.2, "better"), (-0.2, -0.1, "worse"), (-1, 1, "same")])
def test_outcome_of(low, high, outcome):
    assert outcome_of(low, high) == outcome


def test_the_model_that_the_run_ended_with_is_judged_not_the_best_of_ours():
    names = {"LightGBM tuned": 0.90, "LightGBM tuned with zero": 0.92, "zero": 1.0}
    scores = [score("forecast", name, "poisson_deviance", value, 0.01, "item") for name, value in names.items()]
    assert judge(run_of(scores), "forecast").ours.model == "LightGBM tuned"
    facts = {"final_model": {"value": "LightGBM tuned with zero", "unit": "model"}}
    assert judge(run_of(scores, facts), "forecast").ours.model == "LightGBM tuned with zero"

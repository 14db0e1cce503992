import re

import numpy as np
import pandas as pd
import pytest
from IPython.display import HTML, Markdown

from smartrocket import recommendation_report as report
from smartrocket.ranking import Ranking, Sessions, next_clicks
from smartrocket.recommendation_tuning import describe_shortcuts, describe_space
from smartrocket.results import Results
from smartrocket.workspace import Workspace

CLAIM = re.compile(r"best|highest|most often|%|hit rate|ahead|interval", re.IGNORECASE)
NAMES = ("GRU4Rec tuned", "GRU4Rec baseline", "GRU4Rec tuned with STAN", "STAN", "items already seen")


def rankings(sessions: int = 100, items: int = 2000) -> dict[str, Ranking]:
    """Models of falling quality on sessions of five clicks."""
    numbers = np.arange(5 * sessions) % min(items, 50)
    asked = next_clicks(Sessions(numbers, np.arange(5.0 * sessions), np.arange(0, 5 * sessions + 1, 5)))
    generator = np.random.default_rng(0)
    return {
        name: Ranking(asked, generator.integers(1, 30 + 30 * place, len(asked)), np.arange(5), items)
        for place, name in enumerate(NAMES)
    }


def readings(ranked: dict[str, Ranking], least: int) -> list[str]:
    """Everything that compares, in words."""
    return [
        report.compare_models(ranked, 1, least).reading,
        report.compare_repeats(ranked, least).reading,
        report.compare_positions(ranked, NAMES, 1, least).reading,
        report.judge_tuning(ranked, NAMES[0], NAMES[1], 1, least),
    ]


@pytest.mark.parametrize(
    ("ranked", "said"),
    [
        ({}, "The test holds 0 clicks to predict (200 are needed)"),
        (rankings(sessions=20), "The test holds 80 clicks to predict (200 are needed)"),
        (rankings(items=20), "The training sequences hold 20 items, no more than fit into a list of 20"),
    ],
    ids=["no click", "few clicks", "few items"],
)
def test_below_the_gate_nothing_is_claimed(ranked, said, tmp_path):
    for reading in readings(ranked, 200):
        assert reading == f"{said}, so this report does not compare recommenders."
        assert not CLAIM.search(reading)
    assert isinstance(report.metrics_table(ranked, 1, 200, "", "STAN"), Markdown)
    assert report.judge_gates(ranked, "GRU4Rec tuned", 200, (0.6, 0.75), stops=True) == []
    results = Results("07_gru4rec_tuning", Workspace(tmp_path))
    report.record_lead(results, ranked, "GRU4Rec tuned", 1, 200)
    assert {fact["value"] for fact in results.facts.values()} == {None}


def test_few_sessions_allow_no_comparison():
    assert "9 sessions (10 are needed)" in report.refuse(500, 9, 2000, 200)


def test_above_the_gate_models_are_compared(tmp_path):
    ranked = rankings()
    models, _, positions, tuning = readings(ranked, 200)
    assert models.startswith("GRU4Rec tuned finds")
    assert "percentage points" in models
    assert positions.startswith(("No clear change:", "It rises:", "It falls:"))
    assert "hit rate@20 went from" in tuning
    assert "MRR@20 went from" in tuning
    assert "-" not in tuning
    shown = report.metrics_table(ranked, 1, 200, "All models.", "STAN")
    assert isinstance(shown, HTML)
    assert "hit_rate" not in shown.data
    results = Results("07_gru4rec_tuning", Workspace(tmp_path))
    report.record_lead(results, ranked, "GRU4Rec tuned", 1, 200)
    report.record_skill(results, ranked, 1)
    facts = {name: fact["value"] for name, fact in results.facts.items()}
    assert facts["strongest_simple"] == "STAN"
    assert facts["lead_model"] == "GRU4Rec tuned with STAN"
    assert facts["lead_low"] <= facts["lead_value"] <= facts["lead_high"]
    skill = {score["model"]: score["value"] for score in results.scores}
    assert skill["GRU4Rec tuned"] == facts["network_gain_value"]
    assert facts["network_gain_low"] <= facts["network_gain_value"] <= facts["network_gain_high"]


def test_a_loss_that_rises_is_not_called_a_fall():
    reading = report.describe_losses({"network": [0.5, 0.4, 0.9]}).reading
    assert "from 0.500 in the first epoch to 0.900 in epoch 3" in reading
    assert "0.400 and 0.900" in reading
    assert "fall" not in reading
    assert report.describe_losses({"network": []}).figure is None


def test_differences_have_a_true_minus_sign_and_no_signed_zero():
    assert [report.points(share) for share in (0.0123, -0.0123, -0.0001)] == ["+1.2", "−1.2", "0.0"]


def test_a_search_that_found_nothing_says_so():
    finding = report.describe_trials(pd.DataFrame(), "mrr@20", 0, 200)
    assert finding.reading == "Nothing could be searched; what follows is the first network again."
    tried = pd.DataFrame({"trial": [1, 2], "state": "complete", "value": [0.1, 0.2]})
    assert not CLAIM.search(report.describe_trials(tried, "mrr@20", 1, 200).reading)
    assert "1 validation click " in report.describe_trials(tried, "mrr@20", 1, 200).reading
    assert report.describe_trials(tried, "mrr@20", 300, 200).figure is not None


def test_a_search_is_described_as_it_is():
    space = {"units": {"choices": [64, 96, 128]}, "learning_rate": {"low": 0.03, "high": 0.2, "log": True}}
    assert describe_space(space) == "units (64, 96 or 128) and learning rate (0.03 to 0.2)"
    assert describe_shortcuts(10, 10, 5, 5).startswith("Every trial trains on all earlier sessions (10)")
    assert "latest 4 sessions of 10" in describe_shortcuts(4, 10, 3, 5)
    assert describe_shortcuts(4, 4, 0, 0) == "There is no validation click to judge a trial by."
    assert "random draw of 3 clicks from the 5" in describe_shortcuts(4, 10, 3, 5)

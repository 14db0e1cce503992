import re

import numpy as np
import pandas as pd
import pytest
from IPython.display import HTML, Markdown
from optuna.trial import create_trial

from smartrocket import recommendation_report as report
from smartrocket import recommendation_slices as slices
from smartrocket.ranking import Ranking, Sessions, next_clicks
from smartrocket.recommendation_tuning import describe_shortcuts, describe_space
from smartrocket.results import Results
from smartrocket.wording import points
from smartrocket.workspace import Workspace

CLAIM = re.compile(r"best|highest|most often|%|hit rate|ahead|interval", re.IGNORECASE)
NAMES = ("GRU4Rec tuned", "GRU4Rec baseline", "GRU4Rec tuned with STAN", "STAN", "items already seen")


def rankings(sessions: int = 100, items: int = 2000) -> dict[str, Ranking]:
    """Models of falling quality on sessions of five clicks."""
    numbers = np.arange(5 * sessions) % min(items, 50)
    asked = next_clicks(Sessions(numbers, np.arange(5.0 * sessions), np.arange(0, 5 * sessions + 1, 5)))
    generator = np.random.default_rng(0)
    return {
        name: Ranking(asked, generator.integers(1, 30 + 30 * place, len(asked)), np.ones(items))
        for place, name in enumerate(NAMES)
    }


def readings(ranked: dict[str, Ranking], least: int) -> list[str]:
    """Everything that compares, in words."""
    return [
        report.compare_models(ranked, 1, least).reading,
        report.compare_repeats(ranked, 1, least).reading,
        slices.compare_positions(ranked, NAMES, 1, report.refuse_rankings(ranked, least)).reading,
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
    assert positions.startswith(("No clear change; ", "It rises; ", "It falls; "))
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
    assert [points(share) for share in (0.0123, -0.0123, -0.0001)] == ["+1.2", "−1.2", "0.0"]


def test_a_search_that_found_nothing_says_so():
    finding = report.describe_trials(pd.DataFrame(), "mrr@20", 0, 200)
    assert finding.reading == "Nothing could be searched, so the first network's settings stay."
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


def test_the_part_of_the_network_in_the_blend_is_told():
    weighed = pd.DataFrame({"weight": [0.0, 0.3, 1.0], "hit_rate@20": [0.5, 0.6, 0.4], "ndcg@20": [0.2, 0.25, 0.1]})
    weighed = pd.concat([weighed.assign(partner="STAN"), weighed.assign(partner="walk")])
    finding = report.describe_weights(weighed, "walk", 0.3, 300, 200)
    assert "0.2000 with STAN alone, 0.2000 with walk alone and 0.1000 with the network alone" in finding.reading
    assert "with walk and 30 % for the network has the highest, 0.2500, and is chosen" in finding.reading
    assert finding.figure is not None
    none = report.describe_weights(weighed, None, 1.0, 300, 200)
    assert "0.1000 with the network alone. No blend does better" in none.reading
    assert "chosen" not in none.reading
    few = report.describe_weights(weighed, "walk", 0.3, 1, 200)
    assert "1 validation click " in few.reading
    assert not CLAIM.search(few.reading)
    frame = report.company_frame({"day_decay": 100.0}, {"day_decay": 51.25})
    assert frame.to_dict("records") == [{"setting": "day decay", "untuned": "100", "tuned": "51.25"}]


def test_an_example_is_read_out():
    rows = [["random walk", "7", "9 ✓", None], ["STAN", "9 ✓", "7", None], ["popularity", "1", "2", None]]
    listed = pd.DataFrame(rows, columns=["model", "1", "2", "3"])
    found = "Random walk and STAN have the item that was clicked next among the first 3 items."
    assert report.describe_example(listed) == found
    assert report.describe_example(listed.head(2)).startswith("All 2 models have")
    assert report.describe_example(listed.tail(1)).startswith("No model has")
    assert report.describe_example(listed.head(1)).startswith("Random walk has")


def test_what_the_search_did_to_stan_is_told():
    before, after = {"day_decay": 100.0, "neighbours": 500}, {"day_decay": 51.25, "neighbours": 500}
    trials = [create_trial(value=value) for value in (0.2, 0.25, 0.1)]
    told = report.describe_company(before, after, trials, 300, 200)
    assert told == "The search, of 3 trials, changed day decay. NDCG@20 on validation went from 0.2000 to 0.2500."
    assert "None of the 3 trials" in report.describe_company(before, before, trials, 300, 200)
    assert "0.2" not in report.describe_company(before, after, trials, 100, 200)
    assert report.describe_company(before, before, [], 0, 200).startswith("Nothing could be searched")


def test_a_sentence_begins_with_a_capital():
    ranked = {"random walk": rankings()["GRU4Rec tuned"], "STAN": rankings()["items already seen"]}
    assert report.compare_models(ranked, 1, 200).reading.startswith("Random walk finds")
    assert ". Random walk is best on" in report.compare_repeats(ranked, 1, 200).reading


def test_of_two_that_find_as_much_none_leads():
    ranking = rankings()["STAN"]
    reading = report.compare_models({"STAN tuned": ranking, "STAN": ranking}, 1, 200).reading
    assert re.match(r"STAN and STAN tuned both find .*: no model does so more often\.", reading)
    assert "cannot be told apart" in reading


@pytest.mark.parametrize("stops", [True, False])
def test_a_network_below_the_rule_of_seen_items_fails_its_gate(stops):
    ranked = rankings()
    turned = {"GRU4Rec tuned": ranked["items already seen"], "items already seen": ranked["GRU4Rec tuned"]}
    gate = report.judge_gates(turned, "GRU4Rec tuned", 200, (1.0, 1.0), stops)[-1]
    assert gate.name == "GRU4Rec tuned beats items already seen"
    assert not gate.passed
    assert gate.stops is stops
    assert report.judge_gates(ranked, "GRU4Rec tuned", 200, (1.0, 1.0), stops)[-1].passed

"""Results have one shape, and a workspace says who should have written what is missing."""

import numpy as np
import pytest

from smartrocket.errors import InputError
from smartrocket.files import ROOT, read_json, write_json
from smartrocket.results import Results
from smartrocket.workspace import Workspace


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path)


def test_facts_and_scores_are_plain_numbers_in_one_file(workspace):
    results = Results("01_eda", workspace)
    results.fact("rows", np.int64(9), unit="rows")
    results.fact("peak", None, unit="hour")
    results.score("forecast", "zero", "item", "rmsse", np.float32(0.5), low=0.25, high=None)
    results.write()
    assert read_json(workspace.results / "01_eda.json") == {
        "notebook": "01_eda",
        "facts": {"rows": {"value": 9, "unit": "rows"}, "peak": {"value": None, "unit": "hour"}},
        "scores": [
            {
                "task": "forecast",
                "model": "zero",
                "level": "item",
                "metric": "rmsse",
                "value": 0.5,
                "low": 0.25,
                "high": None,
            }
        ],
    }


def test_measured_times_stay_out_of_the_results(workspace):
    results = Results("06_gru4rec_baseline", workspace)
    write_json(workspace.path("processed/panel.json"), {})
    workspace.read_json("processed/panel.json")
    results.measure("training_seconds", 1.5, model="GRU4Rec")
    results.write()
    assert "1.5" not in (workspace.results / "06_gru4rec_baseline.json").read_text()
    assert read_json(workspace.measures / "06_gru4rec_baseline.json") == {
        "measures": [{"name": "training_seconds", "model": "GRU4Rec", "value": 1.5}],
        "opened": ["processed/panel.json"],
    }


@pytest.mark.parametrize("value", [float("nan"), np.inf, np.float32("nan")])
def test_a_result_is_a_finite_number_or_none(workspace, value):
    with pytest.raises(ValueError, match="finite"):
        Results("01_eda", workspace).fact("share", value, unit="share")


@pytest.mark.parametrize(
    ("relative", "writer"),
    [
        ("interim/raw_events.parquet", "01_eda"),
        ("interim/events.parquet", "02_cleaning"),
        ("processed/panel.parquet", "03_features"),
        ("models/forecast_baseline.txt", "04_forecast_lightgbm"),
        ("models/gru4rec_tuned/config.json", "07_gru4rec_tuning"),
    ],
)
def test_a_missing_file_names_the_notebook_that_writes_it(workspace, relative, writer):
    with pytest.raises(InputError, match=writer):
        workspace.existing(relative)


def test_a_relative_build_starts_at_the_project():
    assert Workspace("build/ci").folder == ROOT / "build" / "ci"


def test_a_result_is_one_value(workspace):
    with pytest.raises(TypeError, match="dict"):
        Results("07_gru4rec_tuning", workspace).fact("settings", {"units": 8}, unit="settings")

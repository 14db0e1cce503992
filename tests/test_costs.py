"""What a report costs: sizes by notebook, and the table of the stages."""

import re

import pytest

from smartrocket import costs
from smartrocket.workspace import Workspace

MANIFESTS = [
    {"notebook": "01_eda", "seconds": 10.0, "peak_megabytes": 300.0},
    {"notebook": "02_cleaning", "seconds": 30.0, "peak_megabytes": 200.0},
]


def test_sizes_are_those_of_the_files_that_a_notebook_writes(tmp_path):
    files = {
        "interim/raw_events.parquet": "01_eda",
        "interim/events.parquet": "02_cleaning",
        "processed/panel.parquet": "03_features",
        "processed/forecasts.parquet": "05_forecast_tuning",
        "models/forecast_baseline.txt": "04_forecast_lightgbm",
        "models/forecast_final.txt": "05_forecast_tuning",
        "models/explorer/network.bin": "07_gru4rec_tuning",
    }
    expected: dict[str, float] = {}
    for size, (name, writer) in enumerate(files.items(), 1):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(size * 1000))
        expected[writer] = expected.get(writer, 0) + size / 1000
    assert costs.measure_sizes(Workspace(tmp_path)) == pytest.approx(expected)
    assert costs.measure_sizes(Workspace(tmp_path / "empty")) == {}


def test_the_table_of_costs_adds_up():
    text, table = costs.write_costs(MANIFESTS, {"01_eda": 1.5, "02_cleaning": 0.25})
    assert "The longest was 02_cleaning, with 75 % of the time" in text
    assert "300 MB, was used by 01_eda" in text
    assert ">40.0<" in table
    assert ">1.75<" in table
    assert "–" in costs.write_costs(MANIFESTS, {})[1]


def test_the_times_of_a_model_are_added_up_by_what_took_them():
    measures = [
        {"name": "search_seconds", "model": "a <b>", "value": 1.25},
        {"name": "finalists_seconds", "model": "a <b>", "value": 2.25},
        {"name": "training_seconds", "model": "a <b>", "value": 7.0},
        {"name": "training_seconds", "model": "c", "value": 4.5},
        {"name": "audit_seconds", "model": None, "value": 2.0},
        {"name": "peak_bytes", "model": "a", "value": 5},
    ]
    _, table = costs.write_measures([{"notebook": "06", "measures": measures}])
    rows = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in table.split("<tr")[2:]]
    assert rows == [
        ["a &lt;b&gt;", "3.50", "7.00", "–"],
        ["c", "–", "4.50", "–"],
        ["all models", "–", "–", "2.00"],
    ]
    assert costs.write_measures([{"notebook": "06", "measures": []}]) == ("No model was trained in this run.", "")

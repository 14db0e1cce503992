"""What a report costs: sizes by notebook, the table of the stages, and the growth that benchmarks measured."""

import json

import pytest

from smartrocket import costs
from smartrocket.workspace import Workspace

MANIFESTS = [
    {"notebook": "01_eda", "seconds": 10.0, "peak_megabytes": 300.0},
    {"notebook": "02_cleaning", "seconds": 30.0, "peak_megabytes": 200.0},
]


def write_lines(path, lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


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


def test_growth_is_read_size_by_size_and_told(tmp_path):
    for scale, factor in ((0.1, 1), (1, 10), (0.01, 0.1)):
        stages = [
            {"stage": "generator", "scale": scale, "seconds": 99.0, "peak_megabytes": 9999.0},
            {"stage": "clean", "scale": scale, "seconds": 2.0 * factor, "peak_megabytes": 100.0 + factor},
            {"stage": "panel", "scale": scale, "seconds": 3.0 * factor, "peak_megabytes": 90.0},
        ]
        write_lines(tmp_path / f"scaling-{scale}.jsonl", stages)
    write_lines(tmp_path / "scaling-1-1GB.jsonl", [stages[1] | {"seconds": 1e6}])
    growth = costs.read_growth(tmp_path)
    assert growth["scale"].tolist() == [0.01, 0.1, 1.0]
    assert growth["seconds"].tolist() == pytest.approx([0.5, 5.0, 50.0])
    assert growth["peak_megabytes"].max() == 110.0
    text, table = costs.write_growth(growth)
    assert "grows 100 times, the seconds 100.0 times" in text
    assert "in step with the log" in text
    assert table.count("<tr>") == 4


@pytest.mark.parametrize(("seconds", "words"), [(2.0, "more slowly than"), (900.0, "faster than")])
def test_growth_names_its_kind(tmp_path, seconds, words):
    for scale, taken in ((0.1, 1.0), (1, seconds)):
        line = {"stage": "clean", "scale": scale, "seconds": taken, "peak_megabytes": 100.0}
        write_lines(tmp_path / f"scaling-{scale}.jsonl", [line])
    assert words in costs.describe_growth(costs.read_growth(tmp_path))


def test_without_a_benchmark_nothing_is_claimed(tmp_path):
    text, table = costs.write_growth(costs.read_growth(tmp_path))
    assert "was not measured" in text
    assert table == ""

"""What the benchmarks left is told as it is, and what was not measured is said to be so."""

import json

import pytest

import forecasts
import scaling
from smartrocket import benchmarks
from smartrocket.partials import write_benchmarks


def write_lines(path, lines):
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def line(scale, stage, seconds, peak=500.0, **others):
    figures = {"seconds": seconds, "cpu_seconds": 1.5 * seconds, "peak_megabytes": peak, "memory_limit": "2GB"}
    return {"benchmark": "scaling", "scale": scale, "stage": stage, **figures, **others}


@pytest.fixture
def folder(tmp_path):
    """Three sizes, of which cleaning grows out of step at the largest."""
    for scale, clean in ((0.1, 1.0), (1, 8.0), (10, 240.0)):
        stages = [line(scale, "ingest", 20 * scale), line(scale, "clean", clean, 900 + 100 * scale)]
        write_lines(tmp_path / f"scaling-{scale:g}.jsonl", [line(scale, "generator", 70.0, 5000), *stages])
    return tmp_path


def test_a_stage_out_of_step_is_named_with_its_slope(folder):
    finding = benchmarks.draw_scaling(benchmarks.read_scaling(folder))
    assert (
        "At 10 times RetailRocket's size the data stages take 7 minutes and at most 1,900 MB (clean)" in finding.reading
    )
    assert "these grow faster than the log: *clean* with a slope of 1.48 (1 is in step)" in finding.reading
    assert finding.figure is not None
    assert finding.reading in finding.alt


def test_stages_in_step_are_not_accused(folder):
    write_lines(folder / "scaling-10.jsonl", [line(10, "ingest", 200), line(10, "clean", 82)])
    finding = benchmarks.draw_scaling(benchmarks.read_scaling(folder))
    assert "no stage grows faster than the log: the steepest slope is 1.01" in finding.reading


def test_a_slope_is_that_between_the_two_largest_sizes():
    assert benchmarks.find_slope([0.1, 10, 1], [1.0, 100.0, 10.0]) == pytest.approx(1)
    assert benchmarks.find_slope([0.1, 10, 1], [9.9, 1000.0, 10.0]) == pytest.approx(2)
    assert benchmarks.find_slope([1], [3.0]) is None
    assert benchmarks.find_slope([1, 10], [0.0, 3.0]) is None


def test_the_table_has_every_stage_at_every_size_and_their_sum(folder):
    frame = benchmarks.tabulate_scaling(benchmarks.read_scaling(folder)).set_index("stage")
    assert list(frame.index) == ["copy the raw files", "clean", "all"]
    assert frame.loc["all", "10×: s"] == 440
    assert frame.loc["all", "10×: MB"] == 1900
    assert frame.loc["copy the raw files", "slope"] == pytest.approx(1)


def test_one_size_alone_tells_no_growth(folder):
    for scale in ("0.1", "10"):
        (folder / f"scaling-{scale}.jsonl").unlink()
    finding = benchmarks.draw_scaling(benchmarks.read_scaling(folder))
    assert finding.figure is None
    assert "was not measured" in finding.reading


def test_the_smaller_limit_of_memory_is_told_apart_from_the_sizes(folder):
    write_lines(folder / "memory-1-1GB.jsonl", [line(1, "ingest", 25, 1200, memory_limit="1GB")])
    assert benchmarks.read_scaling(folder).query("scale == 1").seconds.tolist() == [20, 8]
    reading = benchmarks.read_bound(folder).reading
    assert "With `memory_limit: 1GB` all stages of a shop of RetailRocket's size finish" in reading
    assert "held 1,200 MB (copy the raw files)" in reading


def test_comparisons_have_their_ratio(tmp_path):
    pairs = [
        {"stage": "clean", "engine": name, "seconds": time, "runs": 3}
        for name, time in (("smartrocket", 2), ("pandas", 8))
    ]
    write_lines(tmp_path / "data.jsonl", pairs)
    own = {"what": "five forecasts", "other": "statsforecast", "seconds": 2.0, "other_seconds": 1.0, "runs": 5}
    write_lines(tmp_path / "compared-forecasts.jsonl", [own])
    write_lines(tmp_path / "compared-site.jsonl", [{"what": "publishing", "seconds": 30.0, "runs": 3}])
    speeds = {"GRU4Rec": 8000.0, "STAN": 90000.0, "official GRU4Rec": 4000.0}
    networks = [{"model": name, "events_per_second": speed} for name, speed in speeds.items()]
    write_lines(tmp_path / "recommenders.jsonl", networks)
    frame = benchmarks.tabulate_comparisons(tmp_path).set_index("what")
    ratios = {"clean": 4, "five forecasts": 0.5, "training GRU4Rec on a million clicks": 2}
    assert frame["times as long"].dropna().to_dict() == pytest.approx(ratios)
    assert "publishing" in frame.index
    reading = benchmarks.read_comparisons(frame.reset_index())
    assert "*clean*: plain pandas takes 4.0 times as long" in reading
    assert "*five forecasts*, where statsforecast takes 0.5 times as long, and so is the faster one" in reading


def test_where_nothing_was_measured_the_page_says_so(tmp_path):
    parts = write_benchmarks(tmp_path)
    assert set(parts) == {"benchmarks_growth", "benchmarks_memory", "benchmarks_compared"}
    for text in parts.values():
        assert "make bench" in text
        assert "<table" not in text


def test_the_page_has_drawing_and_table(folder):
    parts = write_benchmarks(folder)
    assert "<svg" in parts["benchmarks_growth"]
    assert "<table" in parts["benchmarks_growth"]


def test_sizes_are_measured_as_asked(tmp_path, capsys):
    scaling.main(["0.001", "--runs", "1", "--memory-limit", "500MB", "--output", str(tmp_path)])
    printed = [json.loads(text) for text in capsys.readouterr().out.splitlines()]
    assert [each["stage"] for each in printed] == ["generator", *benchmarks.STAGES]
    assert {each["memory_limit"] for each in printed} == {"500MB"}
    assert all(each["peak_megabytes"] > 50 and each["megabytes"] >= 0 for each in printed)
    assert (tmp_path / "memory-0.001-500MB.jsonl").exists()


def test_both_forecast_the_same_before_their_times_are_told():
    result = forecasts.compare(items=20, days=60, runs=1)
    assert result["seconds"] > 0
    assert result["other_seconds"] > 0

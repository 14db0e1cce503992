"""What the benchmarks found is told as it is, and what was not measured is said to be so."""

import json
from pathlib import Path

import pandas as pd
import pytest

import clone
import forecasts
import line_coverage
import processes
import scaling
from measurement import Measurement, keep_results, measure
from smartrocket import benchmarks
from smartrocket.benchmarks import ALIKE, OFFICIAL
from smartrocket.files import ROOT, read_json, write_json, write_parquet_frame
from smartrocket.gru4rec import Settings
from smartrocket.partials import write_benchmarks
from smartrocket.workspace import Workspace
from visits import make_clicks


def section(*lines, day="2026-11-25", cores=2):
    return {"day": day, "commit": "abcdef0123456789", "cores": cores, "memory_gigabytes": 23.6, "lines": list(lines)}


def line(scale, stage, seconds, peak=500.0, **others):
    figures = {"seconds": seconds, "cpu_seconds": 1.5 * seconds, "peak_megabytes": peak, "spilled_megabytes": 0.0}
    rows = {"raw_events": int(2_757_620 * scale), "raw_properties": int(20_000_000 * scale)}
    about = {"benchmark": "scaling", "scale": scale, "memory_limit": "2GB", "runs": 1, "rows": rows}
    return about | {"stage": stage, "megabytes": 800 * scale, **figures, **others}


@pytest.fixture
def results():
    """Three sizes, of which cleaning grows out of step at the largest."""
    found = {}
    for scale, clean in ((0.1, 1.0), (1, 8.0), (10, 240.0)):
        stages = [line(scale, "ingest", 20 * scale), line(scale, "clean", clean, 900 + 100 * scale)]
        found[f"scaling {scale:g}"] = section(line(scale, "generator", 70.0, 5000), *stages)
    return found


def test_a_stage_out_of_step_is_named_with_its_slope(results):
    finding = benchmarks.draw_scaling(benchmarks.read_scaling(results))
    assert "At 10 times RetailRocket's size the data stages take 7 minutes (each measured once)" in finding.reading
    assert "where the engine may hold 2GB, and no stage holds more" in finding.reading
    assert "no stage holds more than 1,900 MB (clean)" in finding.reading
    assert "these grow faster than the log: *clean* with a slope of 1.48 (1 is in step)" in finding.reading
    assert finding.figure is not None
    assert finding.reading in finding.alt


def test_stages_in_step_are_not_accused(results):
    results["scaling 10"] = section(line(10, "ingest", 200), line(10, "clean", 82))
    finding = benchmarks.draw_scaling(benchmarks.read_scaling(results))
    assert "From 1 to 10 times no slope is above 1.1, from which on a stage counts as growing faster" in finding.reading
    assert finding.reading.endswith("the steepest is 1.01 (*clean*; 1 is in step).")
    # What grows out of step where all is small is not hidden.
    results["scaling 0.1"] = section(line(0.1, "ingest", 1.0), line(0.1, "clean", 0.5))
    reading = benchmarks.read_slopes(benchmarks.read_scaling(results))
    assert reading.endswith("Between smaller shops *copy the raw files* grows faster: from 0.1 to 1 times with 1.30.")


def test_a_stage_that_waits_is_told_from_one_that_works(results):
    for found in (results["scaling 1"], results["scaling 10"]):
        found["lines"][-1]["cpu_seconds"] = found["lines"][-1]["scale"]
    reading = benchmarks.draw_scaling(benchmarks.read_scaling(results)).reading
    assert "*clean* with a slope of 1.48" in reading
    assert "The processor's work does not in *clean*: there the larger log has the cores less busy." in reading
    frame = benchmarks.tabulate_scaling(benchmarks.read_scaling(results)).set_index("stage")
    assert frame.loc["clean", ["slope", "processor's slope"]].tolist() == pytest.approx([1.477, 1], abs=1e-3)


def test_what_no_longer_fits_into_memory_is_told_of_a_stage_out_of_step(results):
    reading = benchmarks.draw_scaling(benchmarks.read_scaling(results)).reading
    assert "lay on the disk" not in reading
    # What a stage in step puts there, or a smaller shop, explains nothing.
    for section_name, place in (("scaling 10", 1), ("scaling 1", -1)):
        results[section_name]["lines"][place]["spilled_megabytes"] = 99.0
    assert benchmarks.draw_scaling(benchmarks.read_scaling(results)).reading == reading
    results["scaling 10"]["lines"][-1]["spilled_megabytes"] = 1240.0
    told = benchmarks.draw_scaling(benchmarks.read_scaling(results)).reading
    assert "not all of it fits into the `memory_limit` of 2GB: for a while 1,240 MB of *clean* lay on the disk." in told


def test_the_sizes_of_the_shops_are_told(results):
    said = benchmarks.say_shops(results)
    assert "1× has 2.76 million events, 20.0 million rows of item properties and 0.80 GB of raw files; 10× has" in said
    results["scaling 10"]["lines"].append(line(10, "network", 300.0, rows=6_000_000))
    said = benchmarks.write_hundred(results)
    assert "about 276 million events, 2.0 billion rows of item properties and 80 GB of raw files" in said
    assert "80 GB of raw files, and 60 million clicks to learn from" in said
    assert "73 minutes for the data stages and 50 minutes for an epoch of GRU4Rec. Should each" in said
    # 200 seconds in step, and 240 with a slope of 1.48, thirty times as long.
    assert "it would be 3 hours for the data stages and 50 minutes for an epoch of GRU4Rec." in said


def test_models_grow_beside_the_data_stages_and_are_not_counted_to_them(results):
    for name, found in results.items():
        found["lines"].append(line(float(name.split()[1]), "network", 1000.0, 4000))
    reading = benchmarks.draw_scaling(benchmarks.read_scaling(results)).reading
    assert "the data stages take 7 minutes" in reading
    assert "no stage holds more than 4,000 MB (an epoch of GRU4Rec)" in reading


def test_a_slope_is_that_between_the_two_largest_sizes():
    assert benchmarks.find_slope([0.1, 10, 1], [1.0, 100.0, 10.0]) == pytest.approx(1)
    assert benchmarks.find_slope([0.1, 10, 1], [9.9, 1000.0, 10.0]) == pytest.approx(2)
    assert benchmarks.find_slope([1], [3.0]) is None
    assert benchmarks.find_slope([1, 10], [0.0, 3.0]) is None


def test_the_table_has_every_stage_at_every_size_and_their_sum(results):
    for name, found in results.items():
        found["lines"].append(line(float(name.split()[1]), "network", 1000.0, 4000))
    frame = benchmarks.tabulate_scaling(benchmarks.read_scaling(results)).set_index("stage")
    assert list(frame.index) == ["copy the raw files", "clean", "an epoch of GRU4Rec", "all data stages"]
    assert frame.loc["all data stages", "10×: s"] == 440
    assert frame.loc["all data stages", "10×: MB"] == 1900
    assert frame.loc["copy the raw files", "slope"] == pytest.approx(1)


def test_one_size_alone_tells_no_growth(results):
    finding = benchmarks.draw_scaling(benchmarks.read_scaling({"scaling 1": results["scaling 1"]}))
    assert finding.figure is None
    assert "was not measured" in finding.reading


def test_the_smaller_limit_of_memory_is_told_apart_from_the_sizes(results):
    results["memory 1 1GB"] = section(line(1, "ingest", 25, 1200, memory_limit="1GB"))
    assert benchmarks.read_scaling(results).query("scale == 1").seconds.tolist() == [20, 8]
    reading = benchmarks.read_bound(results)
    assert "With `memory_limit: 1GB` all data stages of a shop of RetailRocket's size finish" in reading
    assert "finish, in 25 seconds (each measured once), 0.89 times what they take with 2GB. The largest" in reading
    assert "held 1,200 MB (copy the raw files)" in reading
    assert "nothing had to be put on the disk" in reading
    results["memory 1 1GB"]["lines"][0]["spilled_megabytes"] = 163.0
    assert "at most 163 MB in *copy the raw files*" in benchmarks.read_bound(results)
    del results["memory 1 1GB"]["lines"][0]["spilled_megabytes"]
    assert "was not measured" in benchmarks.read_bound(results)


def test_what_several_processes_reach_is_told_beside_one():
    lines = [
        {
            "processes": number,
            "seed": seed,
            "recall@20": recall,
            "mrr@20": 0.2,
            "seconds": 20.0 * number + (seed == 2) * (4 if number > 1 else -10),
            "clicks": 1000,
        }
        for seed in range(3)
        for number, recall in ((1, 0.5), (2, 0.49 + 0.002 * seed))
    ]

    def tell(**apart) -> str:
        found = {"processes": section(*lines, {"difference": -0.008, **apart}) | {"about": {"scale": 0.1, "epochs": 9}}}
        return benchmarks.read_processes(found)

    reading = tell(low=-0.02, high=0.004)
    assert (
        "a generated shop of 0.1 times RetailRocket's size the network learnt 9 epochs with each of 3 seeds" in reading
    )
    assert "by 2 processes at once it has in the mean a Recall@20 of 0.4920 and an MRR@20 of 0.2000" in reading
    assert "trained by one 0.5000 and 0.2000. Compared on each of the same 1,000 test clicks, the Recall@20" in reading
    assert "differs by −0.80 points (95 % interval −2.00 to +0.40, which is no more than other test sessions" in reading
    assert "(95 % interval −2.00 to −0.10, which is more than other test sessions could change)" in tell(
        low=-0.02, high=-0.001
    )
    assert "differs by −0.80 points (too few sessions for an interval)" in tell(low=None, high=None)
    assert "takes 40 seconds (40 to 44 seconds) instead of 20 seconds (10 to 20 seconds): by the medians" in reading
    assert "2.0 times as long on the same cores, by the fastest ones 4.0 times." in reading


def test_networks_are_scored_on_the_same_clicks(tmp_path):
    clicks = make_clicks(*[[1, 2, 3]] * 20, *[[4, 5]] * 20)
    for part in ("train", "test"):
        write_parquet_frame(tmp_path / "processed" / f"sequences_{part}.parquet", clicks)
    settings = Settings(units=8, epochs=30, negatives=4, embedding_dropout=0.0)
    lines = list(processes.compare(Workspace(tmp_path), settings, processes=1, seeds=2, threads=1))
    *trainings, apart = lines
    assert [(each["seed"], each["processes"]) for each in trainings] == [(0, 1), (0, 1), (1, 1), (1, 1)]
    assert all(each["clicks"] == 60 and each["recall@20"] == 1 and each["mrr@20"] > 0.9 for each in trainings)
    assert apart == {"difference": 0.0, "low": 0.0, "high": 0.0}


def test_under_a_smaller_limit_the_largest_shop_has_a_slope_of_its_own(results):
    results["memory 10 2GB"] = section(line(10, "ingest", 560, memory_limit="2GB", spilled_megabytes=900.0))
    reading = benchmarks.read_bound(results)
    assert "1.27 times what they take with 2GB. From 1 to 10 times that is a slope of 1.30. The largest" in reading
    # Where the smaller shop does not fit either, its seconds are not those of that limit.
    results["memory 10 900MB"] = section(line(10, "ingest", 560, memory_limit="900MB"))
    assert benchmarks.read_bound(results).count("slope") == 1
    results["scaling 1"]["lines"][-1]["spilled_megabytes"] = 10.0
    assert "slope" not in benchmarks.read_bound(results)


def test_comparisons_have_their_ratio():
    pairs = [
        {"stage": stage, "engine": name, "seconds": time, "runs": 3}
        for stage, own in (("clean", 2), ("panel", 5))
        for name, time in (("smartrocket", own), ("pandas", 4 * own))
    ]
    sums = {"smartrocket": {"seconds": 7, "peak_megabytes": 900}, "pandas": {"seconds": 28, "peak_megabytes": 5000}}
    own = {"what": "five forecasts", "other": "statsforecast", "seconds": 2.0, "other_seconds": 1.0, "runs": 5}
    speeds = {"GRU4Rec": 8000.0, "STAN": 90000.0, ALIKE: 6000.0, "official GRU4Rec": 4000.0}
    networks = [
        {"model": name, "events_per_second": speed, "recall@20": 0.5, "train_seconds": 100.0, "runs": 9}
        for name, speed in speeds.items()
    ]
    settings = {
        name: {"units": 160, "epochs": epochs, "batch": 80} for name, epochs in (("GRU4Rec", 9), (OFFICIAL, 10))
    }
    about = {"sessions": 1000, "clicks": 5000, "asked": 4000, "is_evenly_spaced": True, "networks": settings}
    book = {"stage": "01_eda", "engine": "notebook", "seconds": 30.0, "peak_megabytes": 1200.0, "runs": 3}
    results = {
        "data": section(*pairs, book, {"stage": "all", **sums}),
        "forecasts": section(own),
        "recommenders": section(*networks) | {"about": about},
    }
    frame = benchmarks.tabulate_comparisons(results).set_index("what")
    ratios = {"clean": 4, "panel of features": 4, "all data stages": 4, "five forecasts": 0.5}
    speedups = {"the same": 1.5, "its own": 2}
    ratios |= {f"GRU4Rec with {whose} settings, on a million clicks": ratio for whose, ratio in speedups.items()}
    assert frame["times as long"].to_dict() == pytest.approx(ratios)
    reading = benchmarks.read_comparisons(results, frame.reset_index())
    assert "*clean*: plain pandas takes 4.0 times as long" in reading
    assert "*five forecasts*, where statsforecast takes 0.5 times as long, and so is the faster one" in reading
    assert "hold 900 MB at most, plain pandas 5,000 MB" in reading
    assert "take 30 seconds on the same shop (medians of 3 runs) and hold 1,200 MB at most" in reading
    assert "notebooks 1 to 1 take" in reading
    assert [paragraph[:20] for paragraph in reading.split("\n\n")] == ["The largest differen", "The data stages hold"]
    told = benchmarks.describe_networks(results)
    assert "ours learns 9 epochs with 160 units and 80 clicks a step in 100 seconds" in told
    assert "100 seconds, the official code 10 epochs" in told
    assert "With the settings of the official code ours takes 100 seconds and has a Recall@20 of 0.5000" in told
    assert "the official code's 0.5000, on the same 4,000 next clicks. Neither says which code is the better" in told
    assert told.endswith("All of it is reckoned from the median epoch of each.")
    assert frame["runs"]["GRU4Rec with its own settings, on a million clicks"] == 9
    shown = benchmarks.show_recommenders(results)
    assert "official GRU4Rec" in shown
    assert "after the same 5,000 clicks of 1,000 sessions" in shown
    assert "follow each other evenly" in shown


def test_pages_are_told_in_one_unit_with_the_longest_wait():
    results = {
        "site": section({"what": "publishing the site of 40 pages", "seconds": 30.0, "runs": 3})
        | {"about": {"profile": "ci"}},
        "pages": section(
            {"page": "business", "measure": "first_view", "milliseconds": 650.0, "runs": 5},
            {"page": "business", "measure": "bytes", "bytes": 1_500_000, "files": 3},
            {"page": "business", "measure": "filter", "cards": 30.0, "charts": 50.0, "runs": 5},
            {"page": "business", "measure": "filter", "cards": 20.0, "charts": 70.0, "runs": 6},
            {"page": "recommendations", "measure": "recommend", "items": 36_000, "plain": 9.9, "runs": 20},
            {"measure": "all_data", "bytes": 2_640_000, "files": 9},
        )
        | {"about": {"profile": "sample"}},
    }
    frame = benchmarks.tabulate_pages(results).set_index("What")
    measured, runs = frame["Measured"].to_dict(), frame["Runs"].to_dict()
    assert measured["New cards after a filter, the slowest"] == pytest.approx(0.03)
    assert measured["New charts after a filter, the slowest"] == pytest.approx(0.07)
    assert measured["A list of 20 out of 36,000 products"] == pytest.approx(0.0099)
    assert runs["New charts after a filter, the slowest"] == 6
    assert runs["A list of 20 out of 36,000 products"] == 20
    assert pd.isna(runs["Data that the dashboard's page business loads"])
    assert measured["Data that the dashboard's page business loads"] == pytest.approx(1.5)
    text, shown = benchmarks.write_pages(results)
    assert "The longest wait in a browser is 650 milliseconds" in text
    assert "The report of profile ci and profile sample; times are medians" in shown


def test_trials_are_counted_and_none_that_went_wrong_is_hidden():
    tried = {"tried": 500, "shops": 375, "profiles": 125, "seed": 1}
    moments = [{"stage": stage} for stage in ("03_features", "prepare", "05_forecast_tuning", "publish")]
    fault = {"killed": {"kills": 4, "moments": moments}, "disk_full": {}, "read_only": {}, "files": 80, "wrong": []}
    results = {
        "mutations": section(tried | {"wrong": []}),
        "corners": section({"shops": ["one visitor", "one day"], "wrong": []}),
        "faults": section(fault),
        "mutants sessions": section({"module": "sessions", "tried": 200, "killed": 180, "score": 0.9}),
        "mutants panel": section({"module": "panel", "tried": 400, "killed": 380, "score": 0.95}),
        "coverage": section({"lines": 0.971, "branches": 0.93, "statements": 9000}),
        "tests": section({"seconds": 560.0, "test_seconds": 490.0, "passed": 1650, "skipped": 13}),
    }
    text = benchmarks.write_trials(results)
    assert "500 mutations of raw files (375) and profiles (125) were tried, and none of them ended wrong" in text
    assert (
        "at 4 random moments (2 in notebooks, 1 while the pages were made and 1 while the build was prepared)" in text
    )
    assert "reports of 2 small shops were built, from notebook 1 to the site (one visitor and one day): each is" in text
    assert "met a disk too full for the tables and folders that could only be read, and ran twice at once" in text
    assert "After each of these 7 faults" in text
    assert "The 80 files of its site" in text
    assert "its words in the search: they were the same." in text
    assert "*sessions* 90.0 % of 200 and *panel* 95.0 % of 400. 40 mistakes of these modules survived." in text
    assert "97.1 % of the library's 9,000 lines" in text
    assert "passes 1,650 tests and skips 13 for want of real rows, and ends after 560 seconds, 490 of them" in text
    results |= {
        "mutations": section(tried | {"wrong": ["a", "b"]}),
        "corners": section({"shops": ["one visitor", "one day"], "wrong": ["one day"]}),
        "faults": section(fault | {"wrong": ["disk_full"]}),
    }
    text = benchmarks.write_trials(results)
    assert "2 of them ended wrong" in text
    assert "(one visitor and one day): one day ended wrong." in text
    assert "something was wrong with these: disk full." in text
    assert "they were the same" not in text


def test_where_and_when_it_was_measured_is_told(results):
    results["scaling 10"] |= {"day": "2026-11-27", "cores": 4}
    said = benchmarks.say_where(results, "scaling")
    assert "Measured on 25 November 2026 to 27 November 2026" in said
    assert "2 cores and 24 GB of memory and 4 cores and 24 GB of memory, at commit abcdef0123" in said
    assert benchmarks.say_where(results, "pages") == ""


def test_where_nothing_was_measured_the_page_says_so(tmp_path):
    parts = write_benchmarks(benchmarks.read_results(tmp_path / "results.json"))
    assert len(parts) == 7
    for text in parts.values():
        assert "not measured" in text or "Nothing was measured" in text
        assert "<table" not in text


def test_the_page_has_drawing_and_table(results):
    parts = write_benchmarks(results)
    assert "<svg" in parts["benchmarks_growth"]
    assert "<table" in parts["benchmarks_growth"]


@pytest.mark.nightly
def test_every_stage_is_measured(tmp_path, capsys):
    output = tmp_path / "results.json"
    scaling.main(["0.002", "--runs", "1", "--output", str(output)])
    printed = [json.loads(text) for text in capsys.readouterr().out.splitlines()]
    assert [each["stage"] for each in printed] == ["generator", *benchmarks.STAGES]
    assert all(each["peak_megabytes"] > 50 and each["seconds"] > 0 for each in printed)
    assert read_json(output)["scaling 0.002"]["lines"] == printed


def test_the_data_stages_run_again_under_each_limit(tmp_path, monkeypatch, capsys):
    def generate(script, folder, *words):
        (Path(folder) / "notebooks" / "raw").mkdir(parents=True)
        write_json(Path(folder) / "parameters.json", {"01_eda": {"memory_limit": "2GB"}, "02_cleaning": {}})
        return Measurement(1.0, 1.0, 100.0, 0.0, "")

    def run(script, stage, folder, runs):
        for table in scaling.TABLES.get(stage, []):
            path = scaling.find_table(folder / "smartrocket", table)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(bytes(2_000_000))
        limits = {values["memory_limit"] for values in read_json(folder / "parameters.json").values()}
        return {"runs": runs, "given": sorted(limits)}

    monkeypatch.setattr(scaling, "measure", generate)
    monkeypatch.setattr(scaling, "measure_stage", run)
    monkeypatch.setattr(scaling, "describe_machine", lambda: {"memory_gigabytes": 23.5})
    output = tmp_path / "results.json"
    scaling.main(["0.5", "--runs", "2", "--limits", "1GB", "200MB", "--output", str(output)])
    kept = {name: found["lines"] for name, found in read_json(output).items()}
    assert list(kept) == ["memory 0.5 1GB", "memory 0.5 200MB", "scaling 0.5"]
    assert [each["stage"] for each in kept["scaling 0.5"]] == ["generator", *benchmarks.STAGES]
    assert [each["stage"] for each in kept["memory 0.5 1GB"]] == list(benchmarks.DATA_STAGES)
    for lines in kept.values():
        measured = [each for each in lines if each["stage"] != "generator"]
        assert all(each["given"] == [each["memory_limit"]] and each["runs"] == 2 for each in measured)
    assert {each["memory_limit"] for each in kept["scaling 0.5"][1:]} == {"12GB"}
    assert kept["memory 0.5 200MB"][0]["megabytes"] == 6.0


def test_what_a_command_spills_is_seen(tmp_path):
    script = tmp_path / "spill.py"
    folder = f"Path({str(ROOT)!r}) / 'build' / f'.spill-{{os.getpid()}}'"
    script.write_text(
        f"import os, shutil, time\nfrom pathlib import Path\nfolder = {folder}\nfolder.mkdir(parents=True)\n"
        "(folder / 'a').write_bytes(bytes(3_000_000))\ntime.sleep(0.5)\nshutil.rmtree(folder)\nprint('done')\n"
    )
    measured = measure(script)
    assert (measured.spilled_megabytes, measured.output) == (3.0, "done\n")


def test_results_are_kept_section_by_section(tmp_path):
    output = tmp_path / "results.json"
    for found in ([{"a": 1}], [{"a": 2}]):
        keep_results("first", found, output)
        keep_results("second", [{"b": 1}], output)
    kept = read_json(output)
    assert kept["first"]["lines"] == [{"a": 2}]
    assert kept["second"]["lines"] == [{"b": 1}]
    assert kept["first"]["cores"] >= 1


@pytest.mark.parametrize(("covered", "status"), [(960, 0), (940, 1)])
def test_too_few_lines_reached_is_a_failure(tmp_path, covered, status):
    totals = {"covered_lines": covered, "num_statements": 1000, "covered_branches": 90, "num_branches": 100}
    write_json(tmp_path / "report.json", {"totals": totals})
    output = tmp_path / "results.json"
    assert line_coverage.main([str(tmp_path / "report.json"), "--output", str(output)]) == status
    assert read_json(output)["coverage"]["lines"] == [{"lines": covered / 1000, "branches": 0.9, "statements": 1000}]


@pytest.mark.parametrize(
    ("line", "groups"),
    [
        ("1660 passed in 478.12s (0:07:58)", ("1660", None, "478.12")),
        ("1647 passed, 13 skipped, 2 warnings in 61.00s", ("1647", "13", "61.00")),
        ("1 failed, 1659 passed in 400.5s", ("1659", None, "400.5")),
        ("nothing of that kind", None),
    ],
)
def test_the_sum_of_a_clones_tests_is_read(line, groups):
    found = clone.SUMMARY.search(line)
    assert (found and found.groups()) == groups


def test_both_forecast_the_same_before_their_times_are_told():
    result = forecasts.compare(items=20, days=60, runs=1)
    assert result["seconds"] > 0
    assert result["other_seconds"] > 0

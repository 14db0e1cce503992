"""The benchmark of the data stages: its figures are of the right things, and its check can fail."""

import json
import resource
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import comparison
import data
import library_stages
import measurement
import pandas_stages
import shop
import stages
from smartrocket.files import ROOT, read_json

ENGINES = ("smartrocket", "pandas")
# A stage of pandas that changes one value after it has run.
CHANGED = """
import sys
sys.path.insert(0, {bench!r})
import pandas_stages, stages

def ingest_files(build, parameters):
    pandas_stages.ingest_files(build, parameters)
    events = pandas_stages.read(build, "interim/raw_events")
    events.loc[7, "itemid"] = 1
    pandas_stages.write(events, build, "interim/raw_events")

stages.run_named({{**pandas_stages.STAGES, "ingest": ingest_files}}, "pandas")
"""


@pytest.fixture(scope="module")
def folder():
    """A run's folder in which both engines have made all tables of a tiny shop."""
    place = ROOT / "build" / "bench"
    place.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="test-", dir=place) as name:
        folder = Path(name)
        parameters = shop.prepare(folder, 0.003, None)
        # The generated shop has no names.
        with (folder / "notebooks" / "raw" / "item_properties_part2.csv").open("a", encoding="utf-8") as file:
            file.write("1433000000000,7,name,  Red   lamp\n1434000000000,7,name,Red lamp\n1434000000000,9,name,Table\n")
        for stage in stages.TABLES:
            for engine, module in zip(ENGINES, (library_stages, pandas_stages), strict=True):
                stages.run(module.STAGES[stage], folder / engine, parameters)
        yield folder


@pytest.mark.parametrize("stage", stages.TABLES)
def test_both_engines_make_the_same_tables(folder, stage):
    assert comparison.compare_stage(folder, stage, ENGINES) is None
    for table in stages.TABLES[stage]:
        assert len(pd.read_parquet(stages.find_table(folder / "pandas", table))) > 0, table


def plant(change):
    """Return what the comparison says of a table and a changed copy of it."""

    def compare(tmp_path, estimates=()):
        table = pd.DataFrame(
            {
                "itemid": np.arange(120_000),
                "sold": pd.array([None, 3] * 60_000, dtype="Int32"),
                "share": np.linspace(0, 1, 120_000, dtype="float32"),
                "event": ["view", "addtocart"] * 60_000,
                "moment": pd.date_range("2024-01-01", periods=120_000, freq="s"),
            }
        )
        table.loc[5, "share"] = None
        table.to_parquet(tmp_path / "left.parquet", row_group_size=7_000)
        change(table.copy()).to_parquet(tmp_path / "right.parquet")
        return comparison.compare_tables(
            tmp_path / "left.parquet", tmp_path / "right.parquet", ("library", "pandas"), estimates
        )

    return compare


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda table: table, None),
        (lambda table: table[table.columns[::-1]].astype({"sold": "float64", "share": "float64"}), None),
        (lambda table: table.assign(share=table.share.astype("float64") * (1 + 5e-7)), None),
        (lambda table: table.assign(moment=table.moment.astype("datetime64[ms]")), None),
        (lambda table: table.assign(share=table.share + 1e-5), "row 0, share: library has 0.0, pandas has "),
        (lambda table: table.assign(share=table.share.fillna(0)), "row 5, share: library has None, pandas has 0.0"),
        (lambda table: table.replace({"itemid": {70_000: 70_001}}), "row 70,000, itemid: library has 70000"),
        (lambda table: table.assign(sold=table.sold.mask(table.itemid == 99_999)), "row 99,999, sold: library has 3"),
        (lambda table: table.assign(event="view"), "row 1, event: library has 'addtocart', pandas has 'view'"),
        (lambda table: table.assign(moment=table.moment + pd.Timedelta("1ms")), "row 0, moment: "),
        (lambda table: table.iloc[:-1], "library has 120,000 rows, pandas has 119,999"),
        (lambda table: table.iloc[::-1], "row 0, itemid: library has 0, pandas has 119999"),
        (lambda table: table.rename(columns={"sold": "units"}), "only library has ['sold'], only pandas has ['units']"),
    ],
)
def test_a_difference_is_found_and_named(tmp_path, change, said):
    found = plant(change)(tmp_path)
    assert found is None if said is None else said in found


def test_estimates_may_be_off_by_a_quarter_only(tmp_path):
    def shift(table, factor):
        return table.assign(itemid=(table.itemid * factor).round().astype(int))

    assert plant(lambda table: shift(table, 1.2))(tmp_path, {"itemid"}) is None
    assert "itemid" in plant(lambda table: shift(table, 1.2))(tmp_path)
    assert "itemid" in plant(lambda table: shift(table, 1.5))(tmp_path, {"itemid"})


def test_a_run_with_different_results_fails_and_says_where(tmp_path, monkeypatch, capsys):
    changed = tmp_path / "changed_stages.py"
    changed.write_text(CHANGED.format(bench=str(ROOT / "bench")))
    monkeypatch.setitem(data.ENGINES, "pandas", changed)
    output = tmp_path / "results.json"
    with pytest.raises(SystemExit, match=r"disagree in stage ingest: raw_events: row 7, itemid: smartrocket has"):
        data.main(["--scale", "0.001", "--output", str(output)])
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line.get("same_results") for line in lines] == [None, None, None, False]
    assert lines[-1]["difference"].endswith("pandas has 1")
    assert not output.exists()


@pytest.mark.nightly
def test_every_line_of_a_run_can_be_read(tmp_path, capsys):
    output = tmp_path / "results.json"
    data.main(["--scale", "0.003", "--output", str(output)])
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert read_json(output)["data"]["lines"] == printed
    shop_line, *lines, total = printed
    assert shop_line["engine"] == "generator"
    stages_of = [(line["stage"], line["engine"]) for line in lines]
    engines = [*ENGINES, "comparison"]
    assert stages_of == [(stage, engine) for stage in stages.TABLES for engine in engines] + [
        (notebook, "notebook") for notebook in stages.NOTEBOOKS
    ]
    assert all(line["seconds"] > 0 and line["cpu_seconds"] > 0 and line["peak_megabytes"] > 20 for line in lines)
    for engine in ENGINES:
        own = [line for line in lines if line["engine"] == engine]
        assert own[0]["rows"]["raw_events"] > 5_000
        assert total[engine]["peak_megabytes"] == max(line["peak_megabytes"] for line in own)
        assert total[engine]["seconds"] == pytest.approx(sum(line["seconds"] for line in own), abs=0.01)
    assert total["same_results"] is True
    ratio = total["pandas"]["peak_megabytes"] / total["smartrocket"]["peak_megabytes"]
    assert total["peak_megabytes_ratio"] == pytest.approx(ratio, abs=0.01)
    ours = [line["peak_megabytes"] for line in lines if line["engine"] in ("smartrocket", "notebook")]
    assert total["largest_peak_megabytes"] == max(ours)
    assert total["meets"]["faster_than_pandas"] == (total["seconds_ratio"] >= 5)
    assert total["meets"]["fits_in_4_gigabytes"]


@pytest.mark.parametrize(
    ("words", "said"),
    [(["--scale", "0"], "too small"), (["--raw", "nowhere"], "lacks events.csv")],
)
def test_a_wrong_option_is_named(words, said, capsys):
    with pytest.raises(SystemExit):
        data.main(words)
    assert said in capsys.readouterr().err


def test_what_a_command_takes_is_its_own(tmp_path):
    # A process starts with the peak of the one that started it, here that of the tests.
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    script = tmp_path / "hold.py"
    script.write_text(
        "import sys, time\nheld = b'x' * (int(sys.argv[1]) << 20)\ntime.sleep(0.2)\n"
        "deadline = time.process_time() + 0.2\nwhile time.process_time() < deadline: pass\nprint(len(held))"
    )
    small, large = (measurement.measure(script, str(size)) for size in (1, own + 100))
    assert small.output == f"{1 << 20}\n"
    assert large.peak_megabytes > own + 100 > small.peak_megabytes
    assert small.seconds > 0.4 > 0.2 <= small.cpu_seconds


def test_a_script_that_fails_ends_the_run(tmp_path):
    script = tmp_path / "fail.py"
    script.write_text("raise SystemExit(3)")
    with pytest.raises(SystemExit, match=r"fail.py here failed \(exit 3\)"):
        measurement.measure(script, "here")

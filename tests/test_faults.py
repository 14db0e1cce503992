"""What the trial of faults reads from builds, and what it takes for wrong; the trial itself is `make faults`."""

import os

import pytest

import faults
from smartrocket import benchmarks

PAGE = """<td class="number">7</td>
<p>The seven notebooks took {seconds} seconds together. The most memory was used by {notebook}.</p>
<table><caption>In this run</caption><tr><th>01_eda</th><td class="number">{seconds}</td><td>5</td></tr></table>
<section id="how-the-cost-grows"><td class="number">8</td>"""


def test_what_a_run_took_is_left_out_of_its_page_and_nothing_else():
    page = PAGE.format(seconds="1,089.5", notebook="01_eda")
    assert faults.blank_costs(page) == faults.blank_costs(PAGE.format(seconds="3.1", notebook="07_gru4rec_tuning"))
    for number in ("7", "5", "8"):
        changed = page.replace(f">{number}</td>", ">9</td>")
        assert faults.blank_costs(changed) != faults.blank_costs(page)


def test_the_stage_that_make_came_to_is_read_from_its_trace():
    trace = '"python" -m smartrocket prepare --profile ci\n'
    assert faults.find_stage("") == "prepare"
    assert faults.find_stage(trace) == "prepare"
    trace += '"python" -m smartrocket run 03_features --profile ci\nci: 03_features ...\n'
    assert faults.find_stage(trace) == "03_features"
    assert faults.find_stage(trace + '"python" -m smartrocket publish --profile ci\n') == "publish"


def test_sites_differ_in_what_is_changed_missing_or_new():
    assert faults.compare({"a": "1", "b": "2", "c": "3"}, {"a": "1", "b": "4", "d": "5"}) == ["b", "c", "d"]


@pytest.mark.parametrize(
    ("seen", "wrong"),
    [
        ({}, False),
        ({"differing_files": ["index.html"]}, True),
        ({"torn_files": ["events.parquet"]}, True),
        ({"clear": True}, False),
        ({"clear": False}, True),
        ({"succeeded": 2}, False),
        ({"succeeded": 1}, True),
        ({"succeeded": 2, "executed": 7}, False),
        ({"succeeded": 2, "executed": 14}, True),
    ],
)
def test_a_fault_that_did_harm_is_wrong(seen, wrong):
    assert faults.is_wrong({"differing_files": []} | seen) is wrong


def test_a_build_is_as_if_it_had_not_come_further(tmp_path, monkeypatch):
    monkeypatch.setattr(faults.shutil, "copytree", lambda *_, **__: None)
    copy = faults.Copy(tmp_path)
    written = ("raw/events.csv", "notebooks/01_eda.ipynb", "interim/events", "notebooks/02_cleaning.ipynb")
    for number, name in enumerate(written):
        path = copy.folder / "build" / "ci" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
        os.utime(path, (number, number))
    (copy.folder / "_site").mkdir()
    assert copy.measure("build", "_site") == 4
    copy.forget("02_cleaning")
    left = sorted(path.name for path in copy.folder.rglob("*") if path.is_file())
    assert left == ["01_eda.ipynb", "events", "events.csv"]
    assert not (copy.folder / "_site").exists()
    copy.forget("prepare")
    assert copy.measure("build") == 0


@pytest.mark.parametrize(("clear", "told"), [(True, "they were the same"), (False, "wrong with these: read only")])
def test_what_was_seen_is_kept_as_the_page_tells_it(tmp_path, monkeypatch, clear, told):
    seen = {
        "another_folder": {"differing_files": [], "files": 80},
        "killed": {"differing_files": [], "torn_files": [], "kills": 1, "moments": [{"stage": "publish"}]},
        "read_only": {"differing_files": [], "clear": clear},
        "twice": {"differing_files": [], "succeeded": 2},
    }
    output = tmp_path / "results.json"
    monkeypatch.setattr(faults, "make_faults", lambda *_: iter(seen.items()))
    monkeypatch.setattr("sys.argv", ["faults.py", "--output", str(output)])
    assert faults.main() == (not clear)
    text = benchmarks.write_trials(benchmarks.read_results(output))
    assert "killed at 1 random moment (1 while the pages were made)" in text
    assert "The 80 files" in text
    assert told in text

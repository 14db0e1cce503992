"""The whole way, from raw files to the site, as a user runs it: with make."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from claims import check_claims
from conftest import SECRET
from smartrocket.profiles import NOTEBOOKS
from smartrocket.rendering import find_problems, list_unmeasured
from smartrocket.rendering import read_pages as read_site_pages
from test_browser import WIDTHS, open_pages, start_chromium

pytestmark = pytest.mark.chain


def list_executed(output: str) -> list[str]:
    """Return the notebooks that a run of make executed, in order."""
    return re.findall(r"^\w+: (\w+) done in", output, flags=re.MULTILINE)


def read_results(project) -> dict[str, str]:
    """Return the text of each results file of the tiny shop."""
    return {name: project.path(f"build/ci/results/{name}.json").read_text() for name in NOTEBOOKS}


@pytest.fixture(scope="module")
def report(copy_project):
    """The project with the finished report of the tiny generated shop, and what it held when it was first built."""
    project = copy_project("ci").build("report", "PROFILE=ci")
    project.first_results = read_results(project)
    project.first_pages = read_pages(project)
    return project


def test_every_notebook_leaves_results_and_a_manifest(report):
    for name in NOTEBOOKS:
        results = json.loads(report.path(f"build/ci/results/{name}.json").read_text())
        assert set(results) == {"notebook", "facts", "scores"}
        assert results["facts"], name
        for score in results["scores"]:
            assert set(score) == {"task", "model", "level", "metric", "value", "low", "high"}
        manifest = json.loads(report.path(f"build/ci/manifests/{name}.json").read_text())
        assert manifest["seconds"] > 0
        assert manifest["peak_megabytes"] > 50
        assert len(manifest["inputs"][f"notebooks/{name}.ipynb"]) == 64
        assert manifest["packages"]["pandas"]
        assert manifest["parameters"]["build"] == "build/ci"
        assert manifest["metrics"]["facts"] == results["facts"]


def test_the_models_stand_beside_their_baselines(report):
    models = {}
    for name in NOTEBOOKS:
        for score in json.loads(report.path(f"build/ci/results/{name}.json").read_text())["scores"]:
            models.setdefault(score["task"], set()).add(score["model"])
    assert {"zero", "historic mean", "seasonal naive", "LightGBM baseline"} <= models["forecast"]
    assert {"popularity", "items already seen", "STAN", "GRU4Rec baseline"} <= models["recommendation"]


def test_the_chapters_say_what_the_results_hold(report):
    check_claims(report.folder, "ci")


def test_nothing_of_the_machine_enters_the_site(report):
    private = [SECRET, str(report.folder), str(Path.home()), str(Path(sys.prefix)), socket.gethostname()]
    for path in sorted(report.path("_site").rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            assert not [word for word in private if len(word) > 5 and word.encode() in content], path


def test_a_second_call_does_nothing(report):
    stamp = report.path("_site/built.json")
    before = stamp.stat().st_mtime_ns
    run = report.make("report", "PROFILE=ci")
    assert run.returncode == 0
    assert list_executed(run.stdout) == []
    assert stamp.stat().st_mtime_ns == before


def test_a_touched_chapter_only_renders_again(report):
    stamp = report.path("_site/built.json")
    before = stamp.stat().st_mtime_ns
    report.path("chapters/method.qmd").touch()
    run = report.make("report", "PROFILE=ci")
    assert list_executed(run.stdout) == []
    assert stamp.stat().st_mtime_ns > before


def test_a_touched_notebook_runs_again_with_what_follows(report):
    report.path("notebooks/06_gru4rec_baseline.ipynb").touch()
    run = report.make("notebooks", "PROFILE=ci")
    assert list_executed(run.stdout) == ["06_gru4rec_baseline", "07_gru4rec_tuning"]
    assert read_results(report) == report.first_results


def test_a_changed_parameter_runs_its_notebook_again(report):
    with report.changed("params/ci.yaml", "  search_clicks: 300", "  search_clicks: 301"):
        run = report.make("notebooks", "PROFILE=ci")
    assert list_executed(run.stdout) == ["07_gru4rec_tuning"]


def test_an_unknown_parameter_stops_before_anything_runs(report):
    with report.changed("params/ci.yaml", "  search_clicks: 300", "  search_klicks: 300"):
        run = report.make("report", "PROFILE=ci")
    assert run.returncode != 0
    assert list_executed(run.stdout) == []
    message = "params/ci.yaml: unknown key 'search_klicks' under 07_gru4rec_tuning; did you mean 'search_clicks'?"
    assert message in run.stderr
    assert "Traceback" not in run.stderr


def test_a_failing_cell_is_named_and_the_partial_notebook_kept(report):
    with report.changed("notebooks/07_gru4rec_tuning.ipynb", "import time", "surprise = 1 / 0"):
        run = report.make("report", "PROFILE=ci")
    assert run.returncode != 0
    assert "surprise = 1 / 0" in run.stderr
    assert "ZeroDivisionError" in run.stderr
    assert report.path("build/ci/notebooks/07_gru4rec_tuning.failed.ipynb").exists()
    assert not report.path("build/ci/notebooks/07_gru4rec_tuning.ipynb").exists()


def test_help_names_every_command(report):
    printed = report.make("help").stdout
    for command in ("report", "test", "lab", "serve", "data", "clean", "help"):
        assert f"make {command}" in printed


def test_a_killed_run_goes_on_to_the_same_report(report):
    report.path("notebooks/04_forecast_lightgbm.ipynb").touch()
    process = report.start("report", "PROFILE=ci")
    for line in process.stdout:
        if "05_forecast_tuning ..." in line:
            break
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert not report.path("build/ci/notebooks/05_forecast_tuning.ipynb").exists()
    run = report.make("report", "PROFILE=ci")
    assert list_executed(run.stdout) == ["05_forecast_tuning", "07_gru4rec_tuning"], run.stdout + run.stderr
    assert read_results(report) == report.first_results
    assert read_pages(report) == report.first_pages


def read_pages(project) -> dict[str, bytes]:
    """Return every file of the site without what was measured."""
    return {str(path): content for path, content in list_unmeasured(project.path("_site"))}


def test_the_executed_notebooks_can_be_executed_again(report):
    notebooks = [report.path(f"build/ci/notebooks/{name}.ipynb") for name in NOTEBOOKS]
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist", "--nbval-lax", *notebooks]
    run = subprocess.run(
        command, cwd=report.folder, env=report.environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout[-4000:]
    # Every notebook has now run a second time from its first cell to its last.
    assert read_results(report) == report.first_results


@pytest.mark.browser
def test_every_page_opens_in_a_browser_without_fault(report):
    site = report.path("_site")
    assert find_problems(site) == []
    names = [page.path.relative_to(site).as_posix() for page in read_site_pages(site)]
    with start_chromium() as browser:
        for width in WIDTHS:
            assert open_pages(browser, names, site.as_uri(), width) == []

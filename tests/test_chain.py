"""The whole way, from raw files to the site, as a user runs it: with make."""

import json
import os
import re
import signal
import subprocess
import sys

import pytest

from smartrocket.profiles import NOTEBOOKS

# The provenance page shows seconds and memory; the index of the search repeats its words.
STATES_TIMES = re.compile(r"provenance|search\.json|built\.json")

pytestmark = [pytest.mark.chain, pytest.mark.xdist_group("report")]


def list_executed(output: str) -> list[str]:
    """Return the notebooks that a run of make executed, in order."""
    return re.findall(r"^\w+: (\w+) done in", output, flags=re.MULTILINE)


def read_results(project) -> dict[str, str]:
    """Return the text of each results file of the tiny shop."""
    return {name: project.path(f"build/ci/results/{name}.json").read_text() for name in NOTEBOOKS}


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
    assert {"popularity", "GRU4Rec"} <= {name.split(" (")[0] for name in models["recommendation"]}


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
    before = read_results(report)
    report.path("notebooks/06_gru4rec_baseline.ipynb").touch()
    run = report.make("notebooks", "PROFILE=ci")
    assert list_executed(run.stdout) == ["06_gru4rec_baseline", "07_gru4rec_tuning"]
    assert read_results(report) == before


def test_a_changed_parameter_runs_its_notebook_again(report):
    params = report.path("params/ci.yaml")
    text = params.read_text()
    params.write_text(text.replace("  search_clicks: 300", "  search_clicks: 301"))
    run = report.make("notebooks", "PROFILE=ci")
    assert list_executed(run.stdout) == ["07_gru4rec_tuning"]
    params.write_text(text)
    report.build("report", "PROFILE=ci")


def test_an_unknown_parameter_stops_before_anything_runs(report):
    params = report.path("params/ci.yaml")
    text = params.read_text()
    params.write_text(text + "  trails: 3\n")
    run = report.make("report", "PROFILE=ci")
    params.write_text(text)
    assert run.returncode != 0
    assert list_executed(run.stdout) == []
    assert "params/ci.yaml: unknown key 'trails' under 07_gru4rec_tuning; did you mean 'trials'?" in run.stderr
    assert "Traceback" not in run.stderr


def test_a_failing_cell_is_named_and_the_partial_notebook_kept(report):
    notebook = report.path("notebooks/07_gru4rec_tuning.ipynb")
    text = notebook.read_text()
    cells = json.loads(text)
    broken = {"cell_type": "code", "id": "broken", "metadata": {}, "outputs": [], "execution_count": None}
    cells["cells"].append(broken | {"source": ["surprise = 1 / 0"]})
    notebook.write_text(json.dumps(cells))
    run = report.make("report", "PROFILE=ci")
    notebook.write_text(text)
    assert run.returncode != 0
    assert "surprise = 1 / 0" in run.stderr
    assert "ZeroDivisionError" in run.stderr
    assert report.path("build/ci/notebooks/07_gru4rec_tuning.failed.ipynb").exists()
    assert not report.path("build/ci/notebooks/07_gru4rec_tuning.ipynb").exists()
    report.build("report", "PROFILE=ci")
    assert not report.path("build/ci/notebooks/07_gru4rec_tuning.failed.ipynb").exists()


def test_help_names_every_command(report):
    printed = report.make("help").stdout
    for command in ("report", "test", "lab", "serve", "data", "clean", "help"):
        assert f"make {command}" in printed


def test_a_killed_run_goes_on_to_the_same_report(report):
    results, pages = read_results(report), read_pages(report)
    report.build("clean")
    process = report.start("report", "PROFILE=ci")
    for line in process.stdout:
        if "05_forecast_tuning ..." in line:
            break
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert not report.path("build/ci/notebooks/05_forecast_tuning.ipynb").exists()
    run = report.make("report", "PROFILE=ci")
    assert list_executed(run.stdout)[0] == "05_forecast_tuning", run.stdout + run.stderr
    assert read_results(report) == results
    assert read_pages(report) == pages


def read_pages(project) -> dict[str, bytes]:
    """Return every file of the site but those that state measured times."""
    site = project.path("_site")
    files = {str(path.relative_to(site)): path for path in site.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in files.items() if not STATES_TIMES.search(name)}


def test_the_executed_notebooks_can_be_executed_again(report):
    notebooks = [report.path(f"build/ci/notebooks/{name}.ipynb") for name in NOTEBOOKS]
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist", "--nbval-lax", *notebooks]
    run = subprocess.run(
        command, cwd=report.folder, env=report.environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout[-4000:]

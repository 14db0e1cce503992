"""One notebook is executed whole or not at all, and leaves a manifest."""

import json
import subprocess
import sys
from importlib import metadata

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from smartrocket import execution, workspace
from smartrocket.errors import InputError

PARAMETERS = 'build = "build/demo"\nunits = 1'
CODE = """\
from smartrocket.results import Results
from smartrocket.workspace import Workspace

results = Results("demo", Workspace(build))
results.fact("units", units, unit="units")
results.measure("training_seconds", 0.5)
results.write()"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project with one notebook, whose build says units = 3."""
    monkeypatch.setattr(execution, "ROOT", tmp_path)
    monkeypatch.setattr(workspace, "ROOT", tmp_path)
    build = tmp_path / "build" / "demo"
    (build / "params").mkdir(parents=True)
    (build / "params" / "demo.yaml").write_text(f"build: {build}\nunits: 3\n")
    (build / "inputs").mkdir()
    (build / "inputs" / "demo.json").write_text(json.dumps({"modules": {"results": "abc"}}))
    (tmp_path / "notebooks").mkdir()

    def write(*codes: str):
        cells = [new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]}), *map(new_code_cell, codes)]
        kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
        nbformat.write(new_notebook(cells=cells, metadata=kernel), tmp_path / "notebooks" / "demo.ipynb")
        return build

    return write


def test_a_notebook_runs_with_its_parameters_and_leaves_a_manifest(project):
    build = project(CODE)
    executed = execution.run_notebook("demo", "demo")
    assert executed == build / "notebooks" / "demo.ipynb"
    manifest = json.loads((build / "manifests" / "demo.json").read_text())
    assert manifest["metrics"]["facts"] == {"units": {"value": 3, "unit": "units"}}
    assert manifest["measures"] == [{"name": "training_seconds", "model": None, "value": 0.5}]
    assert manifest["parameters"]["units"] == 3
    assert manifest["inputs"]["lib/smartrocket/results.py"] == "abc"
    assert manifest["packages"]["papermill"]
    assert manifest["seconds"] > 0
    assert [path.name for path in (build / "notebooks").iterdir()] == ["demo.ipynb"]


def test_a_failing_cell_is_named_and_nothing_half_done_is_taken_for_whole(project):
    build = project(CODE)
    execution.run_notebook("demo", "demo")
    project(CODE, "ratio = 1 / 0")
    with pytest.raises(InputError, match=r"the cell that begins 'ratio = 1 / 0': ZeroDivisionError") as error:
        execution.run_notebook("demo", "demo")
    assert "demo.failed.ipynb" in str(error.value)
    assert [path.name for path in (build / "notebooks").iterdir()] == ["demo.failed.ipynb"]


def test_a_mistake_in_the_data_is_told_without_the_machinery(project):
    project("from smartrocket.errors import InputError\nraise InputError('events.csv has no column x: add it.')")
    with pytest.raises(InputError) as error:
        execution.run_notebook("demo", "demo")
    assert str(error.value) == "events.csv has no column x: add it."


@pytest.mark.parametrize("notebook", ["demo", "01_eda"])
def test_a_mistake_in_the_rows_names_where_the_files_lie(project, tmp_path, notebook):
    build = project("from smartrocket.errors import RowsError\nraise RowsError('no event can be used.')")
    raw = {
        "folder": str(tmp_path / "shop"),
        "events": "clicks.csv",
        "properties": [],
        "category_tree": "",
        "columns": {},
    }
    if notebook == "01_eda":
        (tmp_path / "notebooks" / "demo.ipynb").rename(tmp_path / "notebooks" / "01_eda.ipynb")
    (build / "params" / "01_eda.yaml").write_text(json.dumps({"raw": raw}))
    with pytest.raises(InputError) as error:
        execution.run_notebook(notebook, "demo")
    assert str(error.value) == f"no event can be used. The shop's files lie in {tmp_path}/shop."


def test_want_of_memory_is_told_with_the_key_to_change(project):
    project("import duckdb\nraise duckdb.OutOfMemoryException('Out of Memory Error: failed to pin block')")
    with pytest.raises(
        InputError, match=r"demo\.ipynb needs more memory than `memory_limit` .* allows .*: raise it"
    ) as error:
        execution.run_notebook("demo", "demo")
    assert "Traceback" not in str(error.value)


@pytest.mark.parametrize("code", ["import torch\ntorch.zeros(10**15)", "import numpy\nnumpy.zeros((10**8, 10**8))"])
def test_sizes_beyond_the_machine_are_told_with_the_section_to_change(project, code):
    project(code)
    with pytest.raises(InputError, match=r"demo\.ipynb asks for more memory .*allocate.*sizes .* `demo:`") as error:
        execution.run_notebook("demo", "demo")
    assert "Traceback" not in str(error.value)


def test_a_notebook_whose_process_is_killed_is_told_in_one_sentence(project):
    build = project("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    with pytest.raises(InputError, match=r"demo\.ipynb was ended from outside.*lower `memory_limit`") as error:
        execution.run_notebook("demo", "demo")
    assert "\n" not in str(error.value)
    assert [path.name for path in (build / "notebooks").iterdir()] == ["demo.failed.ipynb"]


def test_an_optional_package_that_is_not_installed_is_left_out(monkeypatch):
    monkeypatch.setattr(metadata, "requires", lambda name: ["pandas==1", 'no-such-engine==1; extra == "other"'])
    assert execution.list_packages() == {"pandas": metadata.version("pandas")}


@pytest.mark.parametrize(
    ("early", "late"),
    [
        (
            "behaviour_figures, ledger, worked_examples, dashboard_recommendations, execution, publishing",
            ["torch", "statsmodels", "rfc3987_syntax"],
        ),
        # What each call of make loads.
        ("preparation", ["numpy", "pyarrow", "pandas", "papermill"]),
    ],
)
def test_what_takes_long_to_load_is_not_loaded_where_it_is_not_used(early, late):
    code = f"import sys\nfrom smartrocket import {early}\nprint([name for name in {late} if sys.modules.get(name)])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"

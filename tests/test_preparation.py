"""Before the first notebook: notebooks and profiles agree, and only what changed is written anew."""

import ast
import json
import os
import shutil

import nbformat
import pytest
import yaml

from smartrocket import preparation
from smartrocket.errors import InputError
from smartrocket.files import ROOT, write_json, write_text
from smartrocket.preparation import check_parameters, copy_lab, find_modules, link_shop, prepare, read_code
from smartrocket.profiles import NOTEBOOKS, load_profile, resolve

EVENTS = "timestamp,visitorid,event,itemid,transactionid\n1430622004384,1,view,10,\n"


def read_notebook(name: str) -> nbformat.NotebookNode:
    return nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)


def join_code(name: str) -> str:
    return "\n".join(source for source, _ in read_code(name))


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project folder that builds into a temporary place, with the real notebooks, profiles and library."""
    for name in ("notebooks", "params"):
        (tmp_path / name).symlink_to(ROOT / name)
    for module in (
        preparation,
        __import__("smartrocket.workspace").workspace,
        __import__("smartrocket.rawfiles").rawfiles,
    ):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_declares_exactly_its_parameters_with_the_values_of_the_sample_shop(name):
    parameters = resolve(load_profile("sample"), "lab", "the sample shop")[name]
    (cell,) = [cell for cell in read_notebook(name).cells if "parameters" in cell.metadata.get("tags", [])]
    declared = {statement.targets[0].id: ast.literal_eval(statement.value) for statement in ast.parse(cell.source).body}
    assert declared == parameters


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_is_committed_clean_and_in_short_cells(name):
    notebook = read_notebook(name)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code)
    lengths = sorted(len(cell.source.splitlines()) for cell in code)
    assert lengths[len(lengths) // 2] <= 8
    # The cell of the parameters is a list, as long as there are parameters.
    assert max(len(cell.source.splitlines()) for cell in code if not cell.metadata.get("tags")) <= 25
    assert notebook.cells[0].cell_type == "raw"
    assert set(yaml.safe_load(notebook.cells[0].source.strip("-\n"))) >= {"title", "description"}
    assert not any(cell.source.startswith("---") for cell in notebook.cells if cell.cell_type == "markdown")
    assert any(cell.source.startswith("# NBVAL_CHECK_OUTPUT") for cell in code)
    ids = [cell.id for cell in notebook.cells]
    assert len(ids) == len(set(ids))


def test_a_parameter_that_the_notebook_lacks_is_an_error():
    parameters = resolve(load_profile("sample"), "sample", "the sample shop")["02_cleaning"]
    with pytest.raises(InputError, match=r"02_cleaning.ipynb: parameter 'limit'"):
        check_parameters("02_cleaning", parameters | {"limit": 1})
    parameters.pop("threads")
    with pytest.raises(InputError, match=r"parameter 'threads': the profile does not give it"):
        check_parameters("02_cleaning", parameters)


def test_the_modules_of_a_notebook_are_found_through_imports():
    found = find_modules("from smartrocket.results import Results")
    assert found == {"results", "workspace", "files", "errors"}
    assert "gru4rec" in find_modules(join_code("06_gru4rec_baseline"))
    assert "gru4rec" not in find_modules(join_code("02_cleaning"))


def test_preparing_twice_writes_nothing_the_second_time(project):
    prepare("ci")
    files = [path for path in project.glob("build/**/*") if path.is_file()]
    before = {path: path.stat().st_mtime_ns for path in files}
    assert project / "build/ci/params/01_eda.yaml" in before
    assert project / "build/ci/raw/events.csv" in before
    prepare("ci")
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_changed_raw_file_is_noticed_by_the_first_notebook_only(project, tmp_path):
    shop = tmp_path / "my shop"
    shop.mkdir()
    (shop / "events.csv").write_text(EVENTS)
    prepare("own_shop", str(shop))
    inputs = {path.name: path.read_text() for path in project.glob("build/own_shop/inputs/*.json")}
    (shop / "events.csv").write_text(EVENTS * 2)
    prepare("own_shop", str(shop))
    changed = {
        path.name for path in project.glob("build/own_shop/inputs/*.json") if path.read_text() != inputs[path.name]
    }
    assert changed == {"01_eda.json"}


def test_another_shop_is_noticed_whose_files_have_the_same_size_and_time(project, tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    (one / "events.csv").write_text(EVENTS)
    shutil.copytree(one, other)
    (other / "events.csv").write_text(EVENTS.replace("view,10", "view,11"))
    shutil.copystat(one / "events.csv", other / "events.csv")
    inputs = project / "build/own_shop/inputs/01_eda.json"
    written = []
    for shop in (one, other, other):
        prepare("own_shop", str(shop))
        written.append(json.loads(inputs.read_text())["raw"])
    assert written[0] != written[1] == written[2]
    assert written[0][0][:3] == written[1][0][:3]


def find_times(project) -> dict[str, int]:
    paths = [project / name for name in ("build/site.json", "_site/built.json")]
    return {path.name: path.stat().st_mtime_ns for path in paths if path.exists()}


@pytest.mark.parametrize("text", ['{"profile": "sample", "renderer": "none"}', "{", "[]", "{}"])
def test_the_site_of_another_profile_is_not_up_to_date(project, text):
    prepare("ci")
    write_text(project / "_site/built.json", text)
    before = find_times(project)
    prepare("ci")
    after = find_times(project)
    assert set(after) == {"site.json"}
    # The make that calls knows the time of the site as it was before, and must find something that is newer.
    assert after["site.json"] > before["built.json"]
    prepare("ci")
    assert find_times(project) == after


def test_the_site_of_the_profile_itself_stays_up_to_date(project):
    prepare("ci")
    write_json(project / "_site/built.json", {"profile": "ci", "renderer": "none"})
    before = find_times(project)
    prepare("ci")
    assert find_times(project) == before


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("{threads}", r"the project's folder has a \{ in its path, .*\{threads\}: rename that folder"),
        ("a}b", r"has a \} in its path"),
        ("back\\slash", "has a .* in its path, .*slash: rename"),
        (os.fsdecode(b"caf\xe9"), "has no path in UTF-8, '.*caf.udce9': rename"),
    ],
)
def test_a_project_where_it_could_not_work_is_refused(project, monkeypatch, name, words):
    monkeypatch.setattr(preparation, "ROOT", project / name)
    with pytest.raises(InputError, match=words):
        prepare("ci")


def test_what_a_folder_is_called_can_be_shown(project, tmp_path):
    shop = tmp_path / "gar\x9bden\x1b tools"
    shop.mkdir()
    (shop / "events.csv").write_text(EVENTS)
    prepare("own_shop", str(shop))
    assert json.loads((project / "build/own_shop/shop.json").read_text())["title"] == "gar\ufffdden\ufffd tools"


def test_a_shop_is_named_after_its_folder_and_described(project, tmp_path):
    shop = tmp_path / "garden tools"
    shop.mkdir()
    (shop / "events.csv").write_text(EVENTS)
    prepare("own_shop", str(shop))
    described = json.loads((project / "build/own_shop/shop.json").read_text())
    assert described["title"] == "garden tools"
    assert not described["generated"]
    assert not described["has_properties"]
    assert "garden tools" in described["command"]
    for path in project.glob("build/own_shop/params/*.yaml"):
        assert str(tmp_path) not in path.read_text()


def test_the_files_of_a_shop_are_never_generated_over(project, tmp_path):
    shop = tmp_path / "mine"
    shop.mkdir()
    (shop / "events.csv").write_text(EVENTS)
    with pytest.raises(InputError, match="not both"):
        prepare("ci", str(shop))
    (project / "build" / "ci").mkdir(parents=True, exist_ok=True)
    (project / "build" / "ci" / "raw").symlink_to(shop)
    prepare("ci")
    assert (shop / "events.csv").read_text() == EVENTS
    assert [path.name for path in shop.iterdir()] == ["events.csv"]
    assert (project / "build" / "ci" / "raw" / "category_tree.csv").exists()
    assert not (project / "build" / "ci" / "raw").is_symlink()


def test_another_shop_takes_the_place_of_the_first(tmp_path):
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
        link_shop(tmp_path / "build", folder)
        assert (tmp_path / "build" / "raw").resolve() == folder


def test_the_lab_is_a_copy_that_does_not_touch_the_build(project):
    prepare("ci")
    copy_lab("ci")
    events = project / "build/lab/raw/events.csv"
    events.write_text("changed")
    assert (project / "build/ci/raw/events.csv").read_text() != "changed"
    copy_lab("ci")
    assert events.read_text() != "changed"

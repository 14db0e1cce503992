"""A shop's own log: the whole report on real rows, small as they are, and one clear error for each mistake."""

import json
import re

import pytest

from claims import check_claims
from smartrocket.profiles import NOTEBOOKS

pytestmark = pytest.mark.chain
EVENTS = "timestamp,visitorid,event,itemid,transactionid\n1430622004384,1,view,10,\n"


def read_facts(project, notebook: str) -> dict:
    """Return the facts of a notebook of the own shop: name -> value."""
    results = json.loads(project.path(f"build/own_shop/results/{notebook}.json").read_text())
    return {name: fact["value"] for name, fact in results["facts"].items()}


def test_the_report_on_real_rows_states_what_they_hold(real_report):
    assert read_facts(real_report, "01_eda")["rows_events"] == 9385
    assert read_facts(real_report, "01_eda")["buyers"] == 39
    assert read_facts(real_report, "01_eda")["transaction_rows"] == 46
    assert read_facts(real_report, "02_cleaning")["events_duplicates_dropped"] == 3
    assert read_facts(real_report, "02_cleaning")["events_rows_kept"] == 9382
    page = real_report.path("_site/analysis/01_eda.html").read_text()
    text = re.sub(r"<[^>]+>", " ", page)
    for figure in ("9,385", "39 ", "46 "):
        assert figure in text


def test_the_report_on_real_rows_says_what_it_leaves_out(real_report):
    for page in ("index.html", *(f"analysis/{name}.html" for name in NOTEBOOKS)):
        assert "Its files hold no prices" in real_report.path(f"_site/{page}").read_text(), page


def test_too_little_data_is_said_and_not_scored(real_report):
    index = re.sub(r"<[^>]+>|\s+", " ", real_report.path("_site/index.html").read_text())
    assert "too few to compare forecasts" in index
    assert "too few to compare recommenders" in index


def test_the_chapters_say_what_the_results_hold(real_report):
    check_claims(real_report.folder, "own_shop")


def test_no_path_of_the_shop_enters_the_site(real_report, real_shop):
    for path in real_report.path("_site").rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert str(real_shop).encode() not in content, path
            assert str(real_report.folder).encode() not in content, path


def test_no_visitor_enters_the_site(real_report, real_shop):
    known = {int(number) for number in re.findall(r"\b77\d{11}\b", (real_shop / "events.csv").read_text())}
    assert len(known) == 5000
    for path in real_report.path("_site").rglob("*"):
        if path.is_file():
            found = re.findall(rb"(?<!\d)77\d{11}(?!\d)", path.read_bytes().replace(b",", b""))
            assert not known.intersection(map(int, found)), path


@pytest.fixture
def shop(tmp_path):
    """A folder for a shop's files."""
    folder = tmp_path / "shop"
    folder.mkdir()
    return folder


@pytest.mark.parametrize(
    ("events", "words"),
    [
        (None, ["events.csv is missing"]),
        ("", ["events.csv is empty"]),
        ("timestamp,visitorid,event,itemid,transactionid\n", ["events.csv", "no event"]),
        ("timestamp,visitorid,event,product\n1,2,view,3\n", ["events.csv", "'itemid'", "product", "raw: columns"]),
    ],
)
def test_a_mistake_is_one_clear_error(copy_project_once, shop, events, words):
    if events is not None:
        (shop / "events.csv").write_text(events)
    run = copy_project_once.make("report", f"SHOP={shop}")
    assert run.returncode != 0
    assert len(re.findall(r"^error: ", run.stderr, flags=re.MULTILINE)) == 1
    assert "Traceback" not in run.stderr
    for word in words:
        assert word in run.stderr


def test_a_missing_folder_is_one_clear_error(copy_project_once, tmp_path):
    run = copy_project_once.make("report", f"SHOP={tmp_path / 'no$where'}")
    assert run.returncode != 0
    assert "no$where is not a folder" in run.stderr
    assert "Traceback" not in run.stderr


def test_retailrocket_without_its_files_says_how_to_get_them(copy_project_once):
    run = copy_project_once.make("report", "PROFILE=retailrocket")
    assert run.returncode != 0
    assert "make data" in run.stderr
    assert "Traceback" not in run.stderr


@pytest.fixture(scope="module")
def copy_project_once(copy_project):
    """One copy of the project for all mistakes."""
    return copy_project("mistakes")

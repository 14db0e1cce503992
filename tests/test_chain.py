"""The whole way, from raw files to the site, as a user runs it: with make."""

import csv
import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from playwright.sync_api import Page

from accessibility import ALL_BUT_COLOURS, COLOURS, find_barriers
from claims import check_claims
from conftest import SECRET
from dashboard_checks import READY, ask_network, read_cards
from shops import MARKUP
from smartrocket.files import read_json
from smartrocket.profiles import NOTEBOOKS
from smartrocket.rendering import find_problems, list_unmeasured
from smartrocket.rendering import read_pages as read_site_pages
from test_browser import IS_DARK, open_pages, start_chromium

pytestmark = pytest.mark.chain
# Every colour of a text on a ground that the site has is on one of these pages; `make nightly` looks at all pages.
COLOURFUL = {"index", "forecasts", "operations", "scale", "glossary", "business"}


def list_executed(output: str) -> list[str]:
    """Return the notebooks that a run of make executed, in order."""
    return re.findall(r"^\w+: (\w+) done in", output, flags=re.MULTILINE)


def kill_at(project, notebook: str, *words: str) -> str:
    """Kill make and all that it started as soon as it begins a notebook; returns what it had printed."""
    process = project.start(*words)
    printed = ""
    for line in process.stdout:
        printed += line
        if f"{notebook} ..." in line:
            break
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert not project.path(f"build/ci/notebooks/{notebook}.ipynb").exists()
    return printed


def read_results(project) -> dict[str, str]:
    """Return the text of each results file of the tiny shop."""
    return {name: project.path(f"build/ci/results/{name}.json").read_text() for name in NOTEBOOKS}


def read_pages(project) -> dict[str, bytes]:
    """Return every file of the site without what was measured."""
    return {str(path): content for path, content in list_unmeasured(project.path("_site"))}


def plant_markup(project) -> None:
    """Put a text that would do harm as markup into every text field of the shop's files, and into its title."""
    profile = project.path("params/ci.yaml")
    text = profile.read_text()
    assert "title: the test shop" in text
    # A text in JSON is one in YAML, too.
    profile.write_text(text.replace("the test shop", json.dumps(f"the test shop{MARKUP}")))
    run = project.make("prepare", "PROFILE=ci")
    assert run.returncode == 0, run.stderr
    raw = project.path("build/ci/raw")
    for name, texts in (
        ("events.csv", {"event": MARKUP, "transactionid": MARKUP}),
        ("item_properties_part1.csv", {"property": MARKUP, "value": MARKUP}),
        ("item_properties_part2.csv", {"property": "categoryid", "value": MARKUP}),
        ("item_properties_part2.csv", {"property": "name", "value": MARKUP}),
        ("category_tree.csv", {}),
    ):
        with (raw / name).open(newline="") as file:
            first = next(csv.DictReader(file))
        with (raw / name).open("a", newline="") as file:
            csv.DictWriter(file, first, lineterminator="\n").writerows(
                [first | {field: text} for field, text in texts.items()]
            )


@pytest.fixture(scope="module")
def report(copy_project):
    """The project with the finished report of the tiny generated shop, and what it held when it was first built."""
    project = copy_project("ci")
    plant_markup(project)
    project.build("report", "PROFILE=ci")
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


def test_the_executed_notebooks_can_be_executed_again(report):
    notebooks = [report.path(f"build/ci/notebooks/{name}.ipynb") for name in NOTEBOOKS]
    options = ["-p", "nbval", "-p", "no:cacheprovider", "-p", "no:xdist", "--nbval"]
    command = [sys.executable, "-m", "pytest", *options, *notebooks]
    run = subprocess.run(
        command, cwd=report.folder, env=report.environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout[-4000:]
    # Every notebook has now run a second time from its first cell to its last, and each cell has shown the same.
    assert read_results(report) == report.first_results


def test_a_touched_chapter_only_renders_again(report):
    """From what the notebooks left when they ran a second time: all pages are the same."""
    stamp = report.path("_site/built.json")
    before = stamp.stat().st_mtime_ns
    report.path("chapters/method.qmd").touch()
    run = report.make("report", "PROFILE=ci")
    assert list_executed(run.stdout) == []
    assert stamp.stat().st_mtime_ns > before
    assert read_pages(report) == report.first_pages


def test_a_changed_parameter_runs_its_notebook_again(report):
    with report.changed("params/ci.yaml", "  search_clicks: 300", "  search_clicks: 301"):
        printed = kill_at(report, "07_gru4rec_tuning", "notebooks", "PROFILE=ci")
    assert list_executed(printed) == []


def test_an_unknown_parameter_stops_before_anything_runs(report):
    with report.changed("params/ci.yaml", "  search_clicks: 300", "  search_klicks: 300"):
        run = report.make("report", "PROFILE=ci")
    assert run.returncode != 0
    assert list_executed(run.stdout) == []
    message = "params/ci.yaml: unknown key 'search_klicks' under 07_gru4rec_tuning; did you mean 'search_clicks'?"
    assert message in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize("profile", ["", "ci sample"])
def test_what_is_no_name_of_a_profile_is_refused_in_one_line(report, profile):
    run = report.make("report", f"PROFILE={profile}")
    assert run.returncode != 0
    wanted = f'PROFILE must be the name of one file of params/, without its .yaml, and is "{profile}".'
    assert len(run.stderr.splitlines()) == 1
    assert wanted in run.stderr


def test_a_failing_cell_is_named_and_the_partial_notebook_kept(report):
    with report.changed("notebooks/07_gru4rec_tuning.ipynb", "import torch", "surprise = 1 / 0"):
        run = report.make("report", "PROFILE=ci")
    assert run.returncode != 0
    assert "surprise = 1 / 0" in run.stderr
    assert "ZeroDivisionError" in run.stderr
    assert report.path("build/ci/notebooks/07_gru4rec_tuning.failed.ipynb").exists()
    assert not report.path("build/ci/notebooks/07_gru4rec_tuning.ipynb").exists()


def test_help_names_every_command(report):
    printed = report.make("help").stdout
    for command in ("report", "test", "nightly", "lab", "serve", "data", "clean", "help"):
        assert f"make {command}" in printed


@pytest.mark.nightly
def test_a_touched_notebook_runs_again_and_a_killed_run_goes_on_to_the_same_report(report):
    report.path("notebooks/06_gru4rec_baseline.ipynb").touch()
    printed = kill_at(report, "07_gru4rec_tuning", "report", "PROFILE=ci")
    assert list_executed(printed) == ["06_gru4rec_baseline"]
    run = report.make("report", "PROFILE=ci")
    assert list_executed(run.stdout) == ["07_gru4rec_tuning"], run.stdout + run.stderr
    assert read_results(report) == report.first_results
    assert read_pages(report) == report.first_pages


def test_the_site_has_no_mistakes(report):
    assert find_problems(report.path("_site")) == []


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_opens_without_fault_or_barrier_and_runs_nothing_that_the_shop_says(report, scheme):
    """Colours are looked at on pages that have all between them, and in dark nothing else is another than in light."""
    site = report.path("_site")
    names = [page.path.relative_to(site).as_posix() for page in read_site_pages(site)]
    assert {Path(name).stem for name in names} >= COLOURFUL
    if scheme == "dark":
        names = [name for name in names if Path(name).stem in COLOURFUL]

    def look(page: Page) -> list[str]:
        if "/dashboard/" in page.url:
            page.wait_for_selector(READY)
        assert page.evaluate(IS_DARK) == (scheme == "dark")
        assert page.evaluate("window.harmed") is None, page.url
        if scheme == "dark":
            return find_barriers(page, COLOURS)
        return find_barriers(page, None if Path(page.url).stem in COLOURFUL else ALL_BUT_COLOURS)

    with start_chromium() as browser:
        assert open_pages(browser, names, site.as_uri(), (390, 1280), scheme, look) == []


@pytest.mark.parametrize("name", ["business", "forecasting", "recommendations", "products"])
def test_the_dashboard_has_figures_and_tables_without_scripts(report, name):
    page = report.path(f"_site/dashboard/{name}.html").read_text(encoding="utf-8")
    fallback = "".join(re.findall("<noscript>(.*?)</noscript>", page, re.DOTALL))
    assert "<svg" in fallback
    assert len(re.findall("<table.*?<td", fallback, re.DOTALL)) >= 1


def query_events(build, since: str, until: str, kinds: list[str]) -> dict:
    """Return what the cards should say of some days and kinds of events, asked of the cleaned tables in SQL."""
    events, prices = build / "interim/events.parquet", build / "interim/item_prices.parquet"
    names = ", ".join(f"'{kind}'" for kind in kinds)
    query = f"""
        WITH prices AS (
            SELECT itemid, price, valid_from = min(valid_from) OVER (PARTITION BY itemid) AS is_first,
                CASE WHEN is_first THEN TIMESTAMP '1900-01-01' ELSE valid_from END AS since FROM '{prices}'
        ), chosen AS (
            SELECT * FROM '{events}' WHERE timestamp::DATE BETWEEN '{since}' AND '{until}' AND event IN ({names})
        )
        SELECT count(*) FILTER (event = 'view') AS views, count(*) FILTER (event = 'addtocart') AS carts,
            count(*) FILTER (event = 'transaction') AS units, count(DISTINCT visitorid) AS visitors,
            count(DISTINCT chosen.itemid) AS items, count(DISTINCT transactionid) AS orders,
            coalesce(sum(price) FILTER (event = 'transaction'), 0) AS revenue
        FROM chosen ASOF LEFT JOIN prices ON chosen.itemid = prices.itemid AND chosen.timestamp >= prices.since
    """
    return duckdb.sql(query).to_df().iloc[0].to_dict()


@pytest.mark.browser
def test_the_dashboard_says_what_the_tables_say(report):
    build, site = report.path("build/ci"), report.path("_site/dashboard")
    days = duckdb.sql(
        f"SELECT min(timestamp)::DATE + 20, max(timestamp)::DATE - 5 FROM '{build}/interim/events.parquet'"
    )
    since, until = (str(day) for day in days.fetchall()[0])
    explored = read_json(build / "models/explorer/sessions.json")
    sessions = [clicks[:-1] for clicks in explored["sessions"][: len(explored["expected"])]]
    with start_chromium() as browser:
        page = browser.new_page()
        for kinds in (["view", "addtocart", "transaction"], ["addtocart", "transaction"]):
            page.goto("about:blank")
            page.goto(f"{(site / 'business.html').as_uri()}#from={since}&to={until}&events={','.join(kinds)}")
            page.wait_for_selector(READY)
            cards, expected = read_cards(page), query_events(build, since, until, kinds)
            assert {name: cards[name] for name in expected} == pytest.approx(expected), kinds
        page.goto((site / "recommendations.html").as_uri())
        page.wait_for_selector(READY)
        lists = ask_network(page, sessions)
    shared = [len(set(one) & set(other)) / len(other) for one, other in zip(lists, explored["expected"], strict=True)]
    assert len(shared) > 20
    assert sum(shared) / len(shared) >= 0.95

"""A build is compared with the one before that was not the same, and noise is told from change."""

import json
import re

import pytest

from fake_build import make_project
from smartrocket import history
from smartrocket.files import read_json, write_json
from smartrocket.history import judge_change, noise_band, remember
from smartrocket.publishing import write_sources
from smartrocket.summary import Score


@pytest.fixture
def project(tmp_path):
    project = make_project(tmp_path)
    write_sources("demo", project)
    return project


def read_page(project):
    names = ("changes_data", "changes_settings", "changes_results", "changes_figures")
    return {name: (project / "_parts" / f"{name}.qmd").read_text(encoding="utf-8") for name in names}


def edit(project, relative, change):
    path = project / "build/demo" / relative
    content = read_json(path)
    change(content)
    write_json(path, content)


def move_scores(project, notebook, model, by):
    def change(content):
        for score in content["scores"]:
            if score["model"] == model:
                for end in ("value", "low", "high"):
                    score[end] = None if score[end] is None else score[end] + by

    edit(project, f"results/{notebook}.json", change)


def test_the_first_build_has_nothing_to_compare_with(project):
    page = read_page(project)
    assert "no earlier build" in page["changes_results"]
    assert page["changes_data"] == page["changes_settings"] == page["changes_figures"] == ""


def test_publishing_again_changes_nothing(project):
    before = read_page(project)
    edit(project, "manifests/04_forecast_lightgbm.json", lambda content: content.update(seconds=99.0, commit="f" * 16))
    write_sources("demo", project)
    assert read_page(project) == before
    assert len(list((project / "build/demo/history").iterdir())) == 1


def test_publishing_again_keeps_comparing_with_the_same_build(project):
    move_scores(project, "05_forecast_tuning", "LightGBM tuned", -0.1)
    write_sources("demo", project)
    second = read_page(project)
    write_sources("demo", project)
    assert read_page(project) == second
    assert "no earlier build" not in second["changes_results"]


def test_a_change_beyond_the_noise_is_told_from_one_within(project):
    move_scores(project, "05_forecast_tuning", "LightGBM tuned", -0.1)
    move_scores(project, "07_gru4rec_tuning", "GRU4Rec tuned", 0.001)
    write_sources("demo", project)
    text = read_page(project)["changes_results"]
    rows = re.findall(r"<tr.*?</tr>", text)
    tuned = next(row for row in rows if "LightGBM tuned" in row and "Poisson deviance, item" in row)
    assert "better" in tuned
    assert "−0.1000" in tuned
    network = next(row for row in rows if "GRU4Rec tuned" in row and "Hit rate@20" in row)
    assert "noise" in network
    # Of three levels: deviance, its skill, RMSSE and bias of the tuned model.
    assert "12 beyond it" in text


def test_a_change_back_is_a_change(project):
    move_scores(project, "05_forecast_tuning", "LightGBM tuned", 0.1)
    write_sources("demo", project)
    assert "worse" in read_page(project)["changes_results"]
    move_scores(project, "05_forecast_tuning", "LightGBM tuned", -0.1)
    write_sources("demo", project)
    assert "better" in read_page(project)["changes_results"]
    assert len(list((project / "build/demo/history").iterdir())) == 3


def test_data_parameters_versions_and_facts_are_compared(project):
    edit(project, "manifests/01_eda.json", lambda content: content["inputs"].update({"raw/events.csv": "cd" * 32}))
    edit(project, "manifests/02_cleaning.json", lambda content: content["parameters"].update(seed="<b>2</b>"))
    edit(project, "manifests/01_eda.json", lambda content: content["packages"].update(pandas="9.9"))
    edit(project, "results/01_eda.json", lambda content: content["facts"]["visitors"].update(value=41_251))
    write_sources("demo", project)
    page = read_page(project)
    assert "events.csv" in page["changes_data"]
    assert "changed" in page["changes_data"]
    assert "&lt;b&gt;2&lt;/b&gt;" in page["changes_settings"]
    assert "9.9" in page["changes_settings"]
    assert "1 fact of the" in page["changes_figures"]
    assert "41,251" in page["changes_figures"]


def test_the_noise_band_is_that_of_two_intervals():
    wide, narrow = Score("a", 1.0, 0.7, 1.3), Score("a", 1.5, 1.1, 1.9)
    assert noise_band(narrow, wide) == pytest.approx(0.5)
    assert noise_band(Score("a", 1.0), wide) is None


@pytest.mark.parametrize(
    ("metric", "now", "state"),
    [
        ("rmsse", 1.0, "same"),
        ("rmsse", 1.05, "noise"),
        ("rmsse", 1.2, "worse"),
        ("hit_rate@20", 1.2, "better"),
        ("bias", 1.2, "moved"),
        ("unheard of", 1.2, "moved"),
    ],
)
def test_what_became_of_a_score(metric, now, state):
    assert judge_change(metric, Score("a", now), Score("a", 1.0), 0.1) == state
    assert judge_change(metric, Score("a", 1.2), Score("a", 1.0), None) == "no interval"


def test_only_so_many_builds_are_remembered(tmp_path, monkeypatch):
    monkeypatch.setattr(history, "KEPT", 3)
    for number in range(6):
        current, before = remember(tmp_path, {"number": number}, None)
        assert before is None if number == 0 else before["summary"] == {"number": number - 1}
    assert len(list(tmp_path.iterdir())) == 3
    assert json.loads(sorted(tmp_path.iterdir())[-1].read_text())["summary"] == {"number": 5}
    assert current["summary"] == {"number": 5}

"""What publishing makes of a finished build: cleaned notebooks, variables, parts and a site."""

import copy
import html
import json

import nbformat
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_notebook, new_output

from fake_build import SHOP, make_notebook, make_project
from smartrocket.errors import InputError
from smartrocket.files import write_text
from smartrocket.findings import escape_markdown
from smartrocket.partials import raw_html, write_banner, write_shop
from smartrocket.profiles import NOTEBOOKS
from smartrocket.publishing import clean_cell, clean_notebook, list_variables, write_fact, write_sources
from smartrocket.rendering import LEFTOVERS
from smartrocket.summary import Run
from smartrocket.workspace import Workspace

OWN_SHOP = SHOP | {
    "title": "Corner shop",
    "generated": False,
    "has_properties": False,
    "has_category_tree": True,
    "command": "make report SHOP=corner",
}


@pytest.fixture
def project(tmp_path):
    return make_project(tmp_path)


def part(project, name):
    return (project / "_parts" / f"{name}.qmd").read_text(encoding="utf-8")


# ---------------------------------------------------------------- notebooks


def test_cleaned_notebook_has_nothing_of_the_execution_left():
    cleaned = clean_notebook(make_notebook("01_eda", "Exploring"), "")
    nbformat.validate(cleaned)
    text = nbformat.writes(cleaned)
    for trace in ("papermill", "iopub", "a warning", "stderr", '"execution_count": 3', "<IPython HTML>"):
        assert trace not in text
    assert "90 days" in text


def test_cleaned_notebook_hides_parameters_folds_code_and_has_the_banner():
    cells = clean_notebook(make_notebook("01_eda", "Exploring"), "the banner").cells
    assert [cell.id for cell in cells] == ["title", "banner", "parameters", "injected-parameters", "question", "volume"]
    assert cells[1].source == "the banner"
    hidden = [cell.id for cell in cells if "remove-cell" in cell.metadata.get("tags", [])]
    assert hidden == ["parameters", "injected-parameters"]
    assert cells[-1].source.startswith("#| code-fold: true\nvolume = ")


def test_cleaning_is_stable_and_leaves_its_input_alone():
    notebook = make_notebook("01_eda", "Exploring")
    before = copy.deepcopy(notebook)
    assert nbformat.writes(clean_notebook(notebook, "")) == nbformat.writes(clean_notebook(notebook, ""))
    assert notebook == before


def test_a_notebook_with_an_error_is_refused():
    failed = new_output("error", ename="ValueError", evalue="no such column", traceback=[])
    with pytest.raises(InputError, match="ValueError: no such column"):
        clean_notebook(new_notebook(cells=[new_code_cell("1 / 0", outputs=[failed])]), "")


# ---------------------------------------------------------------- variables and parts


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (9385, "rows", "9,385"),
        (0.12345, "share", "12.3 %"),
        (2.71828, "units", "2.72"),
        (1234.5, "megabytes", "1,234 MB"),
        (None, "rows", "not known"),
        (True, "yes or no", "yes"),
        ("2015-05-03", "date", "2015-05-03"),
        ({"leaves": 31}, "settings", '{"leaves": 31}'),
    ],
)
def test_facts_are_written_for_a_reader(value, unit, text):
    assert write_fact({"value": value, "unit": unit}) == text


@given(st.text())
def test_text_from_the_data_cannot_become_markup(text):
    assert not set("<>{}[]*_`") & set(escape_markdown(text))


@given(st.text(alphabet="`~<p> \n", max_size=30))
def test_raw_html_cannot_leave_its_fence(text):
    fence, *inside, last = raw_html(text).rstrip("\n").split("\n")
    marks = fence.removesuffix("{=html}")
    assert last == marks
    assert all(marks not in line for line in inside)


def test_variables_and_parts(project):
    write_sources("demo", project)
    build = Workspace(project / "build" / "demo")
    run = Run(build.read_json(f"results/{notebook}.json") for notebook in NOTEBOOKS)
    variables = list_variables(run, build.read_json("shop.json"))
    assert variables["eda"]["rows_events"] == "152,345"
    assert variables["eda"]["gini_items"] == "not known"
    assert "<c>" not in variables["eda"]["odd_name"]
    assert "it beats every baseline" in variables["report"]["forecast"]
    written = yaml.safe_load((project / "_variables.yml").read_text(encoding="utf-8"))
    assert written["report"]["forecast"] == variables["report"]["forecast"]
    assert "eda" not in written
    assert "152,345 rows of 41,250 visitors on 90 days" in part(project, "shop")
    assert "generated shop" in part(project, "banner")
    assert '<th scope="row">LightGBM tuned</th>' in part(project, "forecast_models")
    assert "ab" * 32 in part(project, "provenance_inputs")
    assert "left out" in part(project, "figure_recommendation_tuned")
    assert "<svg" in part(project, "figure_daily_volume")
    for name in ("forecast_models", "recommendation_models"):
        table = part(project, name)
        assert table.index("tuned") < table.index("Croston" if name.startswith("forecast") else "VSTAN")


@pytest.mark.parametrize(("unusable", "warns"), [(None, False), (5, False), (6, True)])
def test_the_front_page_warns_where_much_of_the_log_is_lost(unusable, warns):
    facts = {"01_eda": {"rows_events": 94, "visitors": 9, "days": 7}, "02_cleaning": {"events_rows_in": 100}}
    if unusable is not None:
        facts["02_cleaning"]["events_rows_unusable"] = unusable
    run = Run(
        {"notebook": name, "facts": {fact: {"value": value} for fact, value in known.items()}, "scores": []}
        for name, known in facts.items()
    )
    text = write_shop(run, {"generated": False, "title": "Shop"})
    assert text.startswith("The log of")
    assert ("**Warning: 6.0 % of the rows of its file cannot be used.**" in text) == warns
    assert ("Warning" in text) == warns


def test_writing_twice_gives_the_same_files(project):
    def contents():
        written = [
            project / "_variables.yml",
            *(project / "_parts").iterdir(),
            *(project / "analysis").iterdir(),
        ]
        return {path.name: path.read_bytes() for path in written}

    write_sources("demo", project)
    first = contents()
    write_sources("demo", project)
    assert contents() == first


def test_banner_of_an_own_shop_names_it_and_what_is_left_out():
    banner = write_banner(OWN_SHOP)
    assert "report of the shop “Corner shop”" in banner
    assert "no prices, availability or categories," in banner
    assert "generated" not in banner
    assert "leaves out" not in write_banner(OWN_SHOP | {"has_properties": True})


@pytest.mark.parametrize("title", ['a "quoted" shop', "<b>shop</b>", "{{< env HOME >}}", "@fig-a", "shop :::"])
def test_banner_holds_whatever_the_shop_is_called(title):
    first = write_banner(OWN_SHOP | {"title": title}).splitlines()[0]
    assert first.count('"') == 2
    assert first.endswith('"}')
    assert not LEFTOVERS.search(html.unescape(first))


def test_a_missing_notebook_is_named(project):
    (project / "build/demo/notebooks/03_features.ipynb").unlink()
    with pytest.raises(InputError, match="03_features"):
        write_sources("demo", project)


def test_a_page_that_shows_an_unknown_variable_is_named(project):
    write_text(project / "chapters/data.qmd", "---\ntitle: x\n---\n\n{{< var eda.rows_evnets >}}\n")
    with pytest.raises(InputError, match=r"data\.qmd shows the variable eda\.rows_evnets"):
        write_sources("demo", project)


def test_a_page_that_includes_an_unknown_part_is_named(project):
    write_text(project / "chapters/data.qmd", "---\ntitle: x\n---\n\n{{< include /_parts/nothing.qmd >}}\n")
    with pytest.raises(InputError, match=r"_parts/nothing\.qmd"):
        write_sources("demo", project)


def test_a_shop_without_any_score_claims_nothing(project):
    for path in (project / "build/demo/results").iterdir():
        content = json.loads(path.read_text(encoding="utf-8"))
        write_text(path, json.dumps(content | {"facts": {} if "eda" in path.name else content["facts"], "scores": []}))
    write_sources("demo", project)
    assert "too few sales" in part(project, "forecast_models")
    assert part(project, "metrics").count("not known") == 2
    assert "The log is too small" in part(project, "unknowns")


def test_the_cell_that_papermill_adds_has_one_and_the_same_id():
    cells = [new_code_cell("build = 'x'", metadata={"tags": ["injected-parameters"]}) for _ in range(2)]
    assert cells[0].id != cells[1].id
    assert {clean_cell(cell).id for cell in cells} == {"injected-parameters"}


def test_no_renderer_takes_the_name_of_a_shop_among_the_parameters_for_an_instruction():
    given = new_code_cell("shop = '{{< var x >}} @fig-a'", metadata={"tags": ["injected-parameters"]})
    assert not LEFTOVERS.search(clean_cell(given).source)

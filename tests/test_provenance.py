"""What the page about provenance says is what the manifests hold."""

import csv
import io
import json

import pytest

from fake_build import SHOP, make_project
from smartrocket.files import ROOT
from smartrocket.profiles import NOTEBOOKS, list_profiles, load_profile, resolve
from smartrocket.provenance import (
    flatten,
    list_differences,
    make_tables,
    write_again,
    write_differences,
    write_inputs,
    write_seeds,
    write_small_groups,
)
from smartrocket.publishing import publish, write_sources


def make_manifests(profile="sample", commit="0123456789abcdef"):
    parameters = resolve(load_profile(profile), profile, "a shop")
    return [
        {"notebook": name, "parameters": values, "commit": commit, "inputs": {}} for name, values in parameters.items()
    ]


def test_the_commands_name_the_commit_and_what_stands_in_the_way():
    text = write_again(SHOP, make_manifests())
    assert "git checkout 0123456789abcdef\nmake report PROFILE=demo\n" in text
    assert "differed" not in text
    assert "files differed from this commit" in write_again(SHOP, make_manifests(commit="0123+"))
    assert "not under version control" in write_again(SHOP, make_manifests(commit=None))
    mixed = make_manifests()
    mixed[3]["commit"] = "fedcba"
    assert "Not all notebooks ran at this commit (0123456789 and fedcba)" in write_again(SHOP, mixed)
    assert "raw files must be those" in write_again(SHOP | {"generated": False}, make_manifests())


@pytest.mark.parametrize("profile", list_profiles())
def test_the_parameters_that_differ_are_those_that_the_profile_names(profile):
    usual = resolve(load_profile("sample"), "sample", "")
    there = {name: flatten(values) for name, values in usual.items()}
    rows = list_differences(make_manifests(profile), usual)
    for notebook, name, here, default in rows:
        values = flatten(resolve(load_profile(profile), profile, "a shop")[notebook])
        assert here == (json.dumps(values[name]) if name in values else "not set")
        assert default == (json.dumps(there[notebook][name]) if name in there[notebook] else "not set")
        assert here != default
    assert (profile == "sample") == (not rows)


def test_the_sample_differs_from_the_defaults_in_what_its_file_says():
    text = write_differences(make_manifests("sample"))
    for name in ("panel_entry_events", "hit_rate_ceiling", "test_weeks"):
        assert name in text
    assert "search_space" not in text
    assert "build/sample" not in text


def test_rows_stand_beside_their_files():
    manifests = make_manifests()
    manifests[0]["inputs"] = {
        f"raw/{name}": "ab" * 32 for name in ("events.csv", "item_properties_part1.csv", "item_properties_part2.csv")
    }
    facts = {
        "01_eda": {"rows_events": {"value": 1234}, "rows_properties": {"value": 99}, "rows_categories": {"value": None}}
    }
    text = write_inputs(facts, manifests)
    assert "1,234" in text
    assert text.count("99 in both") == 2
    assert "SHA-256" in text
    assert write_inputs({}, manifests).count("–") == 3


def test_seeds_are_told_with_their_notebooks():
    assert "1 (notebooks 04, 05, 06 and 07)" in write_seeds(make_manifests())
    assert write_seeds([]) == "No notebook makes random choices.\n"


def test_the_smallest_group_is_told():
    assert "smaller than 5" in write_small_groups(make_manifests("own_shop"))
    assert "Groups of any size" in write_small_groups([{"parameters": {"smallest_group": 1}}, {"parameters": {}}])


def test_tables_hold_every_fact_and_score():
    score = {"task": "a", "model": "b, c", "level": "d", "metric": "e", "value": 0.1, "low": None, "high": 1}
    results = {"notebook": "01_eda", "facts": {"rows": {"value": 3, "unit": "rows"}}, "scores": [score]}
    tables = {name: list(csv.DictReader(io.StringIO(text))) for name, text in make_tables(results).items()}
    assert tables["01_eda_facts.csv"] == [{"fact": "rows", "value": "3", "unit": "rows"}]
    assert tables["01_eda_scores.csv"][0]["model"] == "b, c"
    assert tables["01_eda_scores.csv"][0]["low"] == ""


def test_the_site_holds_what_it_offers(tmp_path):
    project = make_project(tmp_path)
    publish("demo", project)
    for notebook in NOTEBOOKS:
        taken = project / "_site/downloads" / f"{notebook}.ipynb"
        assert taken.read_bytes() == (project / "analysis" / f"{notebook}.ipynb").read_bytes()
        assert (project / f"_site/downloads/{notebook}_facts.csv").is_file()
        assert f"../downloads/{notebook}_scores.csv" in (project / "_site/chapters/provenance.html").read_text()


def test_nothing_of_this_machine_is_in_the_site(tmp_path):
    project = make_project(tmp_path)
    write_sources("demo", project)
    for folder in ("analysis", "downloads", "_parts"):
        for path in (project / folder).iterdir():
            text = path.read_text(encoding="utf-8")
            assert str(tmp_path) not in text
            assert str(ROOT) not in text

"""Profiles are checked strictly, and a mistake names the file, the key and the nearest known one."""

from collections.abc import Iterator
from datetime import date, datetime

import pytest

from smartrocket import profiles
from smartrocket.errors import InputError
from smartrocket.profiles import NOTEBOOKS, Profile, check_profile, list_profiles, load_profile, resolve


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "mine.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize("name", list_profiles())
def test_every_profile_of_the_project_is_valid(name):
    parameters = resolve(load_profile(name), name, "a shop")
    assert list(parameters) == list(NOTEBOOKS)
    assert all(values["build"] == f"build/{name}" for values in parameters.values())


def test_there_is_a_profile_for_each_kind_of_shop():
    assert list_profiles() == ["ci", "full_size", "own_shop", "retailrocket", "sample"]


def test_a_profile_changes_only_what_it_names(write):
    changed = check_profile(write("shared:\n  seed: 7\n05_forecast_tuning:\n  trials: 3\n"))
    usual = check_profile(write(""))
    assert changed.shared.seed == 7
    assert changed.forecast_tuning.trials == 3
    assert changed.shared.threads == usual.shared.threads
    assert changed.forecast_tuning.search_space == usual.forecast_tuning.search_space


def test_a_group_of_settings_is_completed_by_the_defaults(write):
    changed = check_profile(write("04_forecast_lightgbm:\n  boosting: {num_leaves: 7}\n"))
    usual = check_profile(write(""))
    assert changed.forecast_baseline.boosting == usual.forecast_baseline.boosting.model_copy(update={"num_leaves": 7})


def test_a_search_space_is_replaced_as_a_whole(write):
    changed = check_profile(
        write("05_forecast_tuning:\n  search_space: {num_leaves: {low: 2, high: 9, integer: true}}\n")
    )
    assert list(changed.forecast_tuning.search_space) == ["num_leaves"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("05_forecast_tuning: {trails: 3}", ["mine.yaml", "'trails'", "05_forecast_tuning", "'trials'"]),
        ("forecast_tuning: {trials: 3}", ["mine.yaml", "'forecast_tuning'", "'05_forecast_tuning'"]),
        ("shared: {thread: 1}", ["'thread'", "'threads'"]),
        ("shop: {generate: {visitor: 5}}", ["'visitor'", "'visitors'"]),
        ("shop: {generate: {visitors: many}}", ["shop.generate.visitors", "'many'"]),
        ("shared: {seed: '1'}", ["mine.yaml", "shared.seed", "'1'", "integer"]),
        ("shared: {seed: 1.5}", ["shared.seed", "1.5"]),
        ("shared: {threads: 0}", ["shared.threads", "greater than or equal to 1"]),
        ("shared: {memory_limit: 2}", ["shared.memory_limit", "string"]),
        ("shared: {memory_limit: 2 cups}", ["shared.memory_limit", "2 cups"]),
        ("shared: {memory_limit: 99999999999999GB}", ["shared.memory_limit", "99999999999999GB"]),
        ("shared: {threads: 100000}", ["shared.threads", "1024"]),
        ("shared: {memory_limit: 00.0GB}", ["shared.memory_limit", "00.0GB"]),
        ("shared: {seed: 20261126123456}", ["mine.yaml: shared.seed", "4294967296"]),
        ("04_forecast_lightgbm: {breaks: [0015-05-01]}", ["breaks", "must lie in the years from 1990 to 2099"]),
        ("04_forecast_lightgbm: {test_start: 0015-05-01}", ["test_start", "must lie in the years from 1990 to 2099"]),
        ("02_cleaning: {window_start: 0015-05-01}", ["window_start", "must lie in the years from 1990 to 2099"]),
        ("06_gru4rec_baseline: {network: {units: 1000000}}", ["network.units", "10000"]),
        ("05_forecast_tuning: {folds: 30000}", ["05_forecast_tuning.folds", "100"]),
        ("raw: {events: '" + "e" * 300 + "'}", ["raw.events", "200"]),
        ('raw: {folder: "a\\0b"}', ["raw.folder", "control characters"]),
        (
            "07_gru4rec_tuning: {search_space: {logq: {low: 0.1, high: 1, log: true, step: 0.1}}}",
            ["search_space.logq", "step and log cannot be had together: leave one out"],
        ),
        (
            "07_gru4rec_tuning: {search_space: {units: {low: 1, high: 9, step: 0.5, integer: true}}}",
            ["search_space.units", "low, high and step must be whole numbers where integer is true"],
        ),
        (
            "07_gru4rec_tuning: {search_space: {logq: {low: 0, high: 1, step: 1.0e-300}}}",
            ["search_space.logq", "must not divide the range into more than 1,000,000 parts"],
        ),
        ("shared: {session_gap_minutes: 525601}", ["shared.session_gap_minutes", "525600"]),
        ("04_forecast_lightgbm: {test_weeks: 1000000000}", ["04_forecast_lightgbm.test_weeks", "1500"]),
        ("03_features: {test_days: 1000000000}", ["03_features.test_days", "11000"]),
        ("06_gru4rec_baseline: {network: {learning_rate: 1.0e+9}}", ["network.learning_rate", "10"]),
        (
            "02_cleaning: {window_start: 2015-06-01, window_end: 2015-05-31 12:00:00}",
            ["mine.yaml: 02_cleaning.window_end", "must be later than window_start, which is 2015-06-01"],
        ),
        ("02_cleaning: {name_property: available}", ["02_cleaning.name_property", "another", "availability_property"]),
        (
            "02_cleaning: {category_property: kind}",
            ["mine.yaml: unknown key", "under 02_cleaning; it belongs under shared."],
        ),
        ("shared: {category_property: name}", ["02_cleaning: name_property", "another", "shared.category_property"]),
        (
            "shared: {category_property: '790'}",
            ["shared.price_property", "must be another property than category_property (790)."],
        ),
        ("shared: {price_property: name}", ["mine.yaml with params/defaults.yaml: 02_cleaning: name_property must be"]),
        ("shared: {time_zone: Americas/New_York}", ["shared.time_zone", "America/New_York"]),
        ("shared: {time_zone: localtime}", ["shared.time_zone", "no such time zone"]),
        ("raw: {columns: {item: product}}", ["raw.columns"]),
        ('raw: {columns: {itemid: "\\ud800"}}', ["raw.columns.itemid", "control characters"]),
        ('raw: {events: "a\\0"}', ["raw.events", "control characters"]),
        ('shop: {title: "\\ud800"}', ["shop.title", "control characters"]),
        ('shop: {title: "a\\eb"}', ["shop.title", "control characters"]),
        ('shared: {price_property: "\\ud800"}', ["shared.price_property", "control characters"]),
        ('02_cleaning: {name_property: "\\x9f"}', ["02_cleaning.name_property", "control characters"]),
        ("05_forecast_tuning: {search_space: {num_leaves: {low: 4, hgih: 8}}}", ["did you mean 'high'?"]),
        ("02_cleaning: {bot_events_per_day: -4}", ["02_cleaning.bot_events_per_day", "-4"]),
        ("02_cleaning: [1]", ["02_cleaning"]),
        ("05_forecast_tuning: {search_space: {num_leaves: {low: 1, hi: 2}}}", ["search_space.num_leaves", "'hi'"]),
        ("06_gru4rec_baseline: {network: {units: many}}", ["06_gru4rec_baseline.network.units", "'many'"]),
        ("06_gru4rec_baseline: {network: {unit: 9}}", ["'unit'", "'units'"]),
        ("04_forecast_lightgbm: {boosting: {num_leaves: 1.5}}", ["boosting.num_leaves", "1.5"]),
        ("04_forecast_lightgbm: {boosting: {leaves: 15}}", ["'leaves'", "'num_leaves'"]),
        ("07_gru4rec_tuning: {search_space: {units: {low: 9, high: 3}}}", ["search_space.units", "must not be above"]),
        ("07_gru4rec_tuning: {search_space: {units: {choices: []}}}", ["search_space.units"]),
        ("07_gru4rec_tuning: {search_space: {units: {choices: [a]}}}", ["search_space", "units cannot be 'a'"]),
        ("07_gru4rec_tuning: {search_space: {units: {low: 1, high: 3}}}", ["units cannot be 1.0", "integer: true"]),
        ("07_gru4rec_tuning: {search_space: {unit: {choices: [9]}}}", ["'unit'", "'units'"]),
        ("05_forecast_tuning: {search_space: {lambda_l2: {low: 0, high: 1, log: true}}}", ["lambda_l2", "above 0"]),
        ("just words", ["mine.yaml", "sections"]),
        ("shared: {threads: !!int ''}", ["mine.yaml", "mend"]),
        ("shared: &all\n  threads: 1\n03_features:\n  <<: *all", ["mine.yaml", "line 4", "write them out"]),
        ("shared: {threads: !!bool often}", ["mine.yaml", "mend"]),
        ("shared: {threads: !!timestamp soon}", ["mine.yaml", "mend"]),
        ("shared: !!set [1]", ["mine.yaml", "mend"]),
        ("shared: {? [1, 2] : 3}", ["mine.yaml", "line 1", "a key"]),
        ("shared:\n  engine: duck\0db\n", ["mine.yaml", "line 2", "U+0000"]),
        ("shared: {seed: 1, seed: 2}", ["mine.yaml", "line 1", "'seed' is given twice"]),
        ("shared:\n  seed: [1\n", ["mine.yaml", "line"]),
    ],
)
def test_a_mistake_is_one_clear_error(write, text, words):
    with pytest.raises(InputError) as error:
        check_profile(write(text))
    for word in words:
        assert word in str(error.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("shared: " + "[" * 100_000, ["mine.yaml", "mend"], id="brackets"),
        pytest.param("shared: " + "- " * 50_000, ["mine.yaml", "mend"], id="dashes"),
        pytest.param(f"shared: {{threads: {':'.join(['59'] * 2000)}.0}}", ["mine.yaml", "mend"], id="sixties"),
        pytest.param(f"shared: {{threads: 0x{'f' * 5000}}}", ["shared.threads", "thousands of digits"], id="digits"),
        pytest.param("shared:\n" + "".join(f"  k{n}: 1\n" for n in range(3000)), ["unknown key"], id="keys"),
    ],
)
def test_a_mistake_without_end_is_one_clear_error(write, text, words):
    test_a_mistake_is_one_clear_error(write, text, words)


def test_a_file_that_is_no_text_is_one_clear_error(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_bytes(b"shop: \xff\xfe")
    with pytest.raises(InputError, match=r"mine.yaml is not a UTF-8"):
        check_profile(path)


def test_an_unknown_profile_names_the_nearest():
    with pytest.raises(InputError, match="'sample'"):
        load_profile("smaple")


def test_a_key_that_the_defaults_lack_is_missing(write, tmp_path, monkeypatch):
    (tmp_path / "params").mkdir()
    (tmp_path / "params" / "defaults.yaml").write_text("shop: {title: null, generate: null}\n")
    monkeypatch.setattr(profiles, "PARAMS", tmp_path / "params")
    with pytest.raises(InputError, match=r"shared is missing"):
        check_profile(write(""))


def list_whole_numbers(schema: dict | list, place: str = "") -> Iterator[tuple[str, dict]]:
    """Yield where a schema has a whole number, and what it says of it."""
    if isinstance(schema, list):
        schema = dict(enumerate(schema))
    if schema.get("type") == "integer":
        yield place, schema
    for name, part in schema.items():
        if isinstance(part, dict | list):
            yield from list_whole_numbers(part, f"{place}/{name}")


def test_no_whole_number_of_a_profile_is_without_bounds():
    found = dict(list_whole_numbers(Profile.model_json_schema()))
    bounds = {"minimum", "exclusiveMinimum"}, {"maximum", "exclusiveMaximum"}
    loose = [place for place, schema in found.items() if not all(bound & schema.keys() for bound in bounds)]
    # A choice of a search space is checked by what it is a choice of.
    assert [place for place in loose if "/Choices/" not in place] == []
    assert len(found) > 50


def test_a_window_may_have_dates_and_times(write):
    cleaning = check_profile(write("02_cleaning: {window_start: 2015-06-01, window_end: 2015-06-01 12:00:00}")).cleaning
    assert (cleaning.window_start, cleaning.window_end) == (date(2015, 6, 1), datetime(2015, 6, 1, 12))


@pytest.mark.parametrize(
    ("name", "hit_rate", "stops"),
    [
        ("retailrocket", 0.6, True),
        ("sample", 0.75, True),
        ("full_size", 0.75, True),
        ("own_shop", 0.6, False),
        ("ci", 0.6, False),
    ],
)
def test_results_that_cannot_be_true_stop_the_run_or_warn(name, hit_rate, stops):
    profile = load_profile(name)
    for notebook in (profile.gru4rec_baseline, profile.gru4rec_tuning):
        assert (notebook.hit_rate_ceiling, notebook.ratio_ceiling) == (hit_rate, 0.75)
        assert notebook.stop_when_implausible is stops

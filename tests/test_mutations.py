"""Sixty fixed mutations of bad input, through ingestion and cleaning; `make fuzz` tries hundreds, and the notebooks."""

from collections import Counter

import pytest

import mutations
from mutations import judge_shop, make_shop, plan, run_stages, try_profile, try_shop
from smartrocket.errors import InputError

SHOPS, PROFILES = plan(60, seed=1)


@pytest.mark.parametrize(
    ("seed", "file", "name", "mutation"), SHOPS, ids=lambda part: part if isinstance(part, str) else ""
)
def test_a_mutated_shop_ends_in_a_true_ledger_or_one_clear_error(seed, file, name, mutation):
    assert try_shop(seed, file, name, mutation, run_stages) is None


@pytest.mark.parametrize(("seed", "profile", "kind"), PROFILES)
def test_a_mutated_profile_is_the_same_or_one_clear_error(seed, profile, kind):
    name, wrong = try_profile(seed, profile, kind)
    assert wrong is None, name


def test_there_are_sixty_different_ones_and_every_mutation_has_its_turn():
    assert len({trial[:3] for trial in SHOPS}) + len(set(PROFILES)) == 60
    every = mutations.list_mutations()
    shops, _ = plan(2 * len(every), seed=3)
    assert {trial[1:3] for trial in shops[: len(every)]} == {(file, name) for file, name, _ in every}


def fail(error: Exception):
    def run(folder):
        raise error

    return run


def test_what_must_not_happen_is_told_apart():
    none = lambda random, shop, name: None  # noqa: E731
    judge = lambda run: try_shop(1, mutations.EVENTS, "none", none, run)  # noqa: E731
    assert judge(run_stages) is None
    assert "a traceback" in judge(fail(KeyError("itemid")))
    assert "does not say what to do" in judge(fail(InputError("something is wrong: save it anew.")))
    assert "does not say what to do" in judge(fail(InputError("events.csv is wrong.")))
    assert "an error where a report was due" in judge(fail(InputError("events.csv is not to my taste: mend it.")))

    def shows_markup(folder):
        run_stages(folder)
        return mutations.MARKUP

    def loses_rows(folder):
        shorter = (folder / "raw/events.csv").read_text().splitlines()[:-3]
        (folder / "raw/events.csv").write_text("\n".join(shorter))
        run_stages(folder)
        return ""

    def mistakes_an_item(folder):
        header, first, *rest = (folder / "raw/events.csv").read_text().splitlines()
        moment, visitor, event, item, order = first.split(",")
        changed = ",".join([moment, visitor, event, str(int(item) + 1000), order])
        (folder / "raw/events.csv").write_text("\n".join([header, changed, *rest]))
        run_stages(folder)
        return ""

    assert "markup" in judge(shows_markup)
    assert "are kept, where the oracle keeps" in judge(mistakes_an_item)
    assert "the ledger says" in judge(loses_rows)


def test_the_oracle_finds_every_row_of_a_good_shop_kept(tmp_path):
    from random import Random

    for name, sheet in make_shop(Random(1)).items():
        (tmp_path / name).write_bytes(sheet.write())
    verdict = judge_shop(tmp_path)
    assert not verdict.error
    assert not verdict.either
    assert verdict.ledger == {
        "events": Counter(kept=300),
        "item properties": Counter({"kept": 144, "other property": 36}),
        "category tree": Counter(kept=8),
    }


def test_what_was_planned_is_tried_by_its_names(monkeypatch):
    monkeypatch.setattr(mutations, "run_notebooks", fail(KeyError("itemid")))
    what, wrong = mutations.try_trial(SHOPS[0][:3])
    assert what == f"{SHOPS[0][1]}: {SHOPS[0][2]} (seed {SHOPS[0][0]})"
    assert "a traceback" in wrong
    what, wrong = mutations.try_trial(PROFILES[0])
    assert what.startswith(f"{PROFILES[0][1]}.yaml: ")
    assert wrong is None

from dataclasses import replace

import numpy as np
import pytest

from smartrocket.blending import Blend
from smartrocket.gru4rec import GRU4Rec, Settings
from smartrocket.profiles import load_profile
from smartrocket.ranking import evaluate, next_clicks
from smartrocket.recommendation_tuning import (
    baseline_trial,
    best_blend,
    finalists_frame,
    judge,
    latest_share,
    list_finalists,
    search_objective,
    stan_objective,
    train_finalists,
    weigh_blends,
    widen_space,
)
from smartrocket.studies import best_trial, open_study, run_trials, suggest
from visits import Fixed, make_sessions, walk

BASE = Settings(units=8, epochs=2, batch_clicks=64, negatives=24, learning_rate=0.1, embedding_dropout=0.1)
SPACE = {"units": {"choices": [8, 12]}, "learning_rate": {"low": 0.02, "high": 0.2, "log": True}}


@pytest.fixture(scope="module")
def trials(tmp_path_factory):
    study = open_study(tmp_path_factory.mktemp("study") / "journal", "s", "maximize", 1)
    asked = next_clicks(walk(40, seed=5))
    objective = search_objective(walk(150), asked, 30, BASE, SPACE, 1)
    return run_trials(study, objective, 4, first=[baseline_trial(BASE, SPACE)])


def test_the_latest_sessions_are_kept():
    sessions = make_sessions([0, 1], [2, 3], [4, 5], [6, 7])
    assert latest_share(sessions, 0.5).items.tolist() == [4, 5, 6, 7]
    assert latest_share(sessions, 0.3).items.tolist() == [4, 5, 6, 7]
    assert len(latest_share(sessions, 1.0)) == 4


def test_finalists_are_the_first_network_and_the_best_trials(trials):
    assert trials[0].params == {"units": 8, "learning_rate": 0.1}
    finalists = list_finalists(trials, BASE, 3, epochs=7)
    assert next(iter(finalists)) == "first network"
    assert len(finalists) == 3
    assert finalists["first network"] == replace(BASE, epochs=7)
    assert all(settings.epochs == 7 for settings in finalists.values())
    best = sorted(trials, key=lambda trial: -trial.value)
    others = [trial for trial in best if trial.number != 0][:2]
    assert list(finalists)[1:] == [f"trial {trial.number + 1}" for trial in others]
    assert list(list_finalists([], BASE, 3, epochs=7)) == ["first network"]
    assert len(list_finalists(trials, BASE, 1, epochs=7)) == 1


@pytest.mark.parametrize("profile", ["ci", "own_shop", "retailrocket", "sample"])
def test_the_first_trial_has_the_first_networks_settings_whatever_the_space(tmp_path, profile):
    profile = load_profile(profile)
    base = Settings(**profile.gru4rec_baseline.network.model_dump(exclude_none=True))
    given = {name: entry.model_dump(exclude_none=True) for name, entry in profile.gru4rec_tuning.search_space.items()}
    for settings in (base, replace(base, units=600, learning_rate=0.3, embedding_dropout=0.33, batch_clicks=333)):
        space = widen_space(given, settings)
        study = open_study(tmp_path / str(settings.units), "s", "maximize", 1)
        first = baseline_trial(settings, space)
        trials = run_trials(study, lambda trial, space=space: len(suggest(trial, space)), 1, first=[first])
        assert trials[0].params == pytest.approx(first)


def test_a_space_that_holds_the_settings_stays_as_it_is():
    assert widen_space(SPACE, BASE) == SPACE
    steps = {"embedding_dropout": {"low": 0.0, "high": 0.5, "step": 0.05}}
    assert widen_space(steps, BASE) == steps


def test_finalists_are_trained_in_full_and_judged(trials, tmp_path):
    asked = next_clicks(walk(40, seed=5))
    finalists = list_finalists(trials, BASE, 2, epochs=3)
    trained = train_finalists(finalists, walk(150), asked, 30, 1, "cpu", lambda name: tmp_path / name)
    assert [finalist.name for finalist in trained] == list(finalists)
    for finalist in trained:
        assert len(finalist.model.losses) == 3
        assert finalist.value == judge(finalist.model, asked, 30)
    assert finalists_frame(trained)["NDCG@20"].tolist() == [finalist.value for finalist in trained]
    # A run that was killed finds the trainings it had finished.
    again = train_finalists(finalists, walk(150), asked, 30, 1, "cpu", lambda name: tmp_path / name)
    assert [finalist.value for finalist in again] == [finalist.value for finalist in trained]


def test_stan_is_searched_by_the_same_clicks(tmp_path):
    asked = next_clicks(walk(40, seed=5))
    study = open_study(tmp_path / "journal", "stan", "maximize", 1)
    found = run_trials(study, stan_objective(walk(150), asked, 30), 3)
    assert best_trial(found, "maximize").value > 0.3


def test_a_blend_is_weighed_as_if_each_weight_were_tried_alone():
    network, partners = Fixed(np.arange(40)), {"down": Fixed(-np.arange(40)), "up": Fixed(np.arange(40))}
    asked = next_clicks(make_sessions(*[[5, item] for item in (0, 1, 38, 39, 39, 20)]))
    weighed = weigh_blends(network, partners, asked, [0.0, 0.4, 1.0], seed=1)
    assert len(weighed) == 6
    for row in weighed.to_dict("records"):
        metrics = evaluate(Blend(network, partners[row["partner"]], row["weight"]), asked, 40).metrics()
        assert row["ndcg@20"] == pytest.approx(metrics["ndcg@20"])
        assert row["hit_rate@20"] == pytest.approx(metrics["hit_rate@20"])
    assert weigh_blends(network, partners, asked.take(np.array([], dtype=int)), [0.3], seed=1)["ndcg@20"].tolist() == [
        0,
        0,
    ]


def test_a_blend_must_earn_its_place():
    asked = next_clicks(make_sessions(*[[5, item] for item in range(10, 40)]))
    same = {"STAN": Fixed(np.arange(40)), "walk": Fixed(np.arange(40))}
    weighed = weigh_blends(Fixed(np.arange(40)), same, asked, [0.0, 0.2, 0.5, 0.8, 1.0], seed=1)
    assert best_blend(weighed) == (None, 1.0)
    weighed["ndcg@20"] = [0.3, 0.1, 0.2, 0.3, 0.35, 0.2, 0.1, 0.4, 0.4, 0.35]
    assert best_blend(weighed) == ("walk", 0.5)
    weighed["ndcg@20"] = [0.9, 0.1, 0.2, 0.3, 0.95, 0.99, 0.1, 0.2, 0.4, 0.95]
    assert best_blend(weighed) == (None, 0.0)


def test_nothing_to_judge_by_is_no_error(tmp_path):
    nothing = make_sessions()
    asked = next_clicks(nothing)
    assert judge(GRU4Rec(BASE, 1).fit(nothing, 0), asked, 0) == 0
    (only,) = train_finalists({"first network": BASE}, nothing, asked, 0, 1, "cpu", lambda name: tmp_path / name)
    assert only.value == 0

import optuna
import pandas as pd
import pytest
from optuna.trial import TrialState

from smartrocket.studies import (
    best_trial,
    fingerprint,
    frame_fingerprint,
    open_study,
    parameter_importance,
    run_trials,
    suggest,
    trials_frame,
)

SPACE = {
    "rate": {"low": 0.01, "high": 1.0, "log": True},
    "units": {"low": 8, "high": 64, "step": 8, "integer": True},
    "loss": {"choices": ["a", "b"]},
}


def bowl(trial: optuna.Trial) -> float:
    values = suggest(trial, SPACE)
    return (values["rate"] - 0.1) ** 2 + values["units"] / 100 + (values["loss"] == "b")


def history(trials) -> list[tuple]:
    return [(trial.params, trial.value) for trial in trials]


def test_study_repeats_itself_by_seed(tmp_path):
    runs = [
        history(run_trials(open_study(tmp_path / f"{run}.journal", "s", "minimize", seed), bowl, 9))
        for run, seed in enumerate([1, 1, 2])
    ]
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]
    assert all(params["units"] % 8 == 0 for params, _ in runs[0])


def test_killed_study_ends_where_an_uninterrupted_one_does(tmp_path):
    first = [{"rate": 0.5, "units": 16, "loss": "b"}]
    whole = run_trials(open_study(tmp_path / "whole", "s", "minimize", 3), bowl, 10, first=first)

    calls = []

    def dying(trial):
        value = bowl(trial)
        calls.append(value)
        if len(calls) in (1, 8):
            raise KeyboardInterrupt
        return value

    for _ in range(2):
        study = open_study(tmp_path / "killed", "s", "minimize", 3)
        with pytest.raises(KeyboardInterrupt):
            run_trials(study, dying, 10, first=first)
    with (tmp_path / "killed").open("ab") as journal:
        journal.write(b'{"op_code":4,"work')
    (tmp_path / "killed.lock").symlink_to("nowhere")
    study = open_study(tmp_path / "killed", "s", "minimize", 3)
    finished = run_trials(study, dying, 10, first=first)
    assert history(finished) == history(whole)
    assert finished[0].params == first[0]
    assert len(calls) == 12


def test_only_missing_trials_run(tmp_path):
    study = open_study(tmp_path / "j", "s", "minimize", 0)
    run_trials(study, bowl, 4)

    def forbidden(trial):
        raise AssertionError("no trial is missing")

    assert len(run_trials(open_study(tmp_path / "j", "s", "minimize", 0), forbidden, 4)) == 4
    assert len(run_trials(study, bowl, 6)) == 6
    assert len(run_trials(study, bowl, 9, timeout_seconds=0)) == 6


def test_pruned_trials_are_finished_but_never_best(tmp_path):
    study = open_study(tmp_path / "j", "s", "maximize", 0)

    def objective(trial):
        value = trial.suggest_float("x", 0, 1)
        trial.report(value, 0)
        if trial.number % 2:
            raise optuna.TrialPruned
        return value

    trials = run_trials(study, objective, 6)
    assert [trial.state for trial in trials] == [TrialState.COMPLETE, TrialState.PRUNED] * 3
    best = best_trial(trials, "maximize")
    assert best.value == max(trial.value for trial in trials[::2])
    frame = trials_frame(trials)
    assert list(frame["trial"]) == [1, 2, 3, 4, 5, 6]
    assert {"state", "value", "steps", "x"} <= set(frame.columns)


def test_importance_needs_enough_trials(tmp_path):
    study = open_study(tmp_path / "j", "s", "minimize", 0)
    run_trials(study, bowl, 3)
    assert parameter_importance(study).empty
    run_trials(study, bowl, 25)
    importance = parameter_importance(study)
    assert importance["importance"].sum() == pytest.approx(1)
    assert sorted(importance["parameter"]) == ["loss", "rate", "units"]


def test_fingerprints_change_with_content():
    assert fingerprint(a=1, b=[1]) == fingerprint(b=[1], a=1) != fingerprint(a=2, b=[1])
    frame = pd.DataFrame({"a": [1, 2], "b": [3, 4]})
    assert frame_fingerprint(frame) == frame_fingerprint(frame.copy())
    assert frame_fingerprint(frame) != frame_fingerprint(frame.assign(b=[4, 3]))

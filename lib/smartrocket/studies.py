"""Searches for good settings that survive a kill and repeat themselves exactly.

A study is an Optuna search kept in a journal file. Every finished trial is on disk at once, a
trial that was cut off is repeated, and a trial's suggestions depend only on the seed and on the
trials finished before it, so that an interrupted search ends where an uninterrupted one does.
"""

import hashlib
import json
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
from optuna.importance import PedAnovaImportanceEvaluator
from optuna.pruners import BasePruner, NopPruner
from optuna.samplers import TPESampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, Trial, TrialState

optuna.logging.set_verbosity(optuna.logging.WARNING)

FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)


def fingerprint(**settings: Any) -> str:
    """Return eight characters that change with any of the settings, with the library's code and with its versions.

    Put it into a study's name together with everything that decides a trial's value (data, search
    space, epochs), so that trials of another question are never taken for answers to this one.
    """
    modules = sorted(Path(__file__).parent.glob("*.py"))
    code = hashlib.sha256(b"".join(path.read_bytes() for path in modules)).hexdigest()
    versions = [metadata.version(name) for name in ("lightgbm", "numpy", "optuna", "torch")]
    text = json.dumps([settings, code, versions], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def frame_fingerprint(frame: pd.DataFrame) -> str:
    """Return eight characters that change with any cell of the frame."""
    hashes = pd.util.hash_pandas_object(frame, index=False).to_numpy()
    return hashlib.sha256(np.ascontiguousarray(hashes).tobytes()).hexdigest()[:8]


def open_study(
    path: Path | str,
    name: str,
    direction: str,
    seed: int,
    pruner: BasePruner | None = None,
    startup_trials: int = 5,
) -> optuna.Study:
    """Return the study `name` kept in the journal file `path`, created where it does not exist.

    `direction` is "maximize" or "minimize". The first `startup_trials` finished trials are drawn at
    random, later ones by the tree-structured Parzen estimator (Bergstra et al. 2011). One process
    at a time may use a journal: whatever a killed process left of its lock or of a half-written
    line is removed here.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_name(path.name + ".lock").unlink(missing_ok=True)
    _drop_torn_line(path)
    study = optuna.create_study(
        storage=JournalStorage(JournalFileBackend(str(path))),
        study_name=name,
        direction=direction,
        pruner=pruner or NopPruner(),
        load_if_exists=True,
    )
    study.set_user_attr("seed", seed)
    study.set_user_attr("startup_trials", startup_trials)
    return study


def run_trials(
    study: optuna.Study,
    objective: Callable[[Trial], float],
    trials: int,
    timeout_seconds: float | None = None,
    first: Sequence[Mapping[str, Any]] = (),
) -> list[FrozenTrial]:
    """Run the trials that are still missing until the study has `trials` finished ones.

    `first` holds settings to try before the search makes its own suggestions. No new trial starts
    after `timeout_seconds`. Returns the finished trials (complete and pruned) in order.
    """
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)
    started = time.monotonic()
    finished = finished_trials(study)
    while len(finished) < trials:
        if timeout_seconds is not None and time.monotonic() - started >= timeout_seconds:
            break
        # A sampler of its own for each trial: what it suggests must not depend on how many trials
        # this process has run, or a continued search would part from an uninterrupted one.
        study.sampler = TPESampler(
            seed=(study.user_attrs["seed"] * 100_003 + len(finished)) % 2**32,
            n_startup_trials=study.user_attrs["startup_trials"],
        )
        if len(finished) < len(first):
            study.enqueue_trial(dict(first[len(finished)]))
        study.optimize(objective, n_trials=1)
        finished = finished_trials(study)
    return finished[:trials]


def finished_trials(study: optuna.Study) -> list[FrozenTrial]:
    """Return the trials that ended with a value or were pruned, in the order they were started."""
    return study.get_trials(deepcopy=False, states=FINISHED)


def measure_seconds(trials: Sequence[FrozenTrial]) -> float:
    """Return how long the trials took in all, whether this process ran them or one before it."""
    return sum(trial.duration.total_seconds() for trial in trials)


def best_trial(trials: Sequence[FrozenTrial], direction: str) -> FrozenTrial:
    """Return the complete trial with the best value; the earliest where several share it.

    Raises ValueError where no trial is complete.
    """
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    sign = 1.0 if direction == "maximize" else -1.0
    return max(complete, key=lambda trial: (sign * trial.value, -trial.number))


def trials_frame(trials: Sequence[FrozenTrial]) -> pd.DataFrame:
    """Return one row a trial: trial (from 1), state, value, steps reported and every parameter."""
    rows = [
        {
            "trial": position,
            "state": trial.state.name.lower(),
            "value": trial.value,
            "steps": len(trial.intermediate_values),
            **trial.params,
        }
        for position, trial in enumerate(trials, start=1)
    ]
    return pd.DataFrame(rows)


def suggest(trial: Trial, space: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return one value for each parameter of a search space written as plain data.

    Each parameter has either `choices` (a list) or `low` and `high`, with optional `log` (search on
    a logarithmic scale), `step` and `integer`. Example:
    `{"learning_rate": {"low": 0.01, "high": 0.25, "log": True}, "loss": {"choices": ["a", "b"]}}`.
    """
    values: dict[str, Any] = {}
    for name, entry in space.items():
        if "choices" in entry:
            values[name] = trial.suggest_categorical(name, list(entry["choices"]))
        elif entry.get("integer", False):
            step = int(entry.get("step", 1))
            low, high = int(entry["low"]), int(entry["high"])
            values[name] = trial.suggest_int(name, low, high, step=step, log=entry.get("log", False))
        else:
            low, high = float(entry["low"]), float(entry["high"])
            step = entry.get("step")
            values[name] = trial.suggest_float(name, low, high, step=step, log=entry.get("log", False))
    return values


def parameter_importance(study: optuna.Study) -> pd.DataFrame:
    """Return how much each parameter sets good trials apart from the others, largest first.

    Columns: parameter, importance (shares that add up to 1), by PED-ANOVA (Watanabe et al. 2023).
    The frame is empty where fewer than four complete trials or no differing values leave nothing
    to share out.
    """
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if len(complete) < 4 or len({trial.value for trial in complete}) < 2:
        return pd.DataFrame({"parameter": pd.Series(dtype=str), "importance": pd.Series(dtype=float)})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        evaluator = PedAnovaImportanceEvaluator(target_quantile=0.25)
    shares = optuna.importance.get_param_importances(study, evaluator=evaluator)
    return pd.DataFrame({"parameter": list(shares), "importance": list(shares.values())})


def _drop_torn_line(path: Path) -> None:
    if not path.exists():
        return
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if len(whole) < len(content):
        path.write_bytes(whole)

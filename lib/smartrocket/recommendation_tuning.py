"""The search for better settings of GRU4Rec: on training and validation sessions only."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import optuna
from optuna.trial import FrozenTrial, Trial

from smartrocket.gru4rec import GRU4Rec, Settings
from smartrocket.ranking import NextClicks, Sessions, evaluate
from smartrocket.studies import suggest
from smartrocket.wording import joined, number, plural

METRIC = "mrr@20"


def latest_share(sessions: Sessions, share: float) -> Sessions:
    """Return the latest share of the sessions, in their order."""
    count = int(np.ceil(len(sessions) * share))
    return sessions.take(np.sort(np.argsort(-sessions.seconds[sessions.offsets[:-1]], kind="stable")[:count]))


def sample_clicks(clicks: NextClicks, count: int, seed: int) -> NextClicks:
    """Return at most `count` of the clicks to predict, drawn at random, in their order."""
    chosen = np.sort(np.random.default_rng(seed).permutation(len(clicks))[:count])
    return NextClicks(
        clicks.prefixes.take(chosen),
        clicks.targets[chosen],
        clicks.session[chosen],
        clicks.position[chosen],
        clicks.repeat[chosen],
    )


def search_objective(
    train: Sessions,
    validation: NextClicks,
    item_count: int,
    base: Settings,
    space: Mapping[str, Mapping[str, Any]],
    seed: int,
    device: str = "cpu",
) -> Callable[[Trial], float]:
    """Return what a trial does: train with suggested settings, give MRR@20 on the validation clicks.

    After each epoch the value so far is reported, so that a hopeless trial is stopped early; how long
    the trial took is kept in its attribute `training_seconds`.
    """

    def objective(trial: Trial) -> float:
        settings = replace(base, **suggest(trial, space))
        model = GRU4Rec(settings, seed, device)
        started, value = time.perf_counter(), 0.0

        def report(epoch: int, loss: float) -> None:
            nonlocal value
            trial.set_user_attr("training_seconds", time.perf_counter() - started)
            value = float(evaluate(model, validation, item_count).gains(METRIC).mean())
            trial.report(value, epoch)
            if epoch < settings.epochs and trial.should_prune():
                raise optuna.TrialPruned

        model.fit(train, item_count, after_epoch=report)
        return value

    return objective


def describe_space(space: Mapping[str, Mapping[str, Any]]) -> str:
    """Say which settings are searched and where: "units (64, 96 or 128) and learning rate (0.03 to 0.2)"."""
    described = []
    for name, entry in space.items():
        if "choices" in entry:
            *others, last = map(str, entry["choices"])
            values = f"{', '.join(others)} or {last}" if others else last
        else:
            values = f"{entry['low']} to {entry['high']}"
        described.append(f"{name.replace('_', ' ')} ({values})")
    return joined(described)


def describe_shortcuts(trained: int, sessions: int, judged: int, clicks: int) -> str:
    """Say what a search leaves out to be quick: of the `sessions` and the validation `clicks` there are."""
    if not judged:
        return "There is no validation click to judge a trial by."
    training = (
        f"trains on the latest {plural(trained, 'session')} of {number(sessions)}"
        if trained < sessions
        else f"trains on all earlier sessions ({number(sessions)})"
    )
    judging = (
        f"is judged by a random draw of {plural(judged, 'click')} from the {number(clicks)} of the validation"
        if judged < clicks
        else f"is judged by all clicks to predict of the validation ({number(clicks)})"
    )
    return f"Every trial {training} and {judging}."


def baseline_trial(settings: Settings, space: Mapping[str, Any]) -> dict[str, Any]:
    """Return the baseline's values of the searched parameters: the first trial of every search."""
    values = asdict(settings)
    return {name: values[name] for name in space}


def chosen_settings(base: Settings, best: FrozenTrial | None) -> Settings:
    """Return the base settings with the best trial's values; unchanged where no trial ended."""
    return replace(base, **best.params) if best is not None else base

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


def baseline_trial(settings: Settings, space: Mapping[str, Any]) -> dict[str, Any]:
    """Return the baseline's values of the searched parameters: the first trial of every search."""
    values = asdict(settings)
    return {name: values[name] for name in space}


def chosen_settings(base: Settings, best: FrozenTrial | None) -> Settings:
    """Return the base settings with the best trial's values; unchanged where no trial ended."""
    return replace(base, **best.params) if best is not None else base

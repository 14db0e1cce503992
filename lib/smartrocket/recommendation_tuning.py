"""The search for better settings, on training and validation sessions only.

It goes from cheap to dear: many trials on a share of the sessions and for few epochs, the hopeless ones stopped
early; then the best ones, and the first network's settings, trained in full; then what stands around the network,
STAN's settings and the weight of a blend.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
from optuna.trial import FrozenTrial, Trial, TrialState

from smartrocket.blending import Blend
from smartrocket.gru4rec import GRU4Rec, Settings
from smartrocket.neighbours import stan
from smartrocket.ranking import NextClicks, Recommender, Sessions, evaluate, sample_clicks
from smartrocket.studies import suggest
from smartrocket.wording import joined, number, plural

METRIC = "ndcg@20"
"""What decides: it asks both that the next item is on the list and that it stands high."""

MOST_CLICKS = 1500

STAN_SPACE = {
    "neighbours": {"low": 50, "high": 1000, "log": True, "integer": True},
    "click_decay": {"low": 0.5, "high": 10.0, "log": True},
    "day_decay": {"low": 2.0, "high": 200.0, "log": True},
    "gap_decay": {"low": 0.5, "high": 20.0, "log": True},
}
"""What is searched for STAN; the settings mean what they mean in `neighbours.SessionNeighbours`."""


def latest_share(sessions: Sessions, share: float) -> Sessions:
    """Return the latest share of the sessions, in their order."""
    count = int(np.ceil(len(sessions) * share))
    return sessions.take(np.sort(np.argsort(-sessions.seconds[sessions.offsets[:-1]], kind="stable")[:count]))


def search_objective(
    train: Sessions,
    validation: NextClicks,
    item_count: int,
    base: Settings,
    space: Mapping[str, Mapping[str, Any]],
    seed: int,
    device: str = "cpu",
) -> Callable[[Trial], float]:
    """Return what a trial does: train with suggested settings, give NDCG@20 on the validation clicks.

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


@dataclass(frozen=True)
class Finalist:
    """Settings trained in full on the earlier sessions: the trained network, and its NDCG@20 on validation."""

    name: str
    settings: Settings
    model: GRU4Rec
    value: float


def list_finalists(trials: Sequence[FrozenTrial], base: Settings, count: int, epochs: int) -> dict[str, Settings]:
    """Return the settings to train in full, by name: the first network's, then those of the best complete trials.

    There are at most `count` of them; settings that were tried twice are listed once. Each gets all `epochs`.
    """
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    complete.sort(key=lambda trial: (-trial.value, trial.number))
    number_of = {trial.number: place for place, trial in enumerate(trials, start=1)}
    finalists = {"first network": replace(base, epochs=epochs)}
    for trial in complete:
        settings = replace(base, **trial.params, epochs=epochs)
        if len(finalists) < count and settings not in finalists.values():
            finalists[f"trial {number_of[trial.number]}"] = settings
    return finalists


def train_finalists(
    finalists: Mapping[str, Settings],
    train: Sessions,
    validation: NextClicks,
    item_count: int,
    seed: int,
    device: str,
    checkpoint: Callable[[str], Path],
) -> list[Finalist]:
    """Train every finalist on all earlier sessions and judge it by the validation clicks, in the order given.

    `checkpoint` gives the folder in which a training is kept after each epoch, by the finalist's name.
    """
    trained = []
    for name, settings in finalists.items():
        model = GRU4Rec(settings, seed, device).fit(train, item_count, checkpoint=checkpoint(name))
        trained.append(Finalist(name, settings, model, judge(model, validation, item_count)))
    return trained


def finalists_frame(finalists: Sequence[Finalist]) -> pd.DataFrame:
    """Return one row a finalist: finalist and its NDCG@20 on validation."""
    return pd.DataFrame([{"finalist": finalist.name, "NDCG@20": finalist.value} for finalist in finalists])


def judge(model: Recommender, clicks: NextClicks, item_count: int) -> float:
    """Return a model's NDCG@20 on some clicks; 0 where there are none."""
    return float(evaluate(model, clicks, item_count).gains(METRIC).mean()) if len(clicks) else 0.0


def stan_objective(train: Sessions, validation: NextClicks, item_count: int) -> Callable[[Trial], float]:
    """Return what a trial of STAN does: index the sessions with suggested settings, give NDCG@20 on validation."""

    def objective(trial: Trial) -> float:
        return judge(stan(**suggest(trial, STAN_SPACE)).fit(train, item_count), validation, item_count)

    return objective


class Given:
    """A recommender whose scores are known already."""

    def __init__(self, scores: np.ndarray):
        self.scores = scores

    def score(self, prefixes: Sessions) -> np.ndarray:
        """Return the scores."""
        return self.scores


def weigh_blends(
    network: Recommender,
    partners: Mapping[str, Recommender],
    validation: NextClicks,
    weights: Sequence[float],
    seed: int,
) -> pd.DataFrame:
    """Try weights of a network in blends with other trained models.

    Returns one row a partner and weight: partner, weight, hit_rate@20 and ndcg@20 on the validation clicks, of which
    at most 1,500 are drawn.
    """
    validation = sample_clicks(validation, MOST_CLICKS, seed)
    gains = {(name, weight): {"hit_rate@20": 0.0, METRIC: 0.0} for name in partners for weight in weights}
    for start in range(0, len(validation), 256):
        clicks = validation.take(np.arange(start, min(start + 256, len(validation))))
        # Every model is asked once, whatever the number of weights.
        own = Given(network.score(clicks.prefixes))
        others = {name: Given(partner.score(clicks.prefixes)) for name, partner in partners.items()}
        for (name, weight), sums in gains.items():
            ranking = evaluate(Blend(own, others[name], weight), clicks, own.scores.shape[1], batch=len(clicks))
            for metric in sums:
                sums[metric] += float(ranking.gains(metric).sum()) / len(validation)
    return pd.DataFrame([{"partner": name, "weight": weight, **sums} for (name, weight), sums in gains.items()])


def best_blend(weighed: pd.DataFrame) -> tuple[str | None, float]:
    """Return partner and weight of the blend with the highest NDCG@20; of equal ones the one nearest to a half.

    No blend earns its place where the network or a partner alone does as well: then the partner returned is None, and
    the weight 1.0 where it is the network that does, 0.0 where it is a partner.
    """
    best = weighed[weighed[METRIC] == weighed[METRIC].max()]
    alone = best.loc[best["weight"].isin([0.0, 1.0]), "weight"]
    if len(alone):
        return None, float(alone.max())
    chosen = best.loc[(best["weight"] - 0.5).abs().idxmin()]
    return str(chosen["partner"]), float(chosen["weight"])


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


def widen_space(space: Mapping[str, Mapping[str, Any]], settings: Settings) -> dict[str, dict[str, Any]]:
    """Return the search space, widened where it must be to hold the values of some settings.

    A trial with values from outside of its space is not one that Optuna would make. Where a value lies between two
    steps, the steps are left out.
    """
    wide = {}
    for name, entry in space.items():
        value, entry = getattr(settings, name), dict(entry)
        if "choices" in entry:
            entry["choices"] = [*entry["choices"], *([value] if value not in entry["choices"] else [])]
        else:
            entry |= {"low": min(entry["low"], value), "high": max(entry["high"], value)}
            steps = (value - entry["low"]) / entry.get("step", 1)
            if "step" in entry and abs(steps - round(steps)) > 1e-8:
                del entry["step"]
        wide[name] = entry
    return wide


def baseline_trial(settings: Settings, space: Mapping[str, Any]) -> dict[str, Any]:
    """Return the baseline's values of the searched parameters: the first trial of every search."""
    values = asdict(settings)
    return {name: values[name] for name in space}

"""Sales forecasts by gradient boosting, trained and scored strictly in the order of time.

The task: at the end of day t, the units that each item sells on the days t+1 .. t+horizon. Day t is the
forecast's origin. Between the last origin that a model learns from and the first one it is scored on lie
`horizon` days, so that no sale is both learned from and forecast.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import lightgbm as lgb
import numpy as np
import optuna
import pandas as pd
import pyarrow.parquet as pq

from smartrocket.errors import InputError
from smartrocket.files import write_text
from smartrocket.studies import best_trial, fingerprint, frame_fingerprint, open_study, run_trials, suggest
from smartrocket.training_sample import DATASET, draw_rows, plan_shares
from smartrocket.workspace import Workspace

SHORTEST_TRAINING = 14
"""Fewer days of origins than this are not worth training on."""

DAY = pd.Timedelta(days=1)
PANEL_COLUMNS = ("sales", "age_days", "target")

RISING = re.compile(
    r"(sales|addtocarts|views)(_(lag|sum|mean|recent)_\d+)?|(shop|category|parent)_(sales|views)_sum_\d+|conversion_.+"
)
FALLING = re.compile(r"(sales|addtocarts|views)_days_since")
"""Features of which more cannot mean fewer sales, and the other way round: what `monotone` holds a model to."""

MANY_ROWS = 200_000
"""On fewer rows a second thread costs more in waiting than it saves in work."""

METRICS = {"poisson_deviance": "poisson", "squared_error": "l2"}
"""What may decide when a training stops and which trial is best, and LightGBM's name of it."""


@dataclass(frozen=True)
class Panel:
    """Item-days in the order of item and date: itemid, date, sales, age_days, target and `features`.

    An item has a row from the day on which it entered the panel to the last complete day. A training learns from no
    more than `train_rows` of them where that is given, a weighted sample (see `smartrocket.training_sample`).
    """

    frame: pd.DataFrame
    features: list[str]
    horizon: int
    train_rows: int | None = None

    @property
    def last_date(self) -> pd.Timestamp:
        """The last complete day."""
        return self.frame["date"].max()


@dataclass(frozen=True)
class Fold:
    """Origins to learn from and, after a gap of the horizon, origins to check on; all ends included."""

    train_first: pd.Timestamp
    train_last: pd.Timestamp
    check_first: pd.Timestamp
    check_last: pd.Timestamp


@dataclass(frozen=True)
class Split:
    """The days of a shop: a fold for training and early stopping, then weekly origins of the test."""

    fold: Fold
    test_origins: pd.DatetimeIndex
    horizon: int

    @property
    def learn_last(self) -> pd.Timestamp:
        """The last origin whose whole target is known at the first origin of the test."""
        return self.test_origins[0] - self.horizon * DAY


@dataclass
class Training:
    """A trained model with its learning curve (the mean score after each tree on the check rows)."""

    booster: lgb.Booster
    trees: int
    rows: int
    curve: dict[str, np.ndarray] = field(default_factory=dict)


def load_panel(workspace: Workspace, train_rows: int | None = None) -> Panel:
    """Read the panel that notebook 03 wrote, all numbers as 32-bit floats.

    The file holds days in order, and within a day the items. It is read column by column straight into the order of
    items and days, so that no second copy of the whole is ever held. Raises InputError when the panel is missing.
    """
    facts = workspace.read_json("processed/panel.json")
    horizon = facts["horizon_days"]
    ahead = [f"target_{lead}" for lead in range(1, horizon + 1)]
    path = workspace.existing("processed/panel.parquet")
    keys = pq.read_table(path, columns=["itemid", "date"]).to_pandas(date_as_object=False)
    order = np.lexsort((keys["date"].to_numpy(), keys["itemid"].to_numpy()))
    names = list(dict.fromkeys([*PANEL_COLUMNS, *ahead, *facts["features"]]))
    values = np.empty((len(names), len(keys)), dtype=np.float32)
    stored = pq.ParquetFile(path)
    for row, name in enumerate(names):
        column = stored.read(columns=[name]).column(0)
        values[row] = column.to_numpy().astype(np.float32)[order]
    frame = pd.DataFrame(values.T, columns=names, copy=False)
    frame.insert(0, "itemid", keys["itemid"].to_numpy()[order])
    frame.insert(1, "date", keys["date"].to_numpy("datetime64[ns]")[order])
    return Panel(frame, facts["features"], horizon, train_rows)


def plan_split(
    panel: Panel,
    test_weeks: int,
    check_weeks: int,
    test_start: str | None = None,
    check_start: str | None = None,
) -> Split | None:
    """Return the split in time of a panel, None where the shop is too young for one.

    The origins of the test lie a week apart, the last one `horizon` days before the last complete day: the last
    `test_weeks` weeks, or as many as forecast days from `test_start` on only. The check origins of early stopping
    are all days of `check_weeks` weeks before, or those that forecast days from `check_start` on and before the
    test, with a gap on either side. Raises InputError for dates that leave no such days.
    """
    if panel.frame.empty:
        return None
    first, last_origin = panel.frame["date"].min(), panel.last_date - panel.horizon * DAY
    weeks, check_days, boundary = test_weeks, 7 * check_weeks, pd.Timestamp.max
    if test_start is not None:
        boundary = pd.Timestamp(test_start) - DAY
        weeks = (last_origin - boundary).days // 7 + 1
        if weeks < 1:
            raise InputError(
                f"test_start {test_start}: no {panel.horizon} whole days from then on are in the log, which ends on "
                f"{panel.last_date:%Y-%m-%d}; choose an earlier day."
            )
    test_origins = pd.date_range(end=last_origin, periods=weeks, freq="7D")
    boundary = min(boundary, test_origins[0])
    if check_start is not None:
        check_days = (boundary - panel.horizon * DAY - pd.Timestamp(check_start)).days + 2
        if check_days < 1:
            raise InputError(
                f"check_start {check_start}: no {panel.horizon} days from then on end before the test, which forecasts "
                f"the days from {boundary + DAY:%Y-%m-%d} on; choose an earlier day."
            )
    fold = fold_before(first, boundary, panel.horizon, check_days)
    return Split(fold, test_origins, panel.horizon) if fold is not None else None


def look_back(split: Split | None) -> Split | None:
    """Return the split with weekly origins of its check days in the place of the test's.

    What is forecast there, by a model that learned from the days before, shows how outcomes scatter.
    """
    if split is None:
        return None
    return replace(split, test_origins=weekly_origins(split.fold))


def look_forward(split: Split, panel: Panel) -> Split:
    """Return the split with the last whole day as its only origin, in the place of the test's."""
    return replace(split, test_origins=pd.DatetimeIndex([panel.last_date]))


def weekly_origins(fold: Fold) -> pd.DatetimeIndex:
    """Return the check origins of a fold that lie whole weeks before its last one."""
    weeks = (fold.check_last - fold.check_first).days // 7 + 1
    return pd.date_range(end=fold.check_last, periods=weeks, freq="7D")


def fold_before(first: pd.Timestamp, origin: pd.Timestamp, horizon: int, check_days: int) -> Fold | None:
    """Return the fold whose check origins are the last ones with a target known at `origin`.

    None where less than `SHORTEST_TRAINING` days are left to train on.
    """
    check_last = origin - horizon * DAY
    check_first = check_last - (check_days - 1) * DAY
    train_last = check_first - horizon * DAY
    if (train_last - first).days + 1 < SHORTEST_TRAINING:
        return None
    return Fold(first, train_last, check_first, check_last)


def rolling_folds(split: Split, folds: int, check_days: int) -> list[Fold]:
    """Return up to `folds` folds before the test, the earliest first; their check origins do not overlap."""
    planned = []
    for position in range(folds):
        origin = split.test_origins[0] - position * check_days * DAY
        fold = fold_before(split.fold.train_first, origin, split.horizon, check_days)
        if fold is None:
            break
        planned.insert(0, fold)
    return planned


def choose_rows(panel: Panel, first: pd.Timestamp, last: pd.Timestamp, stride: int = 1) -> np.ndarray:
    """Tell which rows have origins from `first` to `last`, every `stride`-th day counted back."""
    dates = panel.frame["date"]
    chosen = dates.between(first, last)
    if stride > 1:
        chosen &= (last - dates).dt.days % stride == 0
    return chosen.to_numpy()


def select_rows(panel: Panel, first: pd.Timestamp, last: pd.Timestamp, stride: int = 1) -> pd.DataFrame:
    """Return the rows with origins from `first` to `last`, every `stride`-th day counted back."""
    return panel.frame[choose_rows(panel, first, last, stride)]


def make_dataset(
    panel: Panel,
    first: pd.Timestamp,
    last: pd.Timestamp,
    stride: int = 1,
    reference: lgb.Dataset | None = None,
) -> lgb.Dataset | None:
    """Return the rows between two origins for LightGBM, None where they hold no sale to learn from.

    Rows to learn from are sampled down to the panel's `train_rows`; rows to check on, which have their training rows
    as `reference`, are not.
    """
    rows = np.flatnonzero(choose_rows(panel, first, last, stride))
    target = panel.frame["target"].to_numpy()[rows]
    if not np.nansum(target):
        return None
    weights = None
    if reference is None and panel.train_rows is not None and len(rows) > panel.train_rows:
        sold = int(np.count_nonzero(target > 0))
        shares = plan_shares(sold, len(rows) - sold, panel.train_rows)
        places, weights = draw_rows(target, shares, np.random.default_rng(0))
        rows, target = rows[places], target[places]
    # Column by column: of the whole panel no second copy would fit beside the first.
    values = np.empty((len(panel.features), len(target)), dtype=np.float32)
    for place, name in enumerate(panel.features):
        values[place] = panel.frame[name].to_numpy()[rows]
    return lgb.Dataset(values.T, target, reference, weights, feature_name=panel.features, params=DATASET)


def settings(parameters: Mapping[str, Any], seed: int, threads: int) -> dict[str, Any]:
    """Return LightGBM's parameters, completed so that equal data give an equal model on any run."""
    return {
        "objective": "poisson",
        "metric": "poisson",
        "bagging_freq": 1,
        **parameters,
        "seed": seed,
        "num_threads": threads,
        "deterministic": True,
        "force_row_wise": True,
        "feature_pre_filter": False,
        "verbosity": -1,
    }


def direct(features: Sequence[str]) -> list[int]:
    """Return for each feature 1 where more of it cannot mean fewer sales, -1 for the opposite, else 0."""
    return [bool(RISING.fullmatch(name)) - bool(FALLING.fullmatch(name)) for name in features]


def train(
    training: lgb.Dataset | None,
    check: lgb.Dataset | None,
    parameters: Mapping[str, Any],
    trees: int,
    patience: int,
    seed: int,
    threads: int,
    follow_training: bool = False,
    score: str = "poisson_deviance",
) -> Training | None:
    """Train up to `trees` trees, stopping when `patience` more have not helped on the check rows.

    Besides LightGBM's parameters there is `monotone`: the model may only rise, or only fall, with the features of
    `direct`. Without check rows exactly `trees` trees are trained. The learning curve is the mean `score`, one of
    `METRICS`, of the check rows, and of the training rows where they are followed too. Returns None where there is
    nothing to learn from.
    """
    if training is None:
        return None
    given = {name: value for name, value in parameters.items() if name != "monotone"}
    if parameters.get("monotone"):
        given["monotone_constraints"] = direct(training.feature_name)
    curve: dict[str, dict[str, list[float]]] = {}
    followed = {"training": training} if follow_training else {}
    followed |= {"check": check} if check is not None else {}
    stopping = [lgb.record_evaluation(curve)]
    if check is not None:
        # Of the followed rows LightGBM takes all but the training rows themselves for stopping.
        stopping.append(lgb.early_stopping(patience, verbose=False))
    threads = threads if len(training.get_label()) >= MANY_ROWS else 1
    booster = lgb.train(
        settings({**given, "metric": METRICS[score]}, seed, threads),
        training,
        num_boost_round=trees,
        valid_sets=list(followed.values()),
        valid_names=list(followed),
        callbacks=stopping if followed else [],
    )
    curves = {name: np.array(values[METRICS[score]]) for name, values in curve.items()}
    if score == "poisson_deviance":
        curves = {name: _deviance(losses, followed[name]) for name, losses in curves.items()}
    return Training(booster, booster.best_iteration or booster.num_trees(), training.num_data(), curves)


def _deviance(losses: np.ndarray, rows: lgb.Dataset) -> np.ndarray:
    """Turn LightGBM's Poisson loss into the deviance: they differ by what no forecast can change."""
    target = rows.get_label().astype(float)
    least = np.where(target > 0, target * np.log(np.where(target > 0, target, 1)), 0) - target
    constant = np.average(least, weights=rows.get_weight())
    return 2 * (losses + constant)


def train_before_test(
    panel: Panel,
    split: Split | None,
    parameters: Mapping[str, Any],
    trees: int,
    patience: int,
    stride: int,
    seed: int,
    threads: int,
) -> tuple[Training | None, Training | None]:
    """Return (the model that found the number of trees, the model trained again with that number).

    The first learns from the fold's training origins and stops on its check origins; the second learns from
    every origin whose target is known before the test. (None, None) where there is no sale to learn from.
    """
    if split is None:
        return None, None
    fold = split.fold
    training = make_dataset(panel, fold.train_first, fold.train_last, stride)
    check = make_dataset(panel, fold.check_first, fold.check_last, reference=training)
    stopped = train(training, check, parameters, trees, patience, seed, threads, follow_training=True)
    if stopped is None:
        return None, None
    return stopped, retrain(panel, split.learn_last, parameters, stopped.trees, stride, seed, threads)


def retrain(
    panel: Panel,
    last: pd.Timestamp,
    parameters: Mapping[str, Any],
    trees: int,
    stride: int,
    seed: int,
    threads: int,
) -> Training | None:
    """Train a fixed number of trees on all origins up to `last`, whose targets must be known."""
    everything = make_dataset(panel, panel.frame["date"].min(), last, stride)
    return train(everything, None, parameters, max(trees, 1), 0, seed, threads)


def predict(booster: lgb.Booster, rows: pd.DataFrame, features: Sequence[str]) -> np.ndarray:
    """Return the expected units of each row over the horizon."""
    if rows.empty:
        return np.empty(0)
    return booster.predict(rows[list(features)].to_numpy(dtype=np.float32))


def contributions(booster: lgb.Booster, rows: pd.DataFrame, features: Sequence[str]) -> pd.DataFrame:
    """Return each feature's SHAP value in each row: by what it moves the logarithm of the forecast.

    Exact for trees (Lundberg et al. 2020, "From local explanations to global understanding").
    """
    values = booster.predict(rows[list(features)].to_numpy(dtype=np.float32), pred_contrib=True)
    return pd.DataFrame(values[:, :-1], columns=list(features), index=rows.index)


def explain_test(
    booster: lgb.Booster | None, panel: Panel, split: Split | None, rows: int = 2000
) -> pd.DataFrame | None:
    """Return the SHAP values of up to `rows` forecasts, evenly taken from the test; None without a model."""
    if booster is None or split is None:
        return None
    tested = panel.frame[panel.frame["date"].isin(split.test_origins)]
    chosen = np.unique(np.linspace(0, len(tested) - 1, min(rows, len(tested))).astype(int))
    return contributions(booster, tested.iloc[chosen], panel.features)


def importance(booster: lgb.Booster) -> pd.Series:
    """Return each feature's share of all gain (adds up to 1, largest first); all 0 without any split."""
    gain = pd.Series(booster.feature_importance("gain"), index=booster.feature_name())
    return (gain / max(gain.sum(), 1e-12)).sort_values(ascending=False, kind="stable")


def save_model(booster: lgb.Booster, workspace: Workspace, relative: str) -> int:
    """Write a model as LightGBM's text, which cannot run code. Returns its size in bytes."""
    text = booster.model_to_string()
    write_text(workspace.path(relative), text)
    return len(text.encode())


@dataclass(frozen=True)
class Search:
    """What decides the value of a trial, besides the panel: folds, space, fixed settings and effort."""

    folds: Sequence[Fold]
    space: Mapping[str, Mapping[str, Any]]
    fixed: Mapping[str, Any]
    stride: int
    trees: int
    patience: int
    seed: int
    threads: int
    score: str = "poisson_deviance"


@dataclass(frozen=True)
class Chosen:
    """The settings that a search ended with."""

    parameters: dict[str, Any]
    trees: int
    score: float


def open_search(workspace: Workspace, panel: Panel, search: Search) -> optuna.Study:
    """Return the study of a search, with the trials an interrupted run has finished.

    Its name changes with the panel and with everything that decides a trial's value.
    """
    last = search.folds[-1].check_last if search.folds else pd.Timestamp.min
    columns = ["itemid", "date", *dict.fromkeys([*PANEL_COLUMNS, *panel.features])]
    data = panel.frame.loc[panel.frame["date"] <= last, columns]
    decided = {name: value for name, value in vars(search).items() if name != "threads"}
    return open_study(
        workspace.models / "forecast_study.journal",
        f"forecast-{fingerprint(data=frame_fingerprint(data), train_rows=panel.train_rows, **decided)}",
        "minimize",
        search.seed,
        optuna.pruners.MedianPruner(n_startup_trials=5),
    )


def run_search(
    study: optuna.Study, panel: Panel, search: Search, trials: int, timeout_seconds: float | None
) -> list[optuna.trial.FrozenTrial]:
    """Run the missing trials, the settings of the first model before all others.

    A trial's value is its mean score over the folds. The folds share one number of trees, the one
    with the smallest mean; the trial keeps it as its attribute `trees`. A trial that looks hopeless after
    some of the folds is pruned. Returns no trial where no fold has sales to learn from and to check on.
    """
    pairs = [fold_datasets(panel, fold, search.stride) for fold in search.folds]
    pairs = [pair for pair in pairs if None not in pair]
    if not pairs:
        return []

    def score(trial: optuna.Trial) -> float:
        parameters = {**search.fixed, **suggest(trial, search.space)}
        curves = []
        for step, pair in enumerate(pairs):
            effort = (search.trees, search.patience, search.seed, search.threads)
            trained = train(*pair, parameters, *effort, score=search.score)
            curves.append(trained.curve["check"])
            trial.report(float(mean_curve(curves).min()), step)
            if trial.should_prune():
                raise optuna.TrialPruned
        curve = mean_curve(curves)
        trial.set_user_attr("trees", int(curve.argmin()) + 1)
        return float(curve.min())

    habits = {"monotone": False, **search.fixed}
    first = {name: habits[name] for name in search.space if name in habits}
    return run_trials(study, score, trials, timeout_seconds, first=[first])


def fold_datasets(panel: Panel, fold: Fold, stride: int) -> tuple[lgb.Dataset | None, lgb.Dataset | None]:
    """Return the rows of a fold to learn from and to check on, None for either where it holds no sale."""
    training = make_dataset(panel, fold.train_first, fold.train_last, stride)
    return training, make_dataset(panel, fold.check_first, fold.check_last, stride, reference=training)


def mean_curve(curves: Sequence[np.ndarray]) -> np.ndarray:
    """Return the mean of learning curves of different length, each continued with its last value."""
    longest = max(len(curve) for curve in curves)
    return np.mean([np.pad(curve, (0, longest - len(curve)), mode="edge") for curve in curves], axis=0)


def choose_settings(trials: Sequence[optuna.trial.FrozenTrial], search: Search) -> Chosen | None:
    """Return the settings of the best trial, None without any complete trial."""
    if not any(trial.state == optuna.trial.TrialState.COMPLETE for trial in trials):
        return None
    best = best_trial(trials, "minimize")
    return Chosen({**search.fixed, **best.params}, best.user_attrs["trees"], best.value)


def train_chosen(
    panel: Panel, last: pd.Timestamp, chosen: Chosen | None, stride: int, seed: int, threads: int
) -> Training | None:
    """Train the chosen settings on all origins up to `last`; None without chosen settings."""
    if chosen is None:
        return None
    return retrain(panel, last, chosen.parameters, chosen.trees, stride, seed, threads)

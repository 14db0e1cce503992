"""Sales forecasts by gradient boosting, trained and scored strictly in the order of time.

The task: at the end of day t, the units that each item sells on the days t+1 .. t+horizon. Day t is the
forecast's origin. Between the last origin that a model learns from and the first one it is scored on lie
`horizon` days, so that no sale is both learned from and forecast.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import lightgbm as lgb
import numpy as np
import optuna
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from smartrocket.demand_baselines import (
    BASELINES,
    Demand,
    forecast_baselines,
    naive_error_scale,
)
from smartrocket.demand_distribution import INTERVALS, central_interval, distribution, fit_dispersion
from smartrocket.demand_scores import score_models
from smartrocket.files import write_text
from smartrocket.results import Results
from smartrocket.studies import best_trial, fingerprint, frame_fingerprint, open_study, run_trials, suggest
from smartrocket.workspace import Workspace

SHORTEST_TRAINING = 14
"""Fewer days of origins than this are not worth training on."""

NO_CATEGORY = -1
"""Stands for the category of items that the log had not yet described."""

DAY = pd.Timedelta(days=1)
PANEL_COLUMNS = ("itemid", "date", "sales", "age_days", "target")


@dataclass(frozen=True)
class Panel:
    """Item-days in the order of item and date: itemid, date, sales, age_days, target and `features`.

    An item has a row from the day on which it entered the panel to the last complete day.
    """

    frame: pd.DataFrame
    features: list[str]
    horizon: int

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
    """A trained model with its learning curve (mean Poisson deviance after each tree on the check rows)."""

    booster: lgb.Booster
    trees: int
    rows: int
    curve: dict[str, np.ndarray] = field(default_factory=dict)


def load_panel(workspace: Workspace) -> Panel:
    """Read the panel that notebook 03 wrote, features as 32-bit floats.

    Raises InputError when the panel is missing.
    """
    facts = workspace.read_json("processed/panel.json")
    columns = [*PANEL_COLUMNS, *(name for name in facts["features"] if name not in PANEL_COLUMNS)]
    stored = pq.read_table(workspace.existing("processed/panel.parquet"), columns=columns)
    kinds = {"itemid": pa.int64(), "date": pa.timestamp("ns")}
    schema = pa.schema([(name, kinds.get(name, pa.float32())) for name in columns])
    frame = stored.cast(schema).to_pandas()
    frame = frame.sort_values(["itemid", "date"], ignore_index=True)
    return Panel(frame, facts["features"], facts["horizon_days"])


def plan_split(panel: Panel, test_weeks: int, check_weeks: int) -> Split | None:
    """Return the split in time whose test is the last `test_weeks` weeks, None where the shop is too young.

    The origins of the test lie a week apart, the last one `horizon` days before the last complete day. The
    check origins of early stopping are all days of `check_weeks` weeks before, with a gap on either side.
    """
    if panel.frame.empty:
        return None
    last_origin = panel.last_date - panel.horizon * DAY
    test_origins = pd.date_range(end=last_origin, periods=test_weeks, freq="7D")
    first_date = panel.frame["date"].min()
    fold = fold_before(first_date, test_origins[0], panel.horizon, check_weeks * 7)
    return Split(fold, test_origins, panel.horizon) if fold is not None else None


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
        if fold is not None:
            planned.insert(0, fold)
    return planned


def select_rows(panel: Panel, first: pd.Timestamp, last: pd.Timestamp, stride: int = 1) -> pd.DataFrame:
    """Return the rows with origins from `first` to `last`, every `stride`-th day counted back."""
    frame = panel.frame
    chosen = frame["date"].between(first, last)
    if stride > 1:
        chosen &= (last - frame["date"]).dt.days % stride == 0
    return frame[chosen]


def make_dataset(
    panel: Panel,
    first: pd.Timestamp,
    last: pd.Timestamp,
    stride: int = 1,
    reference: lgb.Dataset | None = None,
) -> lgb.Dataset | None:
    """Return the rows between two origins for LightGBM, None where they hold no sale to learn from."""
    rows = select_rows(panel, first, last, stride)
    target = rows["target"].to_numpy(dtype=np.float64)
    if not np.nansum(target):
        return None
    values = rows[panel.features].to_numpy(dtype=np.float32)
    # Bins are counted once for all settings of a search, so none may be left out for one of them.
    parameters = {"feature_pre_filter": False, "verbosity": -1}
    return lgb.Dataset(values, target, reference=reference, feature_name=panel.features, params=parameters)


def settings(parameters: Mapping[str, Any], seed: int, threads: int) -> dict[str, Any]:
    """Return LightGBM's parameters, completed so that equal data give an equal model on any run."""
    return {
        "objective": "poisson",
        **parameters,
        "metric": "poisson",
        "seed": seed,
        "num_threads": threads,
        "deterministic": True,
        "force_row_wise": True,
        "feature_pre_filter": False,
        "verbosity": -1,
    }


def train(
    training: lgb.Dataset | None,
    check: lgb.Dataset | None,
    parameters: Mapping[str, Any],
    trees: int,
    patience: int,
    seed: int,
    threads: int,
    follow_training: bool = False,
) -> Training | None:
    """Train up to `trees` trees, stopping when `patience` more have not helped on the check rows.

    Without check rows exactly `trees` trees are trained. The learning curve is that of the check rows, and of
    the training rows where they are followed too. Returns None where there is nothing to learn from.
    """
    if training is None:
        return None
    curve: dict[str, dict[str, list[float]]] = {}
    followed = {"training": training} if follow_training else {}
    followed |= {"check": check} if check is not None else {}
    stopping = [lgb.record_evaluation(curve)]
    if check is not None:
        # Of the followed rows LightGBM takes all but the training rows themselves for stopping.
        stopping.append(lgb.early_stopping(patience, verbose=False))
    booster = lgb.train(
        settings(parameters, seed, threads),
        training,
        num_boost_round=trees,
        valid_sets=list(followed.values()),
        valid_names=list(followed),
        callbacks=stopping if followed else [],
    )
    deviances = {name: _deviance(values["poisson"], followed[name]) for name, values in curve.items()}
    return Training(booster, booster.best_iteration or booster.num_trees(), training.num_data(), deviances)


def _deviance(losses: Sequence[float], rows: lgb.Dataset) -> np.ndarray:
    """Turn LightGBM's Poisson loss into the deviance: they differ by what no forecast can change."""
    target = rows.get_label().astype(float)
    constant = np.mean(np.where(target > 0, target * np.log(np.where(target > 0, target, 1)), 0) - target)
    return 2 * (np.asarray(losses) + constant)


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


def categories_at(history: pd.DataFrame, items: np.ndarray, origins: Sequence[pd.Timestamp]) -> pd.DataFrame:
    """Return itemid, origin, categoryid as known at the end of each origin day, a row an item and origin.

    `history` has itemid, categoryid, valid_from. Items without a known category by then are in `NO_CATEGORY`.
    A shop that knows no category at all gets no row.
    """
    columns = ["itemid", "origin", "categoryid"]
    if history.empty or not len(origins):
        return pd.DataFrame(columns=columns)
    history = history[["itemid", "categoryid", "valid_from"]].dropna(subset=["categoryid"])
    history = history.assign(valid_from=history["valid_from"].astype("datetime64[ns]"))
    history = history.sort_values(["valid_from", "itemid", "categoryid"], kind="stable")
    grid = pd.MultiIndex.from_product([origins, items], names=["origin", "itemid"]).to_frame(index=False)
    grid = grid.assign(end=(grid["origin"] + DAY).astype("datetime64[ns]")).sort_values("end", kind="stable")
    merged = pd.merge_asof(grid, history, left_on="end", right_on="valid_from", by="itemid", allow_exact_matches=False)
    return merged[columns].fillna({"categoryid": NO_CATEGORY}).astype({"categoryid": "int64"})


def forecast_table(
    panel: Panel,
    demand: Demand,
    split: Split | None,
    boosters: Mapping[str, lgb.Booster],
    average_days: int,
    categories: pd.DataFrame,
) -> pd.DataFrame:
    """Return one row an item and origin of the test: series, origin, known, actual, one column a model.

    Items that enter the panel only after the origin are in it with `known` False and forecasts of 0: no
    item-level score counts them, the totals do.
    """
    columns = ["series", "origin", "known", "actual", *BASELINES, *boosters]
    if split is None:
        return pd.DataFrame(columns=columns)
    actual = pd.concat([_actual_units(demand, origin, split.horizon) for origin in split.test_origins])
    classical = forecast_baselines(demand, split.test_origins, split.horizon, average_days, categories)
    table = actual.merge(classical, on=["itemid", "origin"], how="left")
    table["known"] = table["zero"].notna()
    table[list(BASELINES)] = table[list(BASELINES)].fillna(0.0)
    return add_forecasts(table.rename(columns={"itemid": "series"}), panel, boosters)[columns]


def add_forecasts(table: pd.DataFrame, panel: Panel, boosters: Mapping[str, lgb.Booster]) -> pd.DataFrame:
    """Return a forecast table with one more column for each of `boosters`, 0 for items not yet known."""
    rows = panel.frame[panel.frame["date"].isin(table["origin"].unique())]
    keys = pd.MultiIndex.from_frame(rows[["itemid", "date"]])
    wanted = pd.MultiIndex.from_frame(table[["series", "origin"]])
    columns = {
        name: pd.Series(predict(booster, rows, panel.features), index=keys).reindex(wanted).fillna(0.0).to_numpy()
        for name, booster in boosters.items()
    }
    return table.assign(**columns)


def _actual_units(demand: Demand, origin: pd.Timestamp, horizon: int) -> pd.DataFrame:
    today = demand.position(origin)
    window = np.nansum(demand.units[:, today + 1 : today + 1 + horizon], axis=1)
    return pd.DataFrame({"itemid": demand.items, "origin": origin, "actual": window})


def sum_forecasts(table: pd.DataFrame, series: pd.DataFrame | None = None) -> pd.DataFrame:
    """Add up a table of item forecasts by origin, or by origin and the category given by `series`.

    `series` has itemid, origin, categoryid; items without a category are left out.
    """
    values = [name for name in table.columns if name not in ("series", "origin", "known")]
    if series is None:
        return table.groupby("origin", as_index=False)[values].sum().assign(series=0)
    joined = table.merge(series, left_on=["series", "origin"], right_on=["itemid", "origin"])
    summed = joined.groupby(["categoryid", "origin"], as_index=False)[values].sum()
    return summed.rename(columns={"categoryid": "series"})


def error_scales(demand: Demand, split: Split | None, groups: pd.Series | None = None) -> pd.Series:
    """Return series -> mean squared error of the naive forecast before the test, the scale of the RMSSE.

    `groups` maps itemid to the series it is added to (a category, or 0 for the shop); None: items themselves.
    """
    if split is None:
        return pd.Series(dtype=float)
    history = demand.units[:, : demand.position(split.test_origins[0]) + 1]
    if groups is None:
        return pd.Series(naive_error_scale(history, split.horizon), index=demand.items)
    daily = pd.DataFrame(np.nan_to_num(history)).groupby(groups.reindex(demand.items).to_numpy()).sum()
    return pd.Series(naive_error_scale(daily.to_numpy(), split.horizon), index=daily.index)


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


@dataclass(frozen=True)
class Chosen:
    """The settings that a search ended with."""

    parameters: dict[str, Any]
    trees: int
    deviance: float


def open_search(workspace: Workspace, panel: Panel, search: Search) -> optuna.Study:
    """Return the study of a search, with the trials an interrupted run has finished.

    Its name changes with the panel and with everything that decides a trial's value.
    """
    last = search.folds[-1].check_last if search.folds else pd.Timestamp.min
    data = panel.frame.loc[panel.frame["date"] <= last, [*PANEL_COLUMNS, *panel.features]]
    decided = {name: value for name, value in vars(search).items() if name != "threads"}
    return open_study(
        workspace.models / "forecast_study.journal",
        f"forecast-{fingerprint(data=frame_fingerprint(data), **decided)}",
        "minimize",
        search.seed,
        optuna.pruners.MedianPruner(n_startup_trials=5),
    )


def run_search(
    study: optuna.Study, panel: Panel, search: Search, trials: int, timeout_seconds: float | None
) -> list[optuna.trial.FrozenTrial]:
    """Run the missing trials, the settings of the first model before all others.

    A trial's value is its mean Poisson deviance over the folds. The folds share one number of trees, the one
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
            trained = train(*pair, parameters, search.trees, search.patience, search.seed, search.threads)
            curves.append(trained.curve["check"])
            trial.report(float(mean_curve(curves).min()), step)
            if trial.should_prune():
                raise optuna.TrialPruned
        curve = mean_curve(curves)
        trial.set_user_attr("trees", int(curve.argmin()) + 1)
        return float(curve.min())

    first = {name: search.fixed[name] for name in search.space if name in search.fixed}
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


def estimate_dispersion(panel: Panel, search: Search, chosen: Chosen | None) -> float | None:
    """Return the dispersion of units around forecasts of the last fold, made without knowing them."""
    if chosen is None:
        return None
    fold = search.folds[-1]
    trained = train_chosen(panel, fold.train_last, chosen, search.stride, search.seed, search.threads)
    if trained is None:
        return None
    rows = select_rows(panel, fold.check_first, fold.check_last)
    return fit_dispersion(rows["target"].to_numpy(), predict(trained.booster, rows, panel.features))


def forecast_next(panel: Panel, booster: lgb.Booster | None, dispersion: float | None) -> pd.DataFrame:
    """Forecast the days after the last whole day of the log for every item of the panel.

    Returns itemid, origin, first_date, last_date, forecast (expected units), sells (probability of any sale)
    and, for each of `INTERVALS`, low_<percent> and high_<percent> (units); no rows without a model.
    """
    named = [(share, f"{share:.0%}".rstrip("%")) for share in INTERVALS]
    columns = ["itemid", "origin", "first_date", "last_date", "forecast", "sells"]
    columns += [f"{end}_{name}" for _, name in named for end in ("low", "high")]
    if booster is None or dispersion is None:
        return pd.DataFrame(columns=columns)
    rows = panel.frame[panel.frame["date"] == panel.last_date]
    mean = predict(booster, rows, panel.features)
    table = pd.DataFrame(
        {
            "itemid": rows["itemid"].to_numpy(),
            "origin": panel.last_date,
            "first_date": panel.last_date + DAY,
            "last_date": panel.last_date + panel.horizon * DAY,
            "forecast": mean,
            "sells": 1 - distribution(mean, dispersion).cdf(0),
        }
    )
    for share, name in named:
        table[f"low_{name}"], table[f"high_{name}"] = central_interval(mean, dispersion, share)
    return table[columns]


def score_levels(
    table: pd.DataFrame,
    demand: Demand,
    split: Split | None,
    categories: pd.DataFrame,
    models: Sequence[str],
    baselines: Sequence[str],
    resamples: int,
    seed: int,
) -> dict[str, pd.DataFrame]:
    """Return level -> scores: "item" (known items), "category" (where there are categories) and "total"."""
    if split is None:
        return {}

    def score(rows: pd.DataFrame, groups: pd.Series | None) -> pd.DataFrame:
        scale = error_scales(demand, split, groups)
        return score_models(rows, models, baselines, scale, resamples, seed)

    levels = {"item": score(table[table["known"]], None)}
    if not categories.empty:
        first = categories[categories["origin"] == split.test_origins[0]]
        levels["category"] = score(sum_forecasts(table, categories), first.set_index("itemid")["categoryid"])
    levels["total"] = score(sum_forecasts(table), pd.Series(0, index=demand.items))
    return levels


def record_scores(results: Results, levels: Mapping[str, pd.DataFrame]) -> None:
    """Write the scores of every level into a notebook's results."""
    for level, scores in levels.items():
        for row in scores.itertuples(index=False):
            results.score("forecast", row.model, level, row.metric, row.value, row.low, row.high)


def record_test(results: Results, split: Split | None, table: pd.DataFrame, smallest: int) -> None:
    """Write the facts of the test weeks: dates, item-weeks, units, and whether they suffice for a claim."""
    known = table[table["known"].astype(bool)]
    units, counted = float(table["actual"].sum()), float(known["actual"].sum())
    dates = (None, None)
    if split is not None:
        dates = (split.test_origins[0] + DAY, split.test_origins[-1] + split.horizon * DAY)
    for name, date in zip(("test_first_day", "test_last_day"), dates, strict=True):
        results.fact(name, f"{date:%Y-%m-%d}" if date is not None else None, unit="date")
    results.fact("test_origins", len(split.test_origins) if split is not None else 0, unit="origins")
    results.fact("test_item_weeks", len(known), unit="rows")
    results.fact("test_units", counted, unit="units")
    results.fact("test_units_of_new_items", units - counted, unit="units")
    results.fact("test_zero_share", float((known["actual"] == 0).mean()) if len(known) else None, unit="share")
    results.fact("enough_test_units", counted >= smallest, unit="yes or no")

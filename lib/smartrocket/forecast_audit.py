"""What flawed tests of a sales forecast would have claimed, beside what the same models are worth.

An earlier report on such data claimed errors near zero. Each of its mistakes is made here on its own, with the
same data and the same settings, and then one on top of the other until its whole procedure stands. A model here is
small and learns from one origin a week: the question is what a mistake does to a score, not how good a score can be.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd

from smartrocket.demand_scores import poisson_deviance
from smartrocket.forecast_tables import categories_at
from smartrocket.forecasting import Panel, Split, settings
from smartrocket.identifiers import NO_CATEGORY
from smartrocket.results import Results
from smartrocket.wording import number, percent, plural

MOST_ITEM_DAYS = 800_000
"""A larger shop is audited on every so many items of it, so that the audit takes seconds."""

SOURCES = ("sales", "addtocarts", "views")
WINDOWS = (3, 7, 14, 30)
LAGS = (1, 7, 14)
WEEK = 7
SMOOTHING = 5.0
"""An item's own week counts once against this many times its category's mean, as in the earlier report."""

PRICES = ("price", "price_change_7")

SETTINGS = {"objective": "poisson", "learning_rate": 0.1, "num_leaves": 15, "min_data_in_leaf": 50, "max_bin": 63}
TREES, PATIENCE = 150, 20

BY_HEART = {**SETTINGS, "learning_rate": 0.2, "num_leaves": 255, "min_data_in_leaf": 5, "lambda_l2": 1.0}
BY_HEART_TREES = 40
"""Settings with which a model can learn its rows by heart."""

SEARCHED = {"lr": "learning_rate", "leaves": "num_leaves", "leaf_min": "min_data_in_leaf"}
"""What the earlier search called the settings, and what LightGBM calls them."""

EARLIER_BASELINE = {
    "objective": "poisson",
    "learning_rate": 0.29,
    "num_leaves": 20,
    "min_data_in_leaf": 7,
    "lambda_l1": 0.457,
    "lambda_l2": 7.68,
    "feature_fraction": 0.823,
    "bagging_fraction": 0.822,
    "bagging_freq": 10,
}
EARLIER_TUNED = {"objective": "tweedie", "tweedie_variance_power": 1.88}
"""The earlier report's settings. Of the tuned ones only this was left, as the names of all others were lost."""

EARLIER_TREES, EARLIER_PATIENCE = 4000, 150
TUNED_TREES = (100, 1000, 2952)
"""The tuned model of the earlier report had the last of these numbers; the others show what each tree more does."""

MOST_JUDGED = 3_000
"""With so many trees a forecast takes long: the last model of the ladder is judged on so many item-weeks."""

FOLDS = 3
SMALLEST_HOLD_OUT = 5
"""Fewer sold rows than this in the hold-out of the earlier procedure say nothing."""


@dataclass(frozen=True)
class Measures:
    """The earlier report's scores of forecasts, wMAPE (share) and MAE (units), and the mean Poisson deviance."""

    wmape: float
    mae: float
    poisson_deviance: float


@dataclass(frozen=True)
class Claim:
    """What one way of testing claims for a model, and what that model is worth in the honest test.

    `honest` has the forecasts of all item-weeks of the test, made with what was known at the time by a model that
    learned from what was known before. `note` is a sentence that only this mistake needs.
    """

    title: str
    claimed: Measures
    honest: Measures
    note: str = ""


@dataclass(frozen=True)
class Rung:
    """A step of the ladder: what it adds, the wMAPE that is claimed then (a share), and from how many rows."""

    title: str
    wmape: float
    rows: int


@dataclass(frozen=True)
class Model:
    """A trained booster, or none where there was no sale to learn from: then the forecast is zero."""

    booster: lgb.Booster | None
    trees: int = 0

    def forecast(self, features: pd.DataFrame, trees: int | None = None) -> np.ndarray:
        """Return the forecast of each row, by the first `trees` trees where a number is given."""
        if self.booster is None or features.empty:
            return np.zeros(len(features))
        return self.booster.predict(features.to_numpy(np.float32), num_iteration=trees, num_threads=1)


@dataclass(frozen=True)
class Case:
    """The item-days of a shop with the features known at the end of each, and who learns from which.

    `days` has a row an item and day, items one after the other: itemid, date, sales, addtocarts, views, age_days,
    price, category, any_price, any_category, target, day_target, active, active_then, first. `learn` and `test`
    mark the rows of the honest protocol, one origin a week. `early` learned from the days before the rows `check`,
    which chose its number of trees; `model` has as many and learned from all rows `learn`.
    """

    days: pd.DataFrame
    features: pd.DataFrame
    split: Split
    learn: np.ndarray
    check: np.ndarray
    test: np.ndarray
    early: Model
    model: Model
    seed: int

    @property
    def target(self) -> np.ndarray:
        """The units of each row over the horizon, NaN where that is not known."""
        return self.days["target"].to_numpy()

    def learn_anew(self, rows: np.ndarray, target: np.ndarray, features: pd.DataFrame | None = None) -> Model:
        """Return a model like the honest one that learned `target` from some rows, by other features if given."""
        features = self.features if features is None else features
        return fit(features[rows], target[rows], SETTINGS, self.early.trees, self.seed)

    def judge(self, model: Model, features: pd.DataFrame | None = None) -> Measures:
        """Return the scores of a model on all item-weeks of the test, by other features if given."""
        features = self.features if features is None else features
        return measure(self.target[self.test], model.forecast(features[self.test]))


def fit(
    features: pd.DataFrame,
    target: np.ndarray,
    parameters: Mapping[str, Any],
    trees: int,
    seed: int,
    weight: np.ndarray | None = None,
    check: tuple[pd.DataFrame, np.ndarray] | None = None,
    patience: int = PATIENCE,
) -> Model:
    """Train on some rows, stopping early by the rows `check` (features, target) where there are any."""
    if not np.sum(target):
        return Model(None)
    prepared = {"verbosity": -1, "max_bin": parameters.get("max_bin", 255)}
    data = lgb.Dataset(features.to_numpy(np.float32), target, weight=weight, params=prepared)
    watched, stopping = [], []
    if check is not None:
        watched = [lgb.Dataset(check[0].to_numpy(np.float32), check[1], reference=data, params=prepared)]
        stopping = [lgb.early_stopping(patience, verbose=False)]
    # On rows as few as these a second core costs more time than it saves.
    chosen = settings(parameters, seed, threads=1)
    booster = lgb.train(chosen, data, trees, valid_sets=watched, callbacks=stopping)
    return Model(booster, booster.best_iteration or booster.num_trees())


def measure(actual: np.ndarray, forecast: np.ndarray) -> Measures:
    """Return the scores of forecasts; at least one unit must have been sold."""
    error = np.abs(actual - forecast)
    return Measures(
        float(error.sum() / actual.sum()), float(error.mean()), float(poisson_deviance(actual, forecast).mean())
    )


# ---------------------------------------------------------------- what is known of an item at the end of a day


def list_item_days(
    panel: Panel, split: Split, categories: pd.DataFrame, prices: pd.DataFrame, seed: int
) -> pd.DataFrame:
    """Return the item-days of a `Case`, of a part of the items where the shop is large.

    `categories` (itemid, categoryid, valid_from) and `prices` (itemid, price, valid_from) are the histories of the
    items, possibly empty.
    """
    items = panel.frame["itemid"].unique()
    every = -(-len(panel.frame) // MOST_ITEM_DAYS)
    items = items[::every]
    names = ["itemid", "date", *SOURCES, "age_days", "price", "target"]
    days = panel.frame.loc[panel.frame["itemid"].isin(items), names].reset_index(drop=True)
    categories, prices = (history[history["itemid"].isin(items)] for history in (categories, prices))
    days["price"] = days["price"].astype(float)
    known = categories_at(categories, items, list(pd.date_range(days["date"].min(), days["date"].max())))
    keys = pd.MultiIndex.from_frame(days[["itemid", "date"]])
    named = pd.Series(known["categoryid"].to_numpy(np.int64), pd.MultiIndex.from_frame(known[["itemid", "origin"]]))
    days["category"] = named.reindex(keys, fill_value=NO_CATEGORY).to_numpy()
    any_category = take_any_row(categories, "categoryid", seed)
    days["any_category"] = any_category.reindex(days["itemid"], fill_value=NO_CATEGORY).to_numpy(np.int64)
    days["any_price"] = days["itemid"].map(take_any_row(prices, "price", seed)).astype(float)
    by_item = days.groupby("itemid", sort=False)
    days["first"] = by_item.cumcount().rsub(np.arange(len(days)))
    days["active"] = days[list(SOURCES)].sum(axis=1) > 0
    days["day_target"] = by_item["sales"].shift(-split.horizon)
    days["active_then"] = by_item["active"].shift(-split.horizon, fill_value=False)
    return days


def take_any_row(history: pd.DataFrame, column: str, seed: int) -> pd.Series:
    """Return itemid -> the value in one row of its history, whatever the time of that row.

    The earlier report took the first row in the order of the file, which is no order in time. A row drawn at
    random is the same mistake, whatever order a shop's file has.
    """
    known = history.dropna(subset=[column])
    shuffled = known.sort_values(["itemid", "valid_from"], kind="stable").sample(frac=1, random_state=seed)
    return shuffled.drop_duplicates("itemid").set_index("itemid")[column]


def add_up(values: np.ndarray, first: np.ndarray, rows: int) -> np.ndarray:
    """Return the sum over each row and those before it, `rows` in all, back to position `first` at the most."""
    total = np.concatenate([[0.0], np.cumsum(values, dtype=float)])
    end = np.arange(len(values)) + 1
    return total[end] - total[np.maximum(end - rows, first)]


def step_back(values: np.ndarray, first: np.ndarray, rows: int) -> np.ndarray:
    """Return the value so many rows back, NaN where that would be before position `first`."""
    place = np.arange(len(values)) - rows
    return np.where(place >= first, values[np.maximum(place, 0)], np.nan)


def window_features(rows: pd.DataFrame, first: np.ndarray) -> pd.DataFrame:
    """Return sums over windows of rows that end with each row, and sales so many rows back.

    Where every calendar day of an item has its row, rows are days.
    """
    counts = {name: rows[name].to_numpy(float) for name in SOURCES}
    sums = {f"{name}_sum_{length}": add_up(counts[name], first, length) for name in SOURCES for length in WINDOWS}
    lags = {f"sales_lag_{lag}": step_back(counts["sales"], first, lag) for lag in LAGS}
    return pd.DataFrame(sums | lags)


def category_features(
    days: pd.DataFrame, category: pd.Series, sales: pd.Series, all_time: bool = False, counted: np.ndarray | None = None
) -> pd.DataFrame:
    """Return the category's sales of the week and the item's week drawn towards its category's mean.

    `sales` are each row's units of the last week. The mean is of the item-days up to the row's own day; with
    `all_time` of all there are, the future included. Only rows `counted` go into sums and means, all by default.
    """
    day = (days["date"] - days["date"].min()).dt.days.to_numpy()
    group = np.unique(category.to_numpy(), return_inverse=True)[1]
    shape = (group.max() + 1, day.max() + 1)
    cell = group * shape[1] + day
    counts = np.ones(len(days)) if counted is None else counted.astype(float)
    units = np.bincount(cell, sales.to_numpy() * counts, minlength=shape[0] * shape[1]).reshape(shape)
    rows = np.bincount(cell, counts, minlength=shape[0] * shape[1]).reshape(shape)
    units_so_far, rows_so_far = (np.cumsum(grid, axis=1) for grid in (units, rows))
    if all_time:
        units_so_far, rows_so_far = (np.repeat(grid[:, -1:], shape[1], axis=1) for grid in (units_so_far, rows_so_far))
    mean = (units_so_far / np.maximum(rows_so_far, 1))[group, day]
    smoothed = (sales.to_numpy() + SMOOTHING * mean) / (1 + SMOOTHING)
    return pd.DataFrame({"category_sales_7": units[group, day], "sales_smoothed": smoothed})


def price_features(price: pd.Series, first: pd.Series) -> pd.DataFrame:
    """Return the price and how it changed in a week, NaN where it is not known."""
    before = step_back(price.to_numpy(), first.to_numpy(), WEEK)
    return pd.DataFrame({"price": price.to_numpy(), "price_change_7": price.to_numpy() - before})


def make_features(days: pd.DataFrame) -> pd.DataFrame:
    """Return what is known of each row's item at the end of its day, all calendar days counted."""
    windows = window_features(days, days["first"].to_numpy())
    parts = [
        windows,
        category_features(days, days["category"], windows["sales_sum_7"]),
        price_features(days["price"], days["first"]),
        pd.DataFrame({"weekday": days["date"].dt.weekday, "age_days": days["age_days"]}),
    ]
    return pd.concat(parts, axis=1).astype(np.float32)


def change(features: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """Return the features with those of the same name taken from `other`."""
    return features.assign(**{name: other[name].to_numpy(np.float32) for name in other})


def make_case(
    panel: Panel, split: Split | None, categories: pd.DataFrame, prices: pd.DataFrame, smallest: int, seed: int
) -> Case | None:
    """Return the case of a shop, None where its test has fewer than `smallest` units or nothing can be learned.

    Of a shop of which a part is looked at, the test must hold that part of them. The number of trees is found on
    check weeks before the test, with a gap on either side.
    """
    if split is None:
        return None
    days = list_item_days(panel, split, categories, prices, seed)
    date, target = days["date"], days["target"].to_numpy()
    weekly = ((split.test_origins[0] - date).dt.days % WEEK == 0).to_numpy()
    learn = weekly & (date <= split.learn_last).to_numpy()
    early = weekly & (date <= split.fold.train_last).to_numpy()
    check = weekly & date.between(split.fold.check_first, split.fold.check_last).to_numpy()
    test = date.isin(split.test_origins).to_numpy()
    share = days["itemid"].nunique() / panel.frame["itemid"].nunique()
    last_day = days.loc[test & days["active_then"].to_numpy(), "day_target"]
    needed = (target[early], target[check], last_day)
    if target[test].sum() < smallest * share or not all(np.sum(part) for part in needed):
        return None
    features = make_features(days)
    stopped = fit(features[early], target[early], SETTINGS, TREES, seed, check=(features[check], target[check]))
    model = fit(features[learn], target[learn], SETTINGS, stopped.trees, seed)
    return Case(days, features, split, learn, check, test, stopped, model, seed)


# ---------------------------------------------------------------- the mistakes, each on its own


def follow_protocol(case: Case) -> Claim:
    """No mistake: learn from the origins before the test, leave a gap, score every item-week of the test."""
    worth = case.judge(case.model)
    return Claim("Honest protocol", worth, worth)


def score_rows_learned_from(case: Case) -> Claim:
    """Mistake 1: learn from the test rows too, and score on them."""
    model = case.learn_anew(case.learn | case.test, case.target)
    return Claim("1 · Scored on rows it learned from", case.judge(model), case.judge(case.model))


def score_rows_known_by_heart(case: Case) -> Claim:
    """Mistake 1 with a model that can learn its rows by heart."""
    seen, unseen = (
        fit(case.features[rows], case.target[rows], BY_HEART, BY_HEART_TREES, case.seed)
        for rows in (case.learn | case.test, case.learn)
    )
    return Claim("1 · The same, by a model with large trees", case.judge(seen), case.judge(unseen))


def drop_unsold(case: Case) -> Claim:
    """Mistake 2: leave out the rows without a sale, in training and in the test."""
    sold = case.target > 0
    model = case.learn_anew(case.learn & sold, case.target)
    rows = case.test & sold
    claimed = measure(case.target[rows], model.forecast(case.features[rows]))
    share = percent(1 - np.mean(sold[case.test]))
    return Claim(
        "2 · Item-weeks without a sale left out", claimed, case.judge(model), f"It leaves out {share} of the test."
    )


def always_predict_one(case: Case) -> Claim:
    """Mistake 2 without any model: forecast one unit always, scored on the rows with a sale."""
    actual = case.target[case.test]
    sold = actual[actual > 0]
    return Claim(
        "2 · “Always 1”, no model at all",
        measure(sold, np.ones(len(sold))),
        measure(actual, np.ones(len(actual))),
        f"{percent(np.mean(sold == 1))} of the item-weeks with a sale have exactly one.",
    )


def aim_at_one_day(case: Case) -> Claim:
    """Mistake 3: the target is the sale on the horizon's last day, where that item-day has a row."""
    target = case.days["day_target"].to_numpy()
    present = case.days["active_then"].to_numpy()
    model = case.learn_anew(case.learn & present, target)
    rows = case.test & present
    claimed = measure(target[rows], model.forecast(case.features[rows]))
    note = f"It keeps {percent(rows.sum() / case.test.sum())} of the test: where something happened on that one day."
    return Claim("3 · One day for the whole horizon", claimed, case.judge(model), note)


def count_rows_of_activity(days: pd.DataFrame) -> pd.DataFrame:
    """Return window features that count an item's days with any event instead of calendar days."""
    active, first = days["active"].to_numpy(), days["first"].to_numpy()
    place = np.flatnonzero(active)
    found = window_features(days.iloc[place], np.searchsorted(place, first[place]))
    latest = np.searchsorted(place, np.arange(len(days)), side="right") - 1
    known = (latest >= 0) & (place[np.maximum(latest, 0)] >= first)
    return pd.DataFrame({name: np.where(known, found[name].to_numpy()[latest], 0.0) for name in found})


def widen_windows(case: Case) -> Claim:
    """Mistake 4: windows of so many rows with activity, which may reach back for months."""
    features = change(case.features, count_rows_of_activity(case.days))
    worth = case.judge(case.learn_anew(case.learn, case.target, features), features)
    return Claim("4 · Windows over days with activity", worth, worth)


def reach_ahead(days: pd.DataFrame, features: pd.DataFrame) -> pd.DataFrame:
    """Return the window features as they will be a day later: they hold the first day of the target."""
    names = [name for name in features if name.startswith(tuple(f"{source}_sum" for source in SOURCES))]
    later = features[names].groupby(days["itemid"].to_numpy(), sort=False).shift(-1)
    return later.fillna(features[names])


def let_windows_reach_ahead(case: Case) -> Claim:
    """Mistake 4 at its worst: windows that include a day of the target."""
    leaking = change(case.features, reach_ahead(case.days, case.features))
    model = case.learn_anew(case.learn, case.target, leaking)
    return Claim("4 · Windows that include a day of the target", case.judge(model, leaking), case.judge(model))


def average_over_all_time(case: Case) -> Claim:
    """Mistake 5: means of categories over the whole log, the future included."""
    found = category_features(case.days, case.days["category"], case.features["sales_sum_7"], all_time=True)
    features = change(case.features, found)
    model = case.learn_anew(case.learn, case.target, features)
    return Claim("5 · Category means of the whole log", case.judge(model, features), case.judge(model))


def take_any_day(days: pd.DataFrame, features: pd.DataFrame) -> pd.DataFrame:
    """Return the features of category and price if each item has one of each, from any time, for ever."""
    return pd.concat(
        [
            category_features(days, days["any_category"], features["sales_sum_7"]),
            price_features(days["any_price"], days["first"]),
        ],
        axis=1,
    )


def ignore_as_of(case: Case) -> Claim:
    """Mistake 5: category and price from one row of the item's history, whatever its time."""
    features = change(case.features, take_any_day(case.days, case.features))
    model = case.learn_anew(case.learn, case.target, features)
    return Claim("5 · Category and price of any day", case.judge(model, features), case.judge(model))


def lose_price(case: Case) -> Claim:
    """Mistake 6: a price looked up under a name that does not exist is no price."""
    features = case.features.assign(**dict.fromkeys(PRICES, np.float32(np.nan)))
    worth = case.judge(case.learn_anew(case.learn, case.target, features), features)
    none = case.days["price"].isna().all()
    return Claim("6 · No price", worth, worth, "This shop has no prices to lose." if none else "")


def fold_items(items: np.ndarray, folds: int) -> np.ndarray:
    """Return each row's fold: blocks of items, in the order of their numbers."""
    _, place = np.unique(items, return_inverse=True)
    return place * folds // (place.max() + 1)


def validate_across_items(case: Case) -> Claim:
    """Mistake 7: cross-validation over blocks of items, each scored by a model that knows its weeks from others."""
    fold = fold_items(case.days["itemid"].to_numpy(), FOLDS)
    forecast = np.zeros(len(case.days))
    for block in range(FOLDS):
        held_out = case.test & (fold == block)
        model = case.learn_anew((case.learn | case.test) & (fold != block), case.target)
        forecast[held_out] = model.forecast(case.features[held_out])
    claimed = measure(case.target[case.test], forecast[case.test])
    return Claim("7 · Folds of items instead of time", claimed, case.judge(case.model))


def throw_out_good_trials(values: Sequence[float], threshold: float) -> int:
    """Return the position of the smallest value that is not under the threshold, as if all others were pruned."""
    kept = [position for position, value in enumerate(values) if value >= threshold]
    return min(kept, key=lambda position: values[position])


def prune_good_trials(case: Case) -> Claim:
    """Mistake 7: trials under a threshold are stopped and lost; here the better half of four numbers of trees."""
    best, actual = case.early.trees, case.target[case.check]
    trials = sorted({max(best // part, 1) for part in (8, 4, 2, 1)})
    forecasts = [case.early.forecast(case.features[case.check], trees) for trees in trials]
    values = [measure(actual, forecast).poisson_deviance for forecast in forecasts]
    left = trials[throw_out_good_trials(values, float(np.median(values)))]
    worth = measure(case.target[case.test], case.model.forecast(case.features[case.test], left))
    note = f"It keeps {plural(left, 'tree')} where the check weeks are served best by {number(best)}."
    return Claim("7 · The best trials thrown away", worth, worth, note)


def keep_known_names(parameters: Mapping[str, Any], known: Sequence[str]) -> dict[str, Any]:
    """Return the settings whose names are known; the others are lost without a word."""
    return {name: value for name, value in parameters.items() if name in known}


def read_setting(booster: lgb.Booster, name: str) -> str:
    """Return the value of a setting as a trained model states it."""
    return re.search(rf"^\[{name}: (.*)\]$", booster.model_to_string(), re.MULTILINE)[1]


def lose_names(case: Case) -> Claim:
    """Mistake 7: the search's own names for the settings mean nothing to LightGBM, which takes its defaults."""
    found = {own: SETTINGS[name] for own, name in SEARCHED.items()}
    used = {"objective": SETTINGS["objective"], **keep_known_names(found, list(SETTINGS))}
    model = fit(case.features[case.learn], case.target[case.learn], used, case.early.trees, case.seed)
    worth = case.judge(model)
    leaves = read_setting(model.booster, SEARCHED["leaves"])
    note = (
        f"Of {plural(len(found), 'setting')} that the search chose, {number(len(used) - 1)} reach the model: "
        f"its trees have {leaves} leaves instead of {found['leaves']}."
    )
    return Claim("7 · Settings lost by their names", worth, worth, note)


def stop_on_test(case: Case) -> Claim:
    """Mistake 8: no gap before the hold-out, and the number of trees chosen on the very rows of the score."""
    date = case.days["date"]
    reaching = ((date > case.split.learn_last) & (date < case.split.test_origins[0])).to_numpy()
    rows = case.learn | reaching
    check = (case.features[case.test], case.target[case.test])
    model = fit(case.features[rows], case.target[rows], SETTINGS, TREES, case.seed, check=check)
    claimed = measure(case.target[case.test], model.forecast(case.features[case.test], model.trees))
    return Claim("8 · One hold-out to stop and to score, no gap", claimed, case.judge(case.model))


MISTAKES: tuple[Callable[[Case], Claim], ...] = (
    follow_protocol,
    score_rows_learned_from,
    score_rows_known_by_heart,
    drop_unsold,
    always_predict_one,
    aim_at_one_day,
    widen_windows,
    let_windows_reach_ahead,
    average_over_all_time,
    ignore_as_of,
    lose_price,
    validate_across_items,
    prune_good_trials,
    lose_names,
    stop_on_test,
)
"""The honest protocol, then each mistake of the earlier report on its own."""


# ---------------------------------------------------------------- the mistakes, one on top of the other


@dataclass(frozen=True)
class Ladder:
    """The steps from the honest test to the earlier report's, and what its last model is worth.

    `always_one` is the wMAPE of forecasting one unit on the rows that the earlier baseline is scored on, and
    `baseline` that baseline's. `worth` are the last model's scores on item-weeks of the test, with a sale or without,
    spread evenly over all there are.
    """

    rungs: list[Rung]
    baseline: float
    always_one: float
    worth: Measures


def make_earlier_features(days: pd.DataFrame) -> pd.DataFrame:
    """Return features as the earlier report made them: mistakes 4, 5 and 6 together."""
    windows = count_rows_of_activity(days)
    active = days["active"].to_numpy()
    of_category = category_features(days, days["any_category"], windows["sales_sum_7"], True, active)
    calendar = {"weekday": days["date"].dt.weekday, "day_of_year": days["date"].dt.dayofyear}
    return pd.concat([windows, of_category, pd.DataFrame(calendar)], axis=1).astype(np.float32)


def climb(case: Case) -> Ladder | None:
    """Make the earlier report's mistakes one after the other, and note the wMAPE that is claimed after each.

    From the mistake of the one day on, every day is an origin, as in the earlier report: few of them have a sale
    then. None where hardly any row is left.
    """
    days, date, weekly = case.days, case.days["date"], case.target
    sold, actual = weekly > 0, days["day_target"].to_numpy()
    rows = days["active"].to_numpy() & (actual > 0)
    hold_out = rows & (date >= case.split.test_origins[0]).to_numpy()
    known, before = rows & (date <= case.split.learn_last).to_numpy(), rows & ~hold_out
    if min(hold_out.sum(), known.sum()) < SMALLEST_HOLD_OUT:
        return None
    features = make_earlier_features(days)
    week_only = case.learn_anew(case.learn & sold, weekly)
    day_only = case.learn_anew(known, actual)
    its_features = case.learn_anew(known, actual, features)
    its_baseline = fit_earlier_baseline(features, actual, before, hold_out, case.seed).forecast(features[hold_out])
    across_items = forecast_across_items(case, features, actual, rows)
    tuned = fit_earlier_tuned(features[rows], actual[rows], TUNED_TREES[-1], case.seed)
    by_trees = {trees: np.expm1(tuned.forecast(features[rows], trees)) for trees in TUNED_TREES}
    few = TUNED_TREES[0]
    sold_test = case.test & sold
    steps = [
        ("Honest protocol", weekly, case.test, case.model.forecast(case.features[case.test])),
        ("+ no item-weeks without a sale (2)", weekly, sold_test, week_only.forecast(case.features[sold_test])),
        ("+ one day, where it sells (3)", actual, hold_out, day_only.forecast(case.features[hold_out])),
        ("+ its features (4, 5, 6)", actual, hold_out, its_features.forecast(features[hold_out])),
        ("+ its baseline: no gap, stopped on the hold-out (8)", actual, hold_out, its_baseline),
        ("+ tuned: folds of items (7)", actual, rows, across_items),
        ("+ scored on the rows it learned from (1)", actual, rows, by_trees[few]),
        *((f"+ {number(trees)} trees", actual, rows, by_trees[trees]) for trees in TUNED_TREES[1:]),
    ]
    rungs = [
        Rung(title, measure(target[scored], forecast).wmape, int(scored.sum()))
        for title, target, scored, forecast in steps
    ]
    always_one = measure(actual[hold_out], np.ones(int(hold_out.sum()))).wmape
    judged = np.flatnonzero(case.test)[:: -(-int(case.test.sum()) // MOST_JUDGED)]
    worth = measure(weekly[judged], np.expm1(tuned.forecast(features.iloc[judged])))
    return Ladder(rungs, measure(actual[hold_out], its_baseline).wmape, always_one, worth)


def fit_earlier_baseline(
    features: pd.DataFrame, target: np.ndarray, rows: np.ndarray, hold_out: np.ndarray, seed: int
) -> Model:
    """Train the earlier report's baseline: rows weighted by recent sales, stopped on the rows it is scored on."""
    weight = np.maximum(features["sales_sum_7"].to_numpy()[rows], 0.1)
    check = (features[hold_out], target[hold_out])
    return fit(features[rows], target[rows], EARLIER_BASELINE, EARLIER_TREES, seed, weight, check, EARLIER_PATIENCE)


def fit_earlier_tuned(features: pd.DataFrame, target: np.ndarray, trees: int, seed: int) -> Model:
    """Train the earlier report's tuned model, for the logarithm of the units; rows weighted by recent sales."""
    weight = np.maximum(features["sales_sum_7"].to_numpy(), 0.5)
    return fit(features, np.log1p(target), EARLIER_TUNED, trees, seed, weight)


def forecast_across_items(case: Case, features: pd.DataFrame, target: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the forecasts of `rows` by models that learned from the rows of other items, at whatever time."""
    fold = fold_items(case.days["itemid"].to_numpy(), FOLDS)
    forecast = np.zeros(len(target))
    for block in range(FOLDS):
        learned, scored = rows & (fold != block), rows & (fold == block)
        model = fit_earlier_tuned(features[learned], target[learned], TUNED_TREES[0], case.seed)
        forecast[scored] = np.expm1(model.forecast(features[scored]))
    return forecast[rows]


# ---------------------------------------------------------------- the whole audit


@dataclass(frozen=True)
class Audit:
    """The claims, the honest protocol's first, and the ladder; empty where the shop has too few sales.

    `items` of the shop's `all_items` were looked at.
    """

    claims: list[Claim]
    ladder: Ladder | None
    items: int
    all_items: int


def audit_forecasts(
    panel: Panel, split: Split | None, categories: pd.DataFrame, prices: pd.DataFrame, smallest: int, seed: int
) -> Audit:
    """Make every mistake on its own, then one on top of the other.

    `categories` (itemid, categoryid, valid_from) and `prices` (itemid, price, valid_from) are the histories of the
    items, `smallest` is the number of units that the test must hold.
    """
    all_items = panel.frame["itemid"].nunique()
    case = make_case(panel, split, categories, prices, smallest, seed)
    if case is None:
        return Audit([], None, 0, all_items)
    return Audit([make(case) for make in MISTAKES], climb(case), case.days["itemid"].nunique(), all_items)


def record_audit(results: Results, audit: Audit) -> None:
    """Write the claims as scores of the task "forecast audit", levels "claimed" and "honest", the rest as facts."""
    for claim in audit.claims:
        for level, measures in (("claimed", claim.claimed), ("honest", claim.honest)):
            for metric, value in asdict(measures).items():
                results.score("forecast audit", claim.title, level, metric, value)
    ladder = audit.ladder
    results.fact("audit_items", audit.items, unit="items")
    results.fact("audit_claim", ladder.rungs[-1].wmape if ladder else None, unit="share")
    results.fact("audit_worth", ladder.worth.wmape if ladder else None, unit="share")
    results.fact("audit_baseline", ladder.baseline if ladder else None, unit="share")
    results.fact("audit_always_one", ladder.always_one if ladder else None, unit="share")

"""Scores of demand forecasts, with bootstrap intervals over series and origins.

A forecast table has one row for a series (an item, a category, the shop) and an origin (the day at whose end
the forecast is made): the columns `series`, `origin`, `actual` and one column a model, all in units.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from smartrocket.demand_distribution import crps, distribution, spread_ranks

FORECAST_FLOOR = 0.01
"""Smallest forecast, in units, that the Poisson deviance is given: a zero forecast of an item that does sell
would score infinitely badly, and so would every method that may forecast zero."""

SMALLEST_SAMPLE = 10
"""Fewer series than this give no bootstrap interval."""

SMALLEST_ORIGINS = 3
"""With fewer origins than this the bootstrap draws series only: two weeks say nothing about how weeks differ."""

CONFIDENCE = 0.95
"""The part of the bootstrap samples that an interval holds."""

QUANTILES = (0.5, 0.8, 0.95)
METRICS = ("poisson_deviance", "rmsse", "rmsse_by_series", "bias", "mae", "rmse", "r2", "wmape", "mape_sold")
DISTRIBUTION_METRICS = ("scaled_crps", "pinball_50", "pinball_80", "pinball_95", "coverage_80")
SKILLS = ("poisson_deviance", "rmsse")
DISTRIBUTION_SKILLS = ("scaled_crps",)
"""Scores of which the advantage over the best baseline is told as well."""

SCORE_COLUMNS = ["model", "metric", "value", "low", "high"]


def poisson_deviance(actual: np.ndarray, forecast: np.ndarray, floor: float = FORECAST_FLOOR) -> np.ndarray:
    """Return the Poisson deviance of each forecast (0 is perfect, no upper bound, smallest for the mean).

    Forecasts below `floor` units are raised to it.
    """
    actual = np.asarray(actual, dtype=float)
    mean = np.maximum(np.asarray(forecast, dtype=float), floor)
    sold = np.where(actual > 0, actual, 1.0)
    return 2 * (actual * np.log(sold / mean) - actual + mean)


def average_precision(happened: np.ndarray, forecast: np.ndarray) -> float | None:
    """Return the average precision (0 to 1) of ranking rows by the forecast, None where nothing happened.

    Equal forecasts share one rank, so a constant forecast scores the share of rows where it happened.
    """
    happened = np.asarray(happened, dtype=bool)
    if not happened.any():
        return None
    forecast = np.asarray(forecast, dtype=float)
    order = np.argsort(-forecast)
    ranked = forecast[order]
    last_of_tie = np.append(ranked[1:] != ranked[:-1], True)
    hits = np.cumsum(happened[order])[last_of_tie]
    places = np.flatnonzero(last_of_tie) + 1
    gained = np.diff(hits, prepend=0)
    return float(np.sum(gained * hits / places) / happened.sum())


def pinball_loss(actual: np.ndarray, quantile: np.ndarray, level: float) -> np.ndarray:
    """Return the pinball loss (units, 0 is perfect) of each forecast of the quantile `level` (0 to 1)."""
    error = np.asarray(actual, dtype=float) - np.asarray(quantile, dtype=float)
    return np.maximum(level * error, (level - 1) * error)


def coverage(actual: np.ndarray, low: np.ndarray, high: np.ndarray) -> float:
    """Return the share (0 to 1) of actual values from `low` to `high`, both included."""
    actual = np.asarray(actual)
    return float(np.mean((actual >= np.asarray(low)) & (actual <= np.asarray(high))))


def resampling_weights(count: int, resamples: int, rng: np.random.Generator) -> np.ndarray:
    """Return how often each of `count` units is drawn in each bootstrap sample, (resamples + 1, count).

    Row 0 is the data as they are: every unit once.
    """
    drawn = rng.integers(count, size=(resamples, count))
    flat = (drawn + np.arange(resamples)[:, None] * count).ravel()
    weights = np.bincount(flat, minlength=resamples * count).reshape(resamples, count)
    return np.vstack([np.ones((1, count)), weights]).astype(np.float32)


class Resampling:
    """Bootstrap over series and origins at once (Owen 2007, "The pigeonhole bootstrap").

    With fewer than `SMALLEST_ORIGINS` origins only the series are drawn, and the intervals hold for these very
    weeks. Row 0 of every result is the score of the data as they are, the others those of the resamples.
    """

    def __init__(self, forecasts: pd.DataFrame, resamples: int, seed: int) -> None:
        """Index `forecasts` (columns series, origin) and draw the weights."""
        self.names, self.series = np.unique(forecasts["series"].to_numpy(), return_inverse=True)
        self.origins, self.origin = np.unique(forecasts["origin"].to_numpy(), return_inverse=True)
        rng = np.random.default_rng(seed)
        drawn = resamples if len(self.names) >= SMALLEST_SAMPLE else 0
        self.series_weights = resampling_weights(len(self.names), drawn, rng)
        if len(self.origins) < SMALLEST_ORIGINS:
            self.origin_weights = np.ones((drawn + 1, len(self.origins)), dtype=np.float32)
        else:
            self.origin_weights = resampling_weights(len(self.origins), drawn, rng)

    def grid(self, values: np.ndarray) -> np.ndarray:
        """Return the rows' `values` as a matrix series x origins, 0 where a row is absent."""
        matrix = np.zeros((len(self.names), len(self.origins)), dtype=np.float32)
        matrix[self.series, self.origin] = values
        return matrix

    def totals(self, values: np.ndarray) -> np.ndarray:
        """Return the weighted sum of `values` over all rows in each sample."""
        return np.sum((self.series_weights @ self.grid(values)) * self.origin_weights, axis=1, dtype=float)

    def mean_root(self, values: np.ndarray, counted: np.ndarray) -> np.ndarray:
        """Return each sample's mean over series of the root of a series' mean `values` in its `counted` rows."""
        means = _ratio(self.grid(values) @ self.origin_weights.T, self.grid(counted) @ self.origin_weights.T)
        weights = self.series_weights.T * np.isfinite(means)
        roots = np.sum(np.sqrt(np.nan_to_num(means)) * weights, axis=0, dtype=float)
        return _ratio(roots, np.sum(weights, axis=0, dtype=float))


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    undefined = np.full(np.shape(numerator), np.nan)
    return np.divide(numerator, denominator, out=undefined, where=np.asarray(denominator) > 0)


def score_samples(forecasts: pd.DataFrame, model: str, scale: pd.Series, draws: Resampling) -> dict:
    """Return metric -> scores of `model` in each sample of `draws` (row 0: the data as they are).

    poisson_deviance, rmsse and rmsse_by_series (scaled by each series' own naive error, Hyndman and Koehler
    2006), bias (forecast over actual - 1), mae and rmse (units), r2, wmape (absolute errors over units sold),
    mape_sold (mean absolute percentage error of the rows that did sell).

    `scale` maps series to squared errors of the naive forecast; series without one are left out of both. In
    rmsse the root is taken once, of the mean over all rows. In rmsse_by_series it is taken of each series'
    mean and the roots are averaged, as in the M5 competition (Makridakis, Spiliotis and Assimakopoulos 2022)
    but with equal weights; that rewards forecasting zero for every series that sells nothing in the test.
    """
    actual = forecasts["actual"].to_numpy(dtype=float)
    forecast = forecasts[model].to_numpy(dtype=float)
    error = forecast - actual
    sold = actual > 0
    rows = draws.totals(np.ones(len(actual)))
    units = draws.totals(actual)
    squared = draws.totals(error**2)
    absolute = draws.totals(np.abs(error))
    spread = draws.totals(actual**2) - _ratio(units**2, rows)
    scales = np.nan_to_num(scale.reindex(forecasts["series"]).to_numpy(dtype=float))
    scaled = np.where(scales > 0, error**2 / np.where(scales > 0, scales, 1), 0.0)
    relative = np.where(sold, np.abs(error) / np.where(sold, actual, 1), 0.0)
    return {
        "poisson_deviance": _ratio(draws.totals(poisson_deviance(actual, forecast)), rows),
        "rmsse": np.sqrt(_ratio(draws.totals(scaled), draws.totals(scales > 0))),
        "rmsse_by_series": draws.mean_root(scaled, scales > 0),
        "bias": _ratio(draws.totals(forecast), units) - 1,
        "mae": _ratio(absolute, rows),
        "rmse": np.sqrt(_ratio(squared, rows)),
        "r2": 1 - _ratio(squared, spread),
        "wmape": _ratio(absolute, units),
        "mape_sold": _ratio(draws.totals(relative), draws.totals(sold)),
    }


def score_distributions(
    forecasts: pd.DataFrame, model: str, dispersion: float, draws: Resampling, seed: int
) -> dict[str, np.ndarray]:
    """Return metric -> scores, in each sample of `draws`, of the distribution around the forecasts of `model`.

    scaled_crps is the sum of all continuous ranked probability scores over the units sold: for a forecast that names
    one number as certain it is the wMAPE. pinball_<percent> is the mean pinball loss (units) of that quantile.
    coverage_80 is the share of outcomes in the middle 80 %, by randomised ranks.
    """
    actual = forecasts["actual"].to_numpy(dtype=float)
    forecast = forecasts[model].to_numpy(dtype=float)
    rows = draws.totals(np.ones(len(actual)))
    demand = distribution(forecast, dispersion)
    inside = np.abs(spread_ranks(actual, forecast, dispersion, seed) - 0.5) <= 0.4
    losses = {f"pinball_{level:.0%}"[:-1]: pinball_loss(actual, demand.ppf(level), level) for level in QUANTILES}
    return {
        "scaled_crps": _ratio(draws.totals(crps(actual, forecast, dispersion)), draws.totals(actual)),
        **{name: _ratio(draws.totals(loss), rows) for name, loss in losses.items()},
        "coverage_80": _ratio(draws.totals(inside), rows),
    }


def best_model(samples: dict[str, dict], candidates: Sequence[str], metric: str) -> str | None:
    """Return the candidate with the smallest `metric` on the data as they are, None if none has a value."""
    values = {name: samples[name][metric][0] for name in candidates if name in samples}
    finite = {name: value for name, value in values.items() if np.isfinite(value)}
    return min(finite, key=finite.get) if finite else None


def score_models(
    forecasts: pd.DataFrame,
    models: Sequence[str],
    baselines: Sequence[str],
    scale: pd.Series,
    resamples: int,
    seed: int,
    dispersions: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Return the scores of `models` as rows (model, metric, value, low, high); None where undefined.

    Besides `METRICS` there is average_precision of "sells at all" (no interval) and, where the models' `dispersions`
    are given, `DISTRIBUTION_METRICS`. For each of `SKILLS` and `DISTRIBUTION_SKILLS` that was scored there is
    `<metric>_skill`: 1 - score / score of the best baseline in the same sample. The best baseline is picked on these
    very rows, which favours the baselines. low and high bound the bootstrap interval.
    """
    if forecasts.empty:
        return pd.DataFrame(columns=SCORE_COLUMNS)
    draws = Resampling(forecasts, resamples, seed)
    samples = {name: score_samples(forecasts, name, scale, draws) for name in models}
    for name in models if dispersions else ():
        samples[name] |= score_distributions(forecasts, name, dispersions[name], draws, seed)
    happened = forecasts["actual"].to_numpy() > 0
    # Where nothing was sold, every error is one of forecasting too much, and no skill follows from it.
    told = [metric for metric in (*SKILLS, *DISTRIBUTION_SKILLS) if metric in samples[models[0]]]
    measures = told if happened.any() else []
    references = {metric: best_model(samples, baselines, metric) for metric in measures}
    rows = []
    for name in models:
        scores = dict(samples[name])
        for metric, reference in references.items():
            if reference is not None:
                scores[f"{metric}_skill"] = 1 - _ratio(scores[metric], samples[reference][metric])
        scores["average_precision"] = [average_precision(happened, forecasts[name].to_numpy())]
        rows += [{"model": name, "metric": metric, **bound(values)} for metric, values in scores.items()]
    return pd.DataFrame(rows, columns=SCORE_COLUMNS, dtype=object)


def bound(samples: Sequence[float]) -> dict[str, float | None]:
    """Return value, the first of the samples, and low and high, the interval that the others span; None if unknown."""
    value, resampled = samples[0], np.asarray(samples[1:], dtype=float)
    resampled = resampled[np.isfinite(resampled)]
    if value is None or not np.isfinite(value):
        return {"value": None, "low": None, "high": None}
    if not len(resampled):
        return {"value": float(value), "low": None, "high": None}
    low, high = np.quantile(resampled, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return {"value": float(value), "low": float(low), "high": float(high)}


def score_of(scores: pd.DataFrame, model: str, metric: str) -> dict[str, float | None]:
    """Return value, low and high of one score; all None where it is missing."""
    found = scores[(scores["model"] == model) & (scores["metric"] == metric)]
    if found.empty:
        return {"value": None, "low": None, "high": None}
    return {key: found.iloc[0][key] for key in ("value", "low", "high")}


def best_baseline(scores: pd.DataFrame, baselines: Sequence[str], metric: str) -> str | None:
    """Return the baseline with the smallest `metric` in a table of scores, None where none has a value."""
    values = {name: score_of(scores, name, metric)["value"] for name in baselines}
    known = {name: value for name, value in values.items() if value is not None}
    return min(known, key=known.get) if known else None

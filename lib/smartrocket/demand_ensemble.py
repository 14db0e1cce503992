"""A model and the best classical forecast, mixed: how much of each is decided on days before the test."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from smartrocket.demand_scores import FORECAST_FLOOR, poisson_deviance

WEIGHTS = np.linspace(0, 1, 21)

LEAST_GAIN = 0.01
"""A mix that lowers the loss by less than this share of the partner's is not worth having a model."""


@dataclass(frozen=True)
class Mix:
    """A model's part (0 to 1) in a mix with a baseline, the `partner`, and what each part would have scored.

    `curve` has a row a weight: weight, loss (1: the partner alone), error (the standard error of its difference from
    the smallest loss); `best` is the weight with the smallest loss. `drawn` is the smallest loss of the partner mixed
    with one number for all items instead of the model, the mean of the units sold.
    """

    model: str
    partner: str
    weight: float
    best: float
    curve: pd.DataFrame
    drawn: float

    @property
    def name(self) -> str:
        """What the mix is called; a partner without a part is not named."""
        return self.model if self.weight == 1 else f"{self.model} with {self.partner}"

    def forecast(self, table: pd.DataFrame) -> np.ndarray:
        """Return the mixed forecasts of a forecast table."""
        return mix(table[self.model].to_numpy(), table[self.partner].to_numpy(), self.weight)


def mix(model: np.ndarray, partner: np.ndarray, weight: float) -> np.ndarray:
    """Return the weighted geometric mean of two forecasts: both models change forecasts by factors.

    Forecasts of a partner below `FORECAST_FLOOR` are raised to it, as a zero would have the last word; where the
    model expects nothing, as of items that it does not know, so does the mix.
    """
    raised = np.maximum(np.asarray(partner, dtype=float), FORECAST_FLOOR)
    model = np.asarray(model, dtype=float)
    return np.where(model > 0, np.maximum(model, 1e-12) ** weight * raised ** (1 - weight), 0.0)


def choose_mix(past: pd.DataFrame, model: str, baselines: Sequence[str]) -> Mix | None:
    """Choose the partner and the model's weight on forecasts made before the test, None where nothing was sold.

    `past` has series, actual, scale (of the RMSSE, missing where there is none) and the forecasts. The partner is the
    baseline with the smallest loss. Of all weights the smallest one is taken whose loss is within one standard error of
    the smallest loss, the error being that of their paired difference (after the rule of Breiman et al. 1984: the
    simplest of what is about as good).

    Mixed with anything steady, a baseline of too bold forecasts gains, even with a model that learned nothing. So the
    partner is mixed with the mean of the units sold too, and a model gets a part only if with it the loss falls by
    `LEAST_GAIN` more than with that one number.

    Losses weigh both scores alike, the Poisson deviance and the scaled squared error, each as a share of the partner's;
    the standard error takes an item's weeks as one observation.
    """
    if past.empty or not past["actual"].sum():
        return None
    losses = {name: measure_losses(past, past[name].to_numpy()) for name in baselines}
    # Each score is set in relation to the median baseline's, for no partner has been chosen yet.
    usual = np.median([loss.mean(axis=0) for loss in losses.values()], axis=0)
    partner = min(baselines, key=lambda name: float((losses[name].mean(axis=0) / np.maximum(usual, 1e-12)).mean()))
    unit = losses[partner].mean(axis=0)
    unit[unit <= 0] = 1.0
    of_model = _try_weights(past, past[model].to_numpy(), partner, unit)
    mean = of_model.mean(axis=1)
    best = int(mean.argmin())
    errors = np.array([_standard_error(loss - of_model[best], past["series"]) for loss in of_model])
    drawn = float(_try_weights(past, np.full(len(past), past["actual"].mean()), partner, unit).mean(axis=1).min())
    near = np.flatnonzero(mean <= mean[best] + errors)
    chosen = int(near[0]) if mean[best] <= drawn - LEAST_GAIN else 0
    curve = pd.DataFrame({"weight": WEIGHTS, "loss": mean, "error": errors})
    return Mix(model, partner, float(WEIGHTS[chosen]), float(WEIGHTS[best]), curve, drawn)


def _try_weights(past: pd.DataFrame, other: np.ndarray, partner: str, unit: np.ndarray) -> np.ndarray:
    """Return each row's loss, in the partner's units, with each of `WEIGHTS` for the other forecast."""
    forecasts = [mix(other, past[partner].to_numpy(), weight) for weight in WEIGHTS]
    return np.array([(measure_losses(past, forecast) / unit).mean(axis=1) for forecast in forecasts])


def measure_losses(past: pd.DataFrame, forecast: np.ndarray) -> np.ndarray:
    """Return each row's Poisson deviance and scaled squared error (0 without a scale), rows x 2."""
    actual, scale = past["actual"].to_numpy(dtype=float), np.nan_to_num(past["scale"].to_numpy(dtype=float))
    scaled = np.divide((forecast - actual) ** 2, scale, out=np.zeros(len(actual)), where=scale > 0)
    return np.column_stack([poisson_deviance(actual, forecast), scaled])


def _standard_error(differences: np.ndarray, series: pd.Series) -> float:
    sums = pd.Series(differences - differences.mean()).groupby(series.to_numpy()).sum().to_numpy()
    groups = len(sums)
    return float(np.sqrt(np.sum(sums**2) * groups / max(groups - 1, 1)) / len(differences))

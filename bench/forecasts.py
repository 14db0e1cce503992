"""The classical forecasts of intermittent demand: the library beside statsforecast's own loop, on the same series.

Both use statsforecast's models; the library calls them item by item on the matrix that it has, statsforecast takes a
long frame. Prints one JSON line; stops where the forecasts differ.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from statsforecast import StatsForecast

from measurement import RESULTS, keep_results
from smartrocket.demand_baselines import INTERMITTENT, smooth_intermittent

# Share of item-days with a sale, as in RetailRocket's panel of items that sell at all.
SALES_A_DAY = 0.02
HORIZON = 7


def draw_history(items: int, days: int, seed: int = 1) -> np.ndarray:
    """Draw daily units of items that sell rarely, as items x days; every one sells on two days or more."""
    random = np.random.default_rng(seed)
    units = random.poisson(random.gamma(0.5, 2 * SALES_A_DAY, items)[:, None], (items, days)).astype(float)
    for row in np.flatnonzero(np.count_nonzero(units, axis=1) < 2):
        units[row, random.choice(days, 2, replace=False)] = 1
    return units


def forecast_frame(frame: pd.DataFrame) -> pd.DataFrame:
    """Forecast a long frame by statsforecast: a row an item and day ahead, a column a method."""
    models = StatsForecast(models=list(INTERMITTENT.values()), freq="D", n_jobs=1)
    return models.forecast(df=frame, h=1)


def find_median(work: Callable[[], object], runs: int) -> tuple[float, object]:
    """Return the median of the seconds that a piece of work takes, and its last result."""
    taken = []
    for _ in range(runs):
        begun = time.perf_counter()
        result = work()
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken), result


def compare(items: int, days: int, runs: int) -> dict:
    """Measure both on the same series. Raises SystemExit where they do not forecast the same."""
    history = draw_history(items, days)
    dates = pd.date_range("2024-01-01", periods=days)
    frame = pd.DataFrame({"unique_id": np.repeat(np.arange(items), days), "ds": np.tile(dates, items)})
    frame["y"] = history.ravel()
    # The models are compiled when they are first used.
    smooth_intermittent(history[:2], HORIZON)
    forecast_frame(frame[: 2 * days])
    own, forecasts = find_median(lambda: smooth_intermittent(history, HORIZON), runs)
    other, told = find_median(lambda: forecast_frame(frame), runs)
    for (name, values), column in zip(forecasts.items(), told.columns[-len(INTERMITTENT) :], strict=True):
        if not np.allclose(values, told[column].to_numpy() * HORIZON, rtol=1e-4, atol=1e-6):
            raise SystemExit(f"error: {name} differs from statsforecast's own.")
    what = f"{len(INTERMITTENT)} classical forecasts of {items:,} items"
    return {"what": what, "other": "statsforecast", "seconds": own, "other_seconds": other, "runs": runs}


def main(words: list[str] | None = None) -> None:
    """Run the comparison as the command line asks; prints its line and keeps it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=2000)
    parser.add_argument("--days", type=int, default=138)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--output", type=Path, default=RESULTS, help="file of results that takes the line")
    options = parser.parse_args(words)
    line = compare(options.items, options.days, options.runs)
    print(json.dumps(line), flush=True)
    keep_results("forecasts", [line], options.output)


if __name__ == "__main__":
    sys.exit(main())

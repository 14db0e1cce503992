"""Results in one tidy shape, which tests, chapters, the dashboard and comparisons all read."""

import math
from typing import Any

from smartrocket.files import write_json
from smartrocket.workspace import Workspace


def plain(value: Any) -> Any:
    """Turn a NumPy or pandas scalar into a plain Python one.

    Raises ValueError for NaN and infinity, and TypeError for what is no number, text or None.
    """
    value = value.item() if hasattr(value, "item") else value
    if not isinstance(value, str | int | float | None):
        raise TypeError(f"a result must be one number, a text or None, not {type(value).__name__}")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"a result must be a finite number or None, not {value}")
    return value


class Results:
    """What one notebook found: facts, scores and, kept apart, measured times and memory.

    `results/<notebook>.json` holds `facts` (name -> value and unit) and `scores` (records of task, model,
    level, metric, value, low, high). It is the same in every run with the same inputs. What differs from
    run to run, seconds and megabytes, goes to `measures/<notebook>.json`.
    """

    def __init__(self, notebook: str, workspace: Workspace):
        """Start the results of a notebook, empty."""
        self.notebook = notebook
        self.workspace = workspace
        self.facts: dict[str, dict] = {}
        self.scores: list[dict] = []
        self.measures: list[dict] = []

    def fact(self, name: str, value: Any, unit: str) -> None:
        """Record a fact, such as `rows_raw` = 9,385 rows. None means: not known for this shop."""
        self.facts[name] = {"value": plain(value), "unit": unit}

    def score(
        self,
        task: str,
        model: str,
        level: str,
        metric: str,
        value: Any,
        low: Any = None,
        high: Any = None,
    ) -> None:
        """Record one metric of one model, with the ends of its interval where it has one."""
        self.scores.append(
            {
                "task": task,
                "model": model,
                "level": level,
                "metric": metric,
                "value": plain(value),
                "low": plain(low),
                "high": plain(high),
            }
        )

    def measure(self, name: str, value: Any, model: str | None = None) -> None:
        """Record a measured time (name ends in `seconds`) or size, of a model where it belongs to one."""
        self.measures.append({"name": name, "model": model, "value": plain(value)})

    def write(self) -> None:
        """Write both files, the second with the list of what was read from earlier stages."""
        content = {"notebook": self.notebook, "facts": self.facts, "scores": self.scores}
        write_json(self.workspace.results / f"{self.notebook}.json", content)
        measured = {"measures": self.measures, "opened": sorted(self.workspace.opened)}
        write_json(self.workspace.measures / f"{self.notebook}.json", measured)

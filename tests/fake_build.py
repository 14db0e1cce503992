"""A small finished build, made without running anything: what the tests of publishing start from."""

import shutil
from functools import cache
from pathlib import Path

import nbformat
import numpy as np
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output, new_raw_cell

from smartrocket import figures
from smartrocket.files import ROOT, write_json, write_text
from smartrocket.findings import Finding, figure_html
from smartrocket.profiles import NOTEBOOKS

TITLES = [
    "Exploring the log",
    "Cleaning",
    "Features",
    "First forecast",
    "Tuned forecast",
    "First GRU",
    "Tuned GRU",
]
SHOP = {
    "profile": "demo",
    "title": "Demo shop",
    "generated": True,
    "has_properties": True,
    "has_category_tree": True,
    "command": "make report PROFILE=demo",
}
FACTS = {
    "rows_events": {"value": 152_345, "unit": "rows"},
    "visitors": {"value": 41_250, "unit": "visitors"},
    "buyers": {"value": 1_034, "unit": "visitors"},
    "conversion_visitors": {"value": 0.025067, "unit": "share"},
    "items": {"value": 2_987, "unit": "items"},
    "items_sold": {"value": 811, "unit": "items"},
    "days": {"value": 90, "unit": "days"},
    "time_zone": {"value": "UTC", "unit": "time zone"},
    "peak_hour": {"value": 18, "unit": "hour"},
    "peak_weekday": {"value": "Monday", "unit": "weekday"},
    "gini_items": {"value": None, "unit": "Gini coefficient"},
    "odd_name": {"value": "a *b* <c> {{< d >}}", "unit": "text"},
}


FACTS_OF = {
    "01_eda": FACTS,
    "03_features": {
        "min_item_support": {"value": 5, "unit": "clicks"},
        "min_session_length": {"value": 2, "unit": "clicks"},
        "sequence_gap_minutes": {"value": 60, "unit": "minutes"},
        "features": {"value": 56, "unit": "features"},
    },
    "06_gru4rec_baseline": {"items": {"value": 1_234, "unit": "items"}},
}


def score(task: str, model: str, metric: str, value: float, half: float | None, level: str) -> dict:
    """Return a record of a result with a symmetric interval, or with none."""
    ends = {"low": None, "high": None} if half is None else {"low": value - half, "high": value + half}
    return {"task": task, "model": model, "level": level, "metric": metric, "value": value, **ends}


def make_scores(notebook: str) -> list[dict]:
    """Return the scores that a notebook of the demo shop writes."""
    forecasts = {
        "04_forecast_lightgbm": {
            "zero": 1.02,
            "historic mean": 0.951,
            "Croston": 0.944,
            "LightGBM baseline": 0.921,
        },
        "05_forecast_tuning": {"LightGBM tuned": 0.912},
    }
    rankings = {
        "06_gru4rec_baseline": {
            "popularity": 0.048,
            "seen in this session": 0.161,
            "VSTAN": 0.33,
            "GRU4Rec baseline": 0.352,
        },
        "07_gru4rec_tuning": {"GRU4Rec tuned": 0.391},
    }
    scores = []
    for level in ("item", "category", "total"):
        for model, value in forecasts.get(notebook, {}).items():
            scores += [
                score("forecast", model, "poisson_deviance", value, 0.012, level),
                score("forecast", model, "rmsse", value - 0.1, 0.01, level),
                score("forecast", model, "bias", value - 1, 0.02, level),
                score("forecast", model, "average_precision", 1.1 - value, None, level),
            ]
            if model.startswith("LightGBM"):
                scores.append(score("forecast", model, "poisson_deviance_skill", 1 - value / 0.944, 0.006, level))
    for model, value in rankings.get(notebook, {}).items():
        scores += [
            score("recommendation", model, f"hit_rate@{length}", value * length / 20, 0.008, "event")
            for length in (20, 1)
        ]
        scores.append(score("recommendation", model, "mrr@20", value / 2.4, 0.006, "event"))
    return scores


@cache
def draw_figure(name: str) -> str:
    """Return a figure of the project's style as HTML."""
    fig, ax = figures.canvas()
    days = np.arange(90)
    for event, scale in (("view", 1500), ("addtocart", 90), ("transaction", 40)):
        ax.plot(
            days,
            scale * (1 + 0.2 * np.sin(days / 7 * 2 * np.pi)),
            color=figures.EVENT_COLOURS[event],
            label=event,
        )
    ax.set(xlabel="Day", ylabel="Events", yscale="log", title="Events a day")
    ax.legend(ncols=3)
    finding = Finding("", fig, "Events by day, on a logarithmic scale.", "Views rise and fall with the week.")
    return figure_html(finding, name)


def make_notebook(notebook: str, title: str) -> nbformat.NotebookNode:
    """Return an executed notebook as papermill leaves it."""
    figure = new_output("display_data", data={"text/html": draw_figure(notebook), "text/plain": "<IPython HTML>"})
    reading = new_output("display_data", data={"text/markdown": "Views rise and fall **with the week**."})
    cells = [
        new_raw_cell(f"---\ntitle: {title}\ndescription: What this notebook does.\n---", id="title"),
        new_code_cell("build = 'build/lab'", id="parameters", metadata={"tags": ["parameters"]}),
        new_code_cell("build = 'build/demo'", id="injected", metadata={"tags": ["injected-parameters"]}),
        new_markdown_cell(
            "## How much happens each day?\n\nA [session](../chapters/glossary.qmd#session) is a visit. "
            "See [Cleaning](02_cleaning.ipynb).",
            id="question",
        ),
        new_code_cell(
            "volume = daily_volume(log)\nshow(volume)",
            id="volume",
            outputs=[
                new_output("stream", name="stderr", text="a warning\n"),
                new_output("stream", name="stdout", text="90 days\n"),
                figure,
                reading,
            ],
            execution_count=3,
        ),
    ]
    for cell in cells:
        cell.metadata["papermill"] = {"duration": 0.1}
        cell.metadata["execution"] = {"iopub.execute_input": "2026-01-01"}
    metadata = {
        "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
        "papermill": {},
    }
    return new_notebook(cells=cells, metadata=metadata)


def make_project(root: Path, shop: dict = SHOP) -> Path:
    """Copy the project's pages into `root` and put the finished build `demo` beside them; returns `root`."""
    for name in ("_quarto.yml", "index.qmd"):
        shutil.copy(ROOT / name, root / name)
    for name in ("theme", "chapters", "dashboard"):
        shutil.copytree(ROOT / name, root / name)
    build = root / "build" / "demo"
    write_json(build / "shop.json", shop)
    for notebook, title in zip(NOTEBOOKS, TITLES, strict=True):
        write_text(build / "notebooks" / f"{notebook}.ipynb", nbformat.writes(make_notebook(notebook, title)))
        results = {"notebook": notebook, "facts": FACTS_OF.get(notebook, {}), "scores": make_scores(notebook)}
        write_json(build / "results" / f"{notebook}.json", results)
        manifest = {
            "notebook": notebook,
            "seconds": 12.5,
            "peak_megabytes": 420.0,
            "parameters": {"build": "build/demo", "seed": 1, "smallest_group": 5},
            "inputs": {"raw/events.csv": "ab" * 32} if notebook == "01_eda" else {},
            "packages": {"pandas": "2.3.3"},
            "python": "3.11.2",
            "commit": "0123456789abcdef",
            "measures": [],
            "metrics": results,
        }
        write_json(build / "manifests" / f"{notebook}.json", manifest)
    for name in ("daily_volume", "tuning_models"):
        write_text(build / "figures" / f"{name}.html", draw_figure(name) + "\n")
    return root

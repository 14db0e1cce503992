"""How a model arrives at a forecast: the paths through its first trees, and the sum of all of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import lightgbm as lgb
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from smartrocket import figures
from smartrocket.findings import Finding
from smartrocket.wording import number, plural, write_date

TREES_SHOWN = 3
QUESTIONS_SHOWN = 4


@dataclass(frozen=True)
class Path:
    """The way of one row through one tree: questions with their answers, and the factor of the leaf it ends in."""

    questions: list[str]
    factor: float


def find_leaf(node: dict, leaf: int, row: dict[str, float], questions: tuple[str, ...] = ()) -> tuple[str, ...] | None:
    """Return the questions on the way from a node of LightGBM's dump to a leaf; None where it is not below.

    `row` has the features in the model's order; one that is not known answers no question with a number.
    """
    if "leaf_value" in node:
        return questions if node.get("leaf_index", 0) == leaf else None
    name = list(row)[node["split_feature"]]
    for side, sign in (("left_child", "≤"), ("right_child", ">")):
        known = not np.isnan(row[name])
        # LightGBM writes a threshold of zero as the smallest number above it.
        threshold = float(node["threshold"]) if abs(node["threshold"]) > 1e-30 else 0.0
        limit = f"{threshold:.0f}" if abs(threshold) >= 1000 else f"{threshold:.3g}"
        asked = f"{name} {sign} {limit}" if known else f"{name} unknown"
        found = find_leaf(node[side], leaf, row, (*questions, asked))
        if found is not None:
            return found
    return None


def read_paths(booster: lgb.Booster, row: np.ndarray, features: Sequence[str], trees: int) -> list[Path]:
    """Return the path of one row of features through each of the first trees."""
    leaves = booster.predict(row[None], pred_leaf=True).reshape(-1)
    dump = booster.dump_model(num_iteration=trees)["tree_info"]
    named = dict(zip(features, map(float, row), strict=True))
    paths = []
    for place, tree in enumerate(dump[:trees]):
        asked = find_leaf(tree["tree_structure"], int(leaves[place]), named)
        paths.append(Path(list(asked or ()), float(np.exp(booster.get_leaf_output(place, int(leaves[place]))))))
    return paths


def add_up(booster: lgb.Booster, row: np.ndarray) -> np.ndarray:
    """Return the forecast of one row, in units, after each tree: e to the power of the leaves so far."""
    leaves = booster.predict(row[None], pred_leaf=True).reshape(-1)
    values = [booster.get_leaf_output(place, int(leaf)) for place, leaf in enumerate(leaves)]
    return np.exp(np.cumsum(values))


def draw_trees(
    booster: lgb.Booster | None, rows: pd.DataFrame, features: Sequence[str], origin: pd.Timestamp | None
) -> Finding:
    """Draw how the trees of a model add up for the row of `rows` (itemid and features) with the highest forecast.

    Without a model or a row the finding says so.
    """
    if booster is None or rows.empty or origin is None:
        return Finding("No model was trained on this log, so there are no trees to draw.")
    values = rows[list(features)].to_numpy(dtype=np.float32)
    chosen = int(np.argmax(booster.predict(values)))
    row, item = values[chosen], int(rows["itemid"].iloc[chosen])
    course = add_up(booster, row)
    paths = read_paths(booster, row, features, min(TREES_SHOWN, len(course)))
    figure, (above, below) = figures.canvas(8, 5.2, rows=2)
    draw_paths(above, paths, len(course))
    below.plot(np.arange(1, len(course) + 1), course, color=figures.PALETTE[0])
    below.plot(len(course), course[-1], "o", color=figures.PALETTE[0])
    below.annotate(
        f"{course[-1]:.3g} units", (len(course), course[-1]), xytext=(-6, 8), textcoords="offset points", ha="right"
    )
    below.set(xlabel="trees so far", ylabel="expected units", title="What all trees say together", ylim=(0, None))
    below.margins(y=0.25)
    first = ", ".join(f"{path.factor:.3g}" for path in paths)
    moved = "up to" if course[-1] > course[0] else "down to" if course[-1] < course[0] else "no further than"
    rest = (
        f"it starts at {course[0]:.3g} units after the first tree, and {plural(len(course) - 1, 'more tree')} bring it "
        f"{moved} {course[-1]:.3g}"
        if len(course) > 1
        else f"its only tree says {course[0]:.3g} units"
    )
    if len(course) == 2:
        rest = rest.replace(" bring it ", " brings it ")
    return Finding(
        figure=figure,
        wide=True,
        caption=f"The way of item {item} through the first trees, and the forecast as the trees add up.",
        alt=f"The forecast of item {item}: {rest}.",
        reading=f"This is the model's forecast for item {item} at the end of {write_date(origin)}, the highest of that "
        f"day; {rest}. Each tree asks questions about the day and ends in a number. The first "
        f"{plural(len(paths), 'tree')} give the factors {first}: the first starts from the average of all rows, "
        f"each later one multiplies what is there. The model has {number(len(course))} trees in all.",
    )


def draw_paths(axes: Axes, paths: Sequence[Path], trees: int) -> None:
    """Draw a card for each of the first trees, with its questions and the factor that it gives."""
    axes.set(xlim=(0, 1), ylim=(0, 1), title="Each tree asks questions and gives a factor")
    axes.axis("off")
    width = 1 / (len(paths) + 0.42)
    for place, path in enumerate(paths):
        left = place * width
        axes.add_patch(figures.box(left + 0.005, 0.05, width - 0.04, 0.9))
        axes.text(left + 0.02, 0.86, f"tree {place + 1}", weight="bold", va="center", size=9)
        shown = path.questions[:QUESTIONS_SHOWN]
        more = len(path.questions) - len(shown)
        lines = [*(shown or ["no question"]), *([f"and {plural(more, 'more question')}"] if more else [])]
        for line, text in enumerate(lines):
            axes.text(left + 0.02, 0.7 - 0.115 * line, text, va="center", size=8, color=figures.MUTED)
        axes.text(left + 0.02, 0.12, f"× {path.factor:.3g}", va="center", size=10, color=figures.PALETTE[0])
    more = trees - len(paths)
    if more > 0:
        axes.text(len(paths) * width + 0.01, 0.5, f"× … × …\n{plural(more, 'more tree')}", va="center", size=9)

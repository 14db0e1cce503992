"""What a recommender puts on show: how much of the catalogue, how evenly, and how far from what everybody knows."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from smartrocket import figures
from smartrocket.findings import Finding
from smartrocket.ranking import Ranking, Sessions
from smartrocket.results import Results
from smartrocket.wording import number, percent

CLICKED = "what visitors clicked"
COLUMNS = ["coverage@20", "gini@20", "popularity_rank@20", "novelty@20"]


def gini(counts: np.ndarray) -> float:
    """Return the Gini coefficient of counts: 0 where all are equal, nearly 1 where one item has everything."""
    counts = np.sort(counts)
    total = counts.sum()
    if not total:
        return 0.0
    places = np.arange(1, len(counts) + 1)
    return float(2 * (places * counts).sum() / (len(counts) * total) - (len(counts) + 1) / len(counts))


def measure_exposure(shown: np.ndarray, popularity: np.ndarray) -> dict[str, float | None]:
    """Measure what lists hold, from how often each item stood in one and its clicks in training.

    Returns `coverage@20` (share of items shown at all), `gini@20` (how unevenly the places in lists are spread
    over the catalogue), `popularity_rank@20` (mean over all places; 1 is the most clicked item, equal counts
    share their mean rank) and `novelty@20` (mean self-information in bits, minus the binary logarithm of an
    item's share of clicks: Zhou et al. 2010). The last two are None where nothing was shown.
    """
    places, clicks = shown.sum(), popularity.sum()
    values: dict[str, float | None] = {"coverage@20": float((shown > 0).mean()), "gini@20": gini(shown)}
    if not places or not clicks:
        return values | {"popularity_rank@20": None, "novelty@20": None}
    ranks = pd.Series(popularity).rank(ascending=False).to_numpy()
    surprise = np.log2(clicks / np.maximum(popularity, 1))
    return values | {
        "popularity_rank@20": float((shown * ranks).sum() / places),
        "novelty@20": float((shown * surprise).sum() / places),
    }


def exposure_frame(rankings: Mapping[str, Ranking], train: Sessions) -> pd.DataFrame:
    """Return one row a model, and first what visitors clicked themselves: model and the columns of `COLUMNS`."""
    if not rankings:
        return pd.DataFrame(columns=["model", *COLUMNS])
    first = next(iter(rankings.values()))
    popularity = np.bincount(train.items, minlength=first.item_count)
    shown = {CLICKED: np.bincount(first.clicks.targets, minlength=first.item_count)}
    shown |= {name: ranking.shown for name, ranking in rankings.items()}
    return pd.DataFrame([{"model": name, **measure_exposure(counts, popularity)} for name, counts in shown.items()])


def describe_exposure(frame: pd.DataFrame, model: str, item_count: int, refusal: str) -> Finding:
    """Show coverage and mean popularity rank of every model's lists, beside what visitors clicked.

    `frame` comes from `exposure_frame`; `model` is the one that the reading is about, and `refusal` says why
    nothing is compared, if so.
    """
    if refusal:
        return Finding(refusal)
    by_name = frame.set_index("model")
    models = by_name.drop(index=CLICKED).sort_values("popularity_rank@20", ascending=False)
    figure, axes = figures.canvas(height=0.9 + 0.3 * len(models), columns=2)
    places = np.arange(len(models))
    colours = [figures.PALETTE[0] if "GRU4Rec" in name else figures.MUTED for name in models.index]
    for axis, column, label in (
        (axes[0], "coverage@20", "share of the catalogue shown"),
        (axes[1], "popularity_rank@20", "mean popularity rank of what is shown"),
    ):
        axis.barh(places, models[column].astype(float), color=colours, height=0.65)
        axis.set(xlabel=label)
        axis.grid(axis="y", visible=False)
        axis.grid(axis="x", visible=True)
    axes[0].set_yticks(places, models.index)
    axes[1].set_yticks([])
    asked = by_name.loc[CLICKED]
    axes[1].axvline(asked["popularity_rank@20"], color=figures.PALETTE[1], linestyle="--", linewidth=1.2)
    ours = by_name.loc[model]
    side = "more" if ours["popularity_rank@20"] < asked["popularity_rank@20"] else "less"
    reading = (
        f"{model} shows {percent(ours['coverage@20'])} of the {number(item_count)} items in at least one list. Its "
        f"suggestions have a mean popularity rank of {number(ours['popularity_rank@20'])}; what visitors clicked has "
        f"{number(asked['popularity_rank@20'])}, so its lists lean towards {side} popular items than visitors do. "
        f"The self-information of a suggestion is {number(ours['novelty@20'], 1)} bits, of a click "
        f"{number(asked['novelty@20'], 1)} bits; the Gini coefficient of its lists is {ours['gini@20']:.2f}."
    )
    return Finding(
        figure=figure,
        caption="How much of the catalogue each model's lists hold, and how popular what they hold is (1: the most "
        "clicked item). Dashed: the items that visitors clicked.",
        alt=f"{model} shows {percent(ours['coverage@20'])} of the catalogue; its suggestions have a mean popularity "
        f"rank of {number(ours['popularity_rank@20'])}, what visitors clicked {number(asked['popularity_rank@20'])}.",
        reading=reading,
    )


def record_exposure(results: Results, frame: pd.DataFrame) -> None:
    """Write what every model's lists hold, and what visitors clicked as facts, for comparison."""
    for row in frame.to_dict("records"):
        for metric in COLUMNS:
            if row["model"] == CLICKED:
                results.fact(f"clicked_{metric.removesuffix('@20')}", row[metric], unit=metric)
            else:
                results.score("recommendation", row["model"], "event", metric, row[metric])

"""Lists that are less alike: re-ranking, and what it costs in hits."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from smartrocket import figures
from smartrocket.findings import Finding
from smartrocket.identifiers import NO_CATEGORY
from smartrocket.ranking import (
    LIST_LENGTH,
    NextClicks,
    Recommender,
    bootstrap_interval,
    sample_clicks,
)
from smartrocket.results import Results
from smartrocket.wording import number, percent, plural, points

CANDIDATES = 100
MOST_CLICKS = 3000
STRENGTHS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7)


def unit_vectors(vectors: np.ndarray) -> np.ndarray:
    """Return the vectors with length 1, so that a product of two is the cosine of their angle."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def rerank(scores: np.ndarray, units: np.ndarray, strength: float, length: int = LIST_LENGTH) -> np.ndarray:
    """Return each row's list by maximal marginal relevance (Carbonell and Goldstein 1998), shape (rows, length).

    The first item is the one with the highest score. Each next one has, of the best 100 that are left, the highest
    `(1 - strength) * relevance - strength * likeness`: relevance is the item's score, scaled so that the best of
    the 100 has 1 and the last 0; likeness is the highest cosine of its vector (a row of `units`, of length 1) with
    those listed already. Strength 0 keeps the order of the scores.
    """
    values, items = torch.from_numpy(scores).topk(min(CANDIDATES, scores.shape[1]), dim=1)
    spread = (values[:, :1] - values[:, -1:]).clamp_min(1e-12)
    relevance = (values - values[:, -1:]) / spread
    vectors = torch.from_numpy(units)[items]
    likeness = vectors @ vectors.transpose(1, 2)
    rows = torch.arange(len(items))
    chosen = torch.zeros(len(items), dtype=torch.int64)
    nearest = likeness[:, 0].clone()
    places = [chosen]
    left = torch.ones(items.shape, dtype=torch.bool)
    for _ in range(1, min(length, items.shape[1])):
        left[rows, chosen] = False
        gain = (1 - strength) * relevance - strength * nearest
        chosen = gain.masked_fill(~left, -torch.inf).argmax(dim=1)
        nearest = torch.maximum(nearest, likeness[rows, chosen])
        places.append(chosen)
    return items.gather(1, torch.stack(places, dim=1)).numpy()


def list_distance(lists: np.ndarray, units: np.ndarray) -> np.ndarray:
    """Return how unlike the items of each list are: the mean of 1 - cosine over its pairs (0: all alike)."""
    count = lists.shape[1]
    if count < 2:
        return np.zeros(len(lists))
    sums = units[lists].sum(axis=1)
    # The sum over all pairs is the squared length of the sum, less each vector with itself.
    return 1 - ((sums**2).sum(axis=1) - count) / (count * (count - 1))


def count_categories(lists: np.ndarray, categories: np.ndarray) -> np.ndarray:
    """Return how many categories each list holds; items of unknown category are not counted."""
    held = np.sort(categories[lists], axis=1)
    new = np.column_stack([np.ones(len(held), dtype=bool), held[:, 1:] != held[:, :-1]])
    return (new & (held != NO_CATEGORY)).sum(axis=1)


def weigh_diversity(
    model: Recommender,
    clicks: NextClicks,
    vectors: np.ndarray,
    categories: np.ndarray,
    seed: int,
    strengths: Sequence[float] = STRENGTHS,
) -> pd.DataFrame:
    """Measure lists re-ranked with each strength: what they gain in variety and lose in hits.

    `vectors` are the items', `categories` their categories (or `NO_CATEGORY`). Of the clicks at most 3,000 are drawn.
    Returns strength, clicks, hit_rate (of the list of 20), change (against strength 0) with low and high (95 %,
    paired, sessions drawn anew), distance (see `list_distance`), categories (mean number in a list, None where
    none is known), coverage (share of the catalogue in any list).
    """
    clicks = sample_clicks(clicks, MOST_CLICKS, seed)
    units = unit_vectors(vectors).astype(np.float32)
    lists: dict[float, list[np.ndarray]] = {strength: [] for strength in strengths}
    for start in range(0, len(clicks), 128):
        scores = model.score(clicks.prefixes.take(np.arange(start, min(start + 128, len(clicks)))))
        for strength in strengths:
            lists[strength].append(rerank(scores, units, strength))
    rows = []
    plain = None
    for strength in strengths if len(clicks) else ():
        shown = np.concatenate(lists[strength])
        hits = (shown == clicks.targets[:, None]).any(axis=1).astype(float)
        plain = hits if plain is None else plain
        rows.append(
            {
                "strength": strength,
                "clicks": len(clicks),
                "hit_rate": hits.mean(),
                "change": (hits - plain).mean(),
                **dict(zip(("low", "high"), bootstrap_interval(hits - plain, clicks.session, seed), strict=True)),
                "distance": list_distance(shown, units).mean(),
                "categories": count_categories(shown, categories).mean() if (categories != NO_CATEGORY).any() else None,
                "coverage": len(np.unique(shown)) / len(units),
            }
        )
    columns = ["strength", "clicks", "hit_rate", "change", "low", "high", "distance", "categories", "coverage"]
    return pd.DataFrame(rows, columns=columns)


def describe_diversity(frame: pd.DataFrame, refusal: str) -> Finding:
    """Show the hit rate@20 against the variety of the list, from no re-ranking to a strong one."""
    if refusal or frame.empty:
        return Finding(refusal or "The test asks nothing, so there is no list to re-rank.")
    known = frame["categories"].notna().all()
    figure, axes = figures.canvas(height=3.6, columns=1 + known)
    panels = {"distance": "distance of the items within a list"}
    panels |= {"categories": "categories within a list"} if known else {}
    for axis, (column, label) in zip(np.atleast_1d(axes), panels.items(), strict=True):
        axis.plot(frame[column].astype(float), frame["hit_rate"], marker="o", color=figures.PALETTE[0])
        for _, row in frame.iterrows():
            axis.annotate(
                f"{row['strength']:g}", (row[column], row["hit_rate"]), (4, 4), textcoords="offset points", fontsize=8
            )
        axis.set(xlabel=label)
        axis.margins(0.08)
    np.atleast_1d(axes)[0].set(ylabel="hit rate@20")
    reading = describe_trade(frame)
    return Finding(
        reading=reading,
        figure=figure,
        caption="Hit rate@20 against the variety of the list, for re-ranking of growing strength (the numbers).",
        alt=reading,
    )


def describe_trade(frame: pd.DataFrame) -> str:
    """Say what a middling and the strongest re-ranking gain in variety and change in hits."""

    def variety(row: pd.Series) -> str:
        text = f"a mean distance of {row['distance']:.2f} between their items"
        return text if pd.isna(row["categories"]) else f"{text} and {number(row['categories'], 1)} categories"

    def change(row: pd.Series) -> str:
        text = f"the hit rate@20 changes by {points(row['change'])} percentage points"
        if pd.isna(row["low"]):
            return text
        return f"{text} (95 % interval {points(row['low'])} to {points(row['high'])})"

    first, middle, last = (frame.iloc[place] for place in (0, len(frame) // 2, -1))
    return (
        f"On {plural(int(first['clicks']), 'click')}, the plain lists have {variety(first)}, and a hit rate@20 of "
        f"{percent(first['hit_rate'])}. Re-ranked with strength {middle['strength']:g} they have {variety(middle)}, "
        f"and {change(middle)}. With strength {last['strength']:g} they have {variety(last)}, and {change(last)}."
    )


def record_diversity(results: Results, frame: pd.DataFrame, refusal: str) -> None:
    """Write the trade-off: facts named by the strength, such as `diversity_30_hit_rate` for 0.3.

    None is written where nothing is compared.
    """
    for row in frame.to_dict("records") if not refusal else ():
        for column, unit in (("hit_rate", "share"), ("distance", "1 - cosine"), ("categories", "categories")):
            name = f"diversity_{round(100 * row['strength'])}_{column}"
            results.fact(name, None if pd.isna(row[column]) else row[column], unit=unit)

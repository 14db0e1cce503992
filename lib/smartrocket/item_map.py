"""A map of the items as the network sees them: their vectors, laid flat, coloured by category."""

import numpy as np
import pandas as pd

from smartrocket import figures
from smartrocket.findings import Finding
from smartrocket.identifiers import NO_CATEGORY
from smartrocket.wording import number, percent, plural

MOST_ITEMS = 400
"""How many items are drawn, the most clicked ones: a drawing of all would be a large file."""

LEAST_KNOWN = 30
LARGEST_SHARE = 0.5
COLOURS = 7
MARKERS = ["o", "s", "^", "D", "v", "P", "X"]


def top_categories(item_ids: np.ndarray, item_categories: pd.DataFrame, categories: pd.DataFrame) -> np.ndarray:
    """Return a high category of each item, by the latest row that names its category; else `NO_CATEGORY`.

    Taken is the highest level of the tree at which no category has more than half of the items; an item whose
    category is above that level keeps its category. Where no level spreads them so, it is the lowest.
    """
    latest = item_categories.sort_values("valid_from", kind="stable").drop_duplicates("itemid", keep="last")
    known = dict(zip(latest["itemid"], latest["categoryid"], strict=True))
    paths = dict(zip(categories["categoryid"], categories["path"].str.split("/"), strict=True))
    of_item = [paths.get(known.get(item)) for item in item_ids]
    tops = np.full(len(item_ids), NO_CATEGORY)
    for level in range(int(categories["level"].max()) + 1 if len(categories) else 0):
        tops = np.array([int(path[min(level, len(path) - 1)]) if path else NO_CATEGORY for path in of_item])
        _, counts = np.unique(tops[tops != NO_CATEGORY], return_counts=True)
        if not len(counts) or counts.max() <= LARGEST_SHARE * counts.sum():
            break
    return tops


def lay_flat(vectors: np.ndarray, neighbours: float = 15.0, steps: int = 250) -> np.ndarray:
    """Return a place in the plane for each vector, near those of like direction, shape (vectors, 2).

    The exact t-SNE of van der Maaten and Hinton (2008) on the angles between vectors; `neighbours` is its
    perplexity. It starts from the first two principal components and draws nothing at random.
    """
    count = len(vectors)
    unit = (vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)).astype(np.float32)
    left, scale, _ = np.linalg.svd(unit - unit.mean(axis=0), full_matrices=False)
    places = left[:, :2] * scale[:2]
    places *= np.sign(places[np.abs(places).argmax(axis=0), [0, 1]])
    places *= 1e-2 / np.maximum(places.std(axis=0), 1e-12)
    likeness = share_likeness(2 - 2 * unit @ unit.T, min(neighbours, (count - 1) / 3))
    likeness = np.maximum((likeness + likeness.T) / (2 * count), 1e-12).astype(np.float32)
    places = places.astype(np.float32)
    velocity, gains = np.zeros_like(places), np.ones_like(places)
    for step in range(steps):
        early = step < steps // 4
        near = 1 / (1 + squared_distances(places))
        np.fill_diagonal(near, 0)
        pull = (likeness * (4 if early else 1) - near / near.sum()) * near
        slope = 4 * (pull.sum(axis=1, keepdims=True) * places - pull @ places)
        gains = np.maximum(np.where(slope * velocity < 0, gains + 0.2, gains * 0.8), 0.01)
        velocity = (0.5 if early else 0.8) * velocity - np.float32(max(count / 12, 20)) * gains * slope
        places = places + velocity
    return places - places.mean(axis=0)


def squared_distances(places: np.ndarray) -> np.ndarray:
    """Return the squared distance of every pair of places."""
    lengths = (places**2).sum(axis=1)
    return np.maximum(lengths[:, None] + lengths - 2 * places @ places.T, 0)


def share_likeness(distances: np.ndarray, neighbours: float) -> np.ndarray:
    """Return for each row how likely each other is to be its neighbour, spread over about `neighbours` of them.

    Likeness falls with the (squared) distance as a bell curve; its width is searched row by row so that the
    entropy is the logarithm of `neighbours`. Rows add up to 1.
    """
    closest = np.where(np.eye(len(distances)), np.inf, distances).min(axis=1, keepdims=True)
    distances = np.maximum(distances - closest, 0)
    low, high = np.full((len(distances), 1), 1e-3), np.full((len(distances), 1), 1e5)
    for _ in range(30):
        middle = np.sqrt(low * high)
        shares = np.exp(-distances * middle)
        np.fill_diagonal(shares, 0)
        shares /= shares.sum(axis=1, keepdims=True)
        entropy = -(shares * np.log(np.maximum(shares, 1e-30))).sum(axis=1, keepdims=True)
        wide = entropy > np.log(neighbours)
        low, high = np.where(wide, middle, low), np.where(wide, high, middle)
    return shares


def nearest(vectors: np.ndarray) -> np.ndarray:
    """Return for each vector the one whose direction is most like its own."""
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    likeness = unit @ unit.T
    np.fill_diagonal(likeness, -np.inf)
    return likeness.argmax(axis=1)


def draw_items(vectors: np.ndarray, popularity: np.ndarray, tops: np.ndarray) -> Finding:
    """Show the most clicked items, those with vectors of like direction near each other.

    `vectors` (items, units) are the network's, `popularity` counts training clicks, `tops` names each item's
    category (or `NO_CATEGORY`). The reading compares how often the nearest item, by the angle of the whole
    vectors, has the same category with how often chance would have it.
    """
    if len(vectors) < LEAST_KNOWN:
        return Finding(f"The network knows {plural(len(vectors), 'item')}, too few for a map.")
    chosen = np.argsort(-popularity, kind="stable")[:MOST_ITEMS]
    vectors, tops = vectors[chosen], tops[chosen]
    flat = lay_flat(vectors)
    figure, axes = figures.canvas(6, 5)
    named, counts = np.unique(tops[tops != NO_CATEGORY], return_counts=True)
    largest = named[np.argsort(-counts, kind="stable")][:COLOURS]
    others = ~np.isin(tops, largest)
    if others.any():
        axes.plot(*flat[others].T, ".", color=figures.MUTED, markersize=3, label="other or unknown")
    for place, top in enumerate(largest):
        marker, colour = MARKERS[place], figures.PALETTE[place]
        axes.plot(*flat[tops == top].T, marker, color=colour, markersize=3, label=f"category {top}")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(visible=False)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=4, fontsize=8)
    reading = (
        f"The map shows {plural(len(chosen), 'item')}, the most clicked ones. A plane cannot keep all distances, so "
        "nearness on it is a hint only. "
    )
    known = np.flatnonzero(tops != NO_CATEGORY)
    if len(known) < LEAST_KNOWN or len(largest) < 2:
        reading += "Too few of these items have a known category to say whether nearness follows categories."
    else:
        same = float((tops[known] == tops[known][nearest(vectors[known])]).mean())
        chance = float((counts * (counts - 1)).sum() / (len(known) * (len(known) - 1)))
        reading += (
            f"In the whole vectors, the nearest item has the same category in {percent(same)} of cases; "
            f"by chance it would in {percent(chance)}. The network was never told a category: it saw "
            f"{number(popularity.sum())} clicks."
        )
    return Finding(
        reading=reading,
        figure=figure,
        caption="The most clicked items, laid out so that items with like vectors are near each other (t-SNE); "
        "colours and marks are categories.",
        alt=reading,
    )

"""Cold start: what a visitor of one click gets, and one who looks at an item that training never saw."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from smartrocket import figures
from smartrocket.findings import Finding
from smartrocket.protocols import Rules, build_sequences
from smartrocket.ranking import (
    LEAST_SESSIONS,
    LIST_LENGTH,
    Interval,
    Ranking,
    Recommender,
    Sessions,
    bootstrap_interval,
    mask_interval,
    rank_targets,
)
from smartrocket.results import Results
from smartrocket.wording import capitalise, percent, plural

MOST_CLICKS = 5000
UNKNOWN = ""
COLUMNS = ["situation", "model", "clicks", "sessions", "hit_rate", "low", "high"]
ONE_CLICK, FIRST, LATER = "one click seen", "unseen item, nothing else known", "unseen item after known ones"
POPULARITY, CATEGORY = "popularity", "category, then popularity"


@dataclass(frozen=True)
class Fallback:
    """The list for an item that training never saw: its category's most clicked items, then wider categories'.

    `clicks` counts the training clicks of each item of the catalogue, `paths` names its place in the category tree
    ("root/.../category", empty where unknown).
    """

    clicks: np.ndarray
    paths: np.ndarray

    @cached_property
    def places(self) -> tuple[list[list[str]], np.ndarray]:
        """The different paths, level by level, and which of them is each item's."""
        different, inverse = np.unique(self.paths.astype(str), return_inverse=True)
        return [split_path(path) for path in different], inverse

    @cached_property
    def popularity(self) -> np.ndarray:
        """The share that each item's clicks have of the most clicked item's, always below 1."""
        return (self.clicks / (self.clicks.max(initial=0) + 1)).astype(np.float32)

    def score(self, path: str) -> np.ndarray:
        """Return a score of every item for an unseen item at `path`: shared levels first, then clicks.

        Items that share more levels of the tree stand above all that share fewer; where the path is unknown, what
        is left is popularity.
        """
        places, inverse = self.places
        wanted = split_path(path)
        shared = np.array([count_shared(wanted, place) for place in places], dtype=np.float32)
        return shared[inverse] + self.popularity

    def list_items(self, path: str, length: int = LIST_LENGTH) -> np.ndarray:
        """Return the first items of the list, best first; of equal ones the lower number."""
        return np.argsort(-self.score(path), kind="stable")[:length]


def split_path(path: str) -> list[str]:
    """Return the levels of a path, none where it is empty."""
    return path.split("/") if path else []


def count_shared(first: list[str], second: list[str]) -> int:
    """Return how many levels two paths share, counted from the root."""
    shared = 0
    for one, other in zip(first, second, strict=False):
        if one != other:
            break
        shared += 1
    return shared


def find_paths(
    item_ids: np.ndarray,
    item_categories: pd.DataFrame,
    categories: pd.DataFrame,
    moments: pd.Timestamp | np.ndarray,
) -> np.ndarray:
    """Return each item's path in the category tree as known at a moment, empty where it had no category yet.

    `moments` is one for all items or one for each. A category that the tree lacks is a path of its own.
    """
    asked = pd.DataFrame({"itemid": np.asarray(item_ids, dtype="int64")}).assign(valid_from=moments)
    history = item_categories[["itemid", "valid_from", "categoryid"]].sort_values("valid_from", kind="stable")
    same = {"itemid": "int64", "valid_from": "datetime64[us]"}
    asked = asked.astype(same).sort_values("valid_from", kind="stable")
    # Where one is missing, a float would stand for it, and long numbers of categories would run into each other.
    history = history.astype(same | {"categoryid": "Int64"})
    found = pd.merge_asof(asked, history, on="valid_from", by="itemid").set_index(asked.index)
    paths = dict(zip(categories["categoryid"], categories["path"], strict=True)) if len(categories) else {}
    of_item = found["categoryid"].sort_index()
    return np.array([UNKNOWN if pd.isna(own) else paths.get(own, str(own)) for own in of_item], dtype=object)


@dataclass(frozen=True)
class UnseenClicks:
    """Test clicks on items that training never saw, followed by a click on an item of the catalogue.

    `items` are the ids on the screen, `moments` the times of the clicks on them, `targets` the numbers of the items
    clicked next, `session` says whose click it is, and `known` holds what each session had of the catalogue before
    (empty sessions included).
    """

    items: np.ndarray
    moments: np.ndarray
    targets: np.ndarray
    session: np.ndarray
    known: Sessions


def find_unseen(events: pd.DataFrame, rules: Rules, item_ids: np.ndarray, start: pd.Timestamp) -> UnseenClicks:
    """Find the clicks on unseen items in sessions of the log that start at `start` or later.

    Sessions are made as for the headline protocol, except that no item is too rare. At most 5,000 clicks are
    returned, the earliest.
    """
    rare = Rules(gap_minutes=rules.gap_minutes, min_session_length=rules.min_session_length, min_item_support=1)
    clicks = build_sequences(events, rare)
    clicks = clicks[clicks.groupby("sessionid")["timestamp"].transform("min") >= start]
    seen = np.isin(clicks["itemid"].to_numpy(), item_ids)
    session = clicks["sessionid"].to_numpy()
    asked = np.flatnonzero((session[1:] == session[:-1]) & ~seen[:-1] & seen[1:])[:MOST_CLICKS]
    numbers = np.searchsorted(item_ids, clicks["itemid"].to_numpy())
    starts = np.searchsorted(session, session[asked])
    known = [np.flatnonzero(seen[first:place]) + first for first, place in zip(starts, asked, strict=True)]
    offsets = np.r_[0, np.cumsum([len(places) for places in known])].astype(np.int64)
    places = np.concatenate([*known, np.array([], dtype=np.int64)]).astype(np.int64)
    seconds = clicks["timestamp"].to_numpy().astype("datetime64[ms]").astype(np.int64) / 1000
    return UnseenClicks(
        clicks["itemid"].to_numpy()[asked],
        clicks["timestamp"].to_numpy()[asked],
        numbers[asked + 1],
        session[asked],
        Sessions(numbers[places].astype(np.int64), seconds[places], offsets),
    )


def measure_unseen(
    unseen: UnseenClicks, fallback: Fallback, paths: np.ndarray, network: Recommender, seed: int
) -> pd.DataFrame:
    """Measure what visitors get who look at an unseen item, by whether the session held a known item before.

    `paths` names the place in the category tree of the item of each click, as known then. Returns one row a situation
    and model: situation, model, clicks, sessions, hit_rate (hit rate@20), low and high (95 %).
    """
    hits_of = {
        POPULARITY: hit_list(fallback, np.full(len(paths), UNKNOWN, dtype=object), unseen.targets),
        CATEGORY: hit_list(fallback, paths, unseen.targets),
    }
    later = unseen.known.lengths > 0
    rows = []
    for situation, mask in ((FIRST, ~later), (LATER, later)):
        places = np.flatnonzero(mask)
        if not len(places):
            continue
        models = {name: hits[places] for name, hits in hits_of.items()}
        if situation == LATER:
            models["GRU4Rec on the known items"] = hit_network(network, unseen, places)
        session = unseen.session[places]
        for name, hits in models.items():
            interval = bootstrap_interval(hits, session, seed)
            rows.append([situation, name, len(hits), len(np.unique(session)), hits.mean(), *interval])
    return pd.DataFrame(rows, columns=COLUMNS).astype({"low": float, "high": float})


def hit_list(fallback: Fallback, paths: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return 1 for each target that is on the list of its path, else 0; ties count against the list."""
    hits = np.zeros(len(targets))
    for path in set(paths):
        asked = paths == path
        scores = fallback.score(path)
        # As many items stand at or above the target as have at least its score.
        at_least = len(scores) - np.searchsorted(np.sort(scores), scores[targets[asked]])
        hits[asked] = at_least <= LIST_LENGTH
    return hits


def hit_network(network: Recommender, unseen: UnseenClicks, places: np.ndarray, batch: int = 256) -> np.ndarray:
    """Return 1 for each of the chosen clicks whose target the network lists by the known items, else 0."""
    hits = [np.empty(0)]
    for chosen in np.split(places, np.arange(batch, len(places), batch)):
        scores = network.score(unseen.known.take(chosen))
        hits.append(rank_targets(scores, unseen.targets[chosen]) <= LIST_LENGTH)
    return np.concatenate(hits).astype(float)


def measure_first_click(rankings: Mapping[str, Ranking], seed: int) -> pd.DataFrame:
    """Measure what visitors get who have clicked once, as `measure_unseen` does: one row a model."""
    rows = []
    for name, ranking in rankings.items():
        first = ranking.clicks.position == 1
        hits = ranking.gains("hit_rate@20")
        if first.any():
            interval: Interval = mask_interval(hits, first, ranking.clicks.session, seed)
            rows.append([ONE_CLICK, name, int(first.sum()), int(first.sum()), hits[first].mean(), *interval])
    return pd.DataFrame(rows, columns=COLUMNS).astype({"low": float, "high": float})


def join(*frames: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of several frames of `COLUMNS`; those without a row are left out."""
    return pd.concat([frame for frame in frames if len(frame)] or [frames[0]], ignore_index=True)


def describe_cold_start(frame: pd.DataFrame, refusal: str) -> Finding:
    """Show the hit rate@20 in each situation in which little is known; those of too few sessions are left out."""
    shown = frame[frame["sessions"] >= LEAST_SESSIONS]
    if refusal or shown.empty:
        return Finding(refusal or "The test holds too few visits that start cold to measure them.")
    situations = list(dict.fromkeys(shown["situation"]))
    figure, axes = figures.canvas(height=0.9 + 0.36 * (len(shown) + len(situations)))
    places, labels = [], []
    for number_, situation in enumerate(situations):
        rows = shown[shown["situation"] == situation]
        at = np.arange(len(rows)) + (places[-1] + 2 if places else 0)
        axes.barh(at, rows["hit_rate"], 0.7, color=figures.PALETTE[number_], label=situation)
        whiskers = np.abs(rows[["low", "high"]].to_numpy(float).T - rows["hit_rate"].to_numpy())
        axes.errorbar(rows["hit_rate"], at, xerr=whiskers, fmt="none", ecolor=figures.INK, elinewidth=1)
        for place, (value, end) in zip(at, rows[["hit_rate", "high"]].to_numpy(float), strict=True):
            axes.annotate(percent(value), (end, place), (5, -3), textcoords="offset points", fontsize=8)
        places += at.tolist()
        labels += rows["model"].tolist()
    axes.set_yticks(places, labels)
    axes.invert_yaxis()
    axes.set(xlabel="hit rate@20")
    axes.margins(x=0.1)
    axes.grid(axis="y", visible=False)
    axes.grid(axis="x", visible=True)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=2)
    reading = " ".join(describe_situation(shown[shown["situation"] == situation]) for situation in situations)
    return Finding(
        reading=reading,
        figure=figure,
        caption="Hit rate@20 where little is known of the visitor or of the item, with 95 % intervals.",
        alt=reading,
    )


def describe_situation(rows: pd.DataFrame) -> str:
    """Say which model does best in one situation, and what popularity would do."""
    best = rows.loc[rows["hit_rate"].idxmax()]
    text = (
        f"{capitalise(best['situation'])} ({plural(int(best['clicks']), 'case')}): {best['model']} finds the next "
        f"item most often, in {percent(best['hit_rate'])} of cases ({percent(best['low'])} to {percent(best['high'])})"
    )
    popular = rows[rows["model"] == POPULARITY]
    if best["model"] == POPULARITY or popular.empty:
        return f"{text}."
    return f"{text}; popularity in {percent(popular['hit_rate'].iloc[0])}."


def record_cold_start(results: Results, frame: pd.DataFrame, refusal: str) -> None:
    """Write the hit rates as scores of a task of their own, one level a situation; none where nothing is compared."""
    for row in frame.to_dict("records") if not refusal else ():
        ends = (None if pd.isna(row[end]) else row[end] for end in ("low", "high"))
        results.score(
            "recommendation, cold start", row["model"], row["situation"], "hit_rate@20", row["hit_rate"], *ends
        )

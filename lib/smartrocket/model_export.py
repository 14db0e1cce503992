"""The trained network as files that a page can compute with: no server, no library.

A folder holds five files.

`network.json` describes the network: `items` (how many, n), `units` (length of a state, u), `tied`,
`longest_session`, `repeats`, `calibration` (see `confidence.Calibration`), `item_ids` (an item's *number*, used
everywhere else, is its place in this list) and `arrays`: for each array of the second file its `type` (int8 or
float32), `shape`, `offset` and `length`, both in bytes.

`network.bin` holds these arrays, little-endian, row after row, each at a multiple of four bytes:

- `items` (n x u, int8) and `item_scales` (n): row i of the item table is `items[i] * item_scales[i]`. The rows
  are the output weights and, where `tied`, the input embeddings too; else `inputs` and `input_scales` hold those.
- `bias` (n): added to an item's score.
- `input_gates` (3u x u), `state_gates` (3u x u), `input_gates_bias` (3u), `state_gates_bias` (3u): the gates of
  one GRU layer. Of the 3u rows the first u are the reset gate, the next u the update gate, the last u the
  candidate.

A session starts with a state h of u zeros. For each click, the oldest first (of a longer session only the last
`longest_session` clicks), with x the input embedding of the item clicked:

    a = input_gates x + input_gates_bias        (3u numbers)
    b = state_gates h + state_gates_bias        (3u numbers)
    r = sigmoid(a[0:u] + b[0:u])                 reset
    z = sigmoid(a[u:2u] + b[u:2u])               update
    c = tanh(a[2u:3u] + r * b[2u:3u])            candidate (the state's bias is inside the product with r)
    h = (1 - z) * c + z * h

The score of item i is the product of row i of the item table with h, plus `bias[i]`. Where `repeats` is false, the
item on the screen is left out of the list. The list is ordered by score. The confidence shown with item i has log-odds
`slope * log(p / (1 - p)) + intercept`, where p is the softmax over all items of score / temperature; for a list
without the item on the screen its score still counts in the softmax, as the smaller of 0 and the lowest score.
`step`, `score_items` and `confide` of `BrowserNetwork` are this text in NumPy.

A list is made more diverse by `diversity.rerank`, whose formula needs the rows of the item table and the scores.

`fallback.json` holds what stands in for the network: `popular` (numbers of the 20 most clicked items) and
`categories` (path in the category tree -> numbers of 20 items, for an item that is not in `item_ids`).

`sessions.json` holds test sessions to explore, each cut to what it shares with others (see `privacy.SharedRuns`):
`sessions` (lists of numbers), and `expected`, for each of the first 200 the 20 best numbers by the network in full
precision after all clicks but the last one.

`neighbours.parquet` holds up to 20 neighbours of each item: itemid, neighbourid (ids, not numbers), kind, place (from
1), weight. Kinds are "viewed together" (cosine of shared sessions), "viewed next" (sequential rules) and "alike"
(cosine of the rows of the item table).
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from scipy import sparse

from smartrocket.cold_start import Fallback
from smartrocket.confidence import Calibration
from smartrocket.diversity import unit_vectors
from smartrocket.errors import InputError
from smartrocket.files import read_json, replacing, write_json, write_parquet_frame
from smartrocket.gru4rec import GRU4Rec, Parameter
from smartrocket.neighbours import CoOccurrence, SequentialRules, keep_largest
from smartrocket.privacy import SharedRuns
from smartrocket.ranking import (
    LIST_LENGTH,
    NextClicks,
    Recommender,
    Sessions,
    bootstrap_interval,
    next_clicks,
    rank_targets,
    sample_clicks,
    top_items,
)
from smartrocket.results import Results
from smartrocket.wording import percent, plural, points

GATES = ("input_gates", "state_gates", "input_gates_bias", "state_gates_bias")
TABLES = {"items": "item_scales", "inputs": "input_scales"}
EXPLORED_SESSIONS = 300
EXPECTED_LISTS = 200
MOST_CLICKS = 5000


def quantise(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a table's rows as int8 and a scale for each row (float32): row = integers * scale, nearly."""
    scales = np.abs(table).max(axis=1, initial=0) / 127
    scales = np.where(scales > 0, scales, 1).astype(np.float32)
    return np.round(table / scales[:, None]).astype(np.int8), scales


@dataclass(frozen=True)
class BrowserNetwork:
    """The network in NumPy, from its exported arrays: what a page computes, to the letter.

    `arrays` has `items`, `bias`, the gates and, where the tables are not tied, `inputs`, all in float32.
    """

    arrays: dict[str, np.ndarray]
    item_ids: np.ndarray
    longest_session: int
    repeats: bool
    calibration: Calibration

    def open_gates(self, state: np.ndarray, item: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the update gate (the part of each number that is kept) and the candidate that replaces the rest."""
        units = len(state)
        embedded = self.arrays.get("inputs", self.arrays["items"])[item]
        a = self.arrays["input_gates"] @ embedded + self.arrays["input_gates_bias"]
        b = self.arrays["state_gates"] @ state + self.arrays["state_gates_bias"]
        reset, update = (sigmoid(a[part] + b[part]) for part in (slice(0, units), slice(units, 2 * units)))
        return update, np.tanh(a[2 * units :] + reset * b[2 * units :])

    def step(self, state: np.ndarray, item: int) -> np.ndarray:
        """Return the state after one more click; a session starts with zeros."""
        update, candidate = self.open_gates(state, item)
        return (1 - update) * candidate + update * state

    def score_items(self, session: np.ndarray) -> np.ndarray:
        """Return the score of every item after the clicks of a session (numbers, oldest first, at least one)."""
        state = np.zeros(self.arrays["state_gates"].shape[1], dtype=np.float32)
        for item in session[-self.longest_session :]:
            state = self.step(state, item)
        scores = self.arrays["items"] @ state + self.arrays["bias"]
        if not self.repeats:
            scores[session[-1]] = min(scores.min(), 0)
        return scores

    def list_items(self, session: np.ndarray, length: int = LIST_LENGTH) -> np.ndarray:
        """Return the numbers of the best items after a session, best first."""
        scores = self.score_items(session)
        best = np.argsort(-scores, kind="stable")
        return best[best != session[-1]][:length] if not self.repeats else best[:length]

    def confide(self, session: np.ndarray, items: np.ndarray) -> np.ndarray:
        """Return the calibrated probability that each of some items comes next."""
        return self.calibration.probabilities(self.score_items(session)[None], items[None])[0]


def sigmoid(values: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + e ** -value) of each value."""
    return 1 / (1 + np.exp(-values))


def read_weights(model: GRU4Rec) -> dict[str, np.ndarray]:
    """Return the network's arrays by name, float32.

    Raises InputError for a network with other parts than the format of this module describes.
    """
    weights = {name: value.weight.detach().cpu().numpy() for name, value in model.parameters.items()}
    described = {"items", "bias", *GATES} | (set() if model.settings.tied else {"inputs"})
    if set(weights) != described:
        odd = ", ".join(sorted(set(weights) ^ described))
        raise InputError(f"the network cannot be exported: the format does not describe {odd}.")
    return weights


def write_network(folder: Path, model: GRU4Rec, item_ids: np.ndarray, calibration: Calibration) -> int:
    """Write `network.json` and `network.bin`; returns the size of the second in bytes."""
    arrays: dict[str, np.ndarray] = {}
    for name, weight in read_weights(model).items():
        if name in TABLES:
            arrays[name], arrays[TABLES[name]] = quantise(weight)
        else:
            arrays[name] = weight
    content, places = bytearray(), {}
    for name, array in arrays.items():
        # A Float32Array may only start at a multiple of four bytes.
        content.extend(bytes(-len(content) % 4))
        data = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).tobytes()
        kind = str(array.dtype)
        places[name] = {"type": kind, "shape": list(array.shape), "offset": len(content), "length": len(data)}
        content.extend(data)
    description = {
        "items": model.item_count,
        "units": model.settings.units,
        "tied": model.settings.tied,
        "longest_session": model.settings.longest_session,
        "repeats": model.repeats,
        "calibration": asdict(calibration),
        "arrays": places,
        "item_ids": [int(item) for item in item_ids],
    }
    with replacing(folder / "network.bin") as temporary:
        temporary.write_bytes(content)
    with replacing(folder / "network.json") as temporary:
        temporary.write_text(json.dumps(description) + "\n", encoding="utf-8")
    return len(content)


def read_network(folder: Path) -> BrowserNetwork:
    """Read an exported network."""
    description = read_json(folder / "network.json")
    content = (folder / "network.bin").read_bytes()
    raw = {}
    for name, place in description["arrays"].items():
        part = content[place["offset"] : place["offset"] + place["length"]]
        raw[name] = np.frombuffer(part, np.dtype(place["type"]).newbyteorder("<")).reshape(place["shape"])
    arrays = {name: raw[name] * raw[scale][:, None] for name, scale in TABLES.items() if name in raw}
    arrays |= {name: array for name, array in raw.items() if name in GATES or name == "bias"}
    return BrowserNetwork(
        arrays,
        np.array(description["item_ids"], dtype=np.int64),
        description["longest_session"],
        description["repeats"],
        Calibration(**description["calibration"]),
    )


def round_tables(model: GRU4Rec) -> GRU4Rec:
    """Return the network with its tables rounded as in the export: what the browser will answer."""
    rounded = GRU4Rec(model.settings, model.seed, str(model.device))
    rounded.item_count, rounded.repeats = model.item_count, model.repeats
    rounded.parameters = dict(model.parameters)
    for name in TABLES:
        if name in model.parameters:
            whole, scales = quantise(model.parameters[name].weight.detach().cpu().numpy())
            rounded.parameters[name] = Parameter(torch.from_numpy(whole * scales[:, None]).to(model.device))
    return rounded


def suggestions_frame(network: BrowserNetwork, session: np.ndarray, clicked: int, length: int = 5) -> pd.DataFrame:
    """Return what a page shows after a session: place, item (id, ticked if it was `clicked` next), confidence.

    `session` and `clicked` are item numbers.
    """
    listed = network.list_items(session, length)
    ids = network.item_ids[listed]
    return pd.DataFrame(
        {
            "place": np.arange(1, len(listed) + 1),
            "item": [f"{item} ✓" if number == clicked else str(item) for item, number in zip(ids, listed, strict=True)],
            "confidence": network.confide(session, listed),
        }
    )


@dataclass(frozen=True)
class Rounding:
    """What the rounding to int8 costs: hit rates with both, the interval of the change, and how alike lists are.

    `overlap` is the mean share of a list of 20 that is in the other one, too.
    """

    clicks: int
    whole: float
    rounded: float
    low: float | None
    high: float | None
    overlap: float
    megabytes_whole: float
    megabytes_rounded: float


def measure_rounding(model: GRU4Rec, clicks: NextClicks, exported_bytes: int, seed: int) -> Rounding | None:
    """Compare the network with its export on test clicks, at most 5,000 of them; None where there is none."""
    if not len(clicks):
        return None
    clicks = sample_clicks(clicks, MOST_CLICKS, seed)
    rounded = round_tables(model)
    hits, overlaps = [], []
    for start in range(0, len(clicks), 256):
        chosen = np.arange(start, min(start + 256, len(clicks)))
        prefixes, targets = clicks.prefixes.take(chosen), clicks.targets[chosen]
        both = [network.score(prefixes) for network in (model, rounded)]
        hits.append(np.column_stack([rank_targets(scores, targets) <= LIST_LENGTH for scores in both]))
        lists = zip(*(top_items(scores) for scores in both), strict=True)
        overlaps += [len(np.intersect1d(one, other)) / max(len(one), 1) for one, other in lists]
    whole, after = np.concatenate(hits).T.astype(float)
    low, high = bootstrap_interval(after - whole, clicks.session, seed)
    size = sum(weight.nbytes for weight in read_weights(model).values()) / 1e6
    return Rounding(
        len(clicks), whole.mean(), after.mean(), low, high, float(np.mean(overlaps)), size, exported_bytes / 1e6
    )


def rounding_frame(rounding: Rounding) -> pd.DataFrame:
    """Return the comparison as a table: numbers, megabytes, hit rate@20."""
    return pd.DataFrame(
        {
            "numbers": ["full precision", "int8 table"],
            "megabytes": [rounding.megabytes_whole, rounding.megabytes_rounded],
            "hit rate@20": [rounding.whole, rounding.rounded],
        }
    )


def describe_rounding(rounding: Rounding | None, refusal: str) -> str:
    """Say what the rounding costs; `refusal` says why nothing is compared, if so."""
    if refusal or rounding is None:
        return refusal or "The test asks nothing, so what the rounding costs was not measured."
    change = points(rounding.rounded - rounding.whole, 2)
    ends = "" if rounding.low is None else f" (95 % interval {points(rounding.low, 2)} to {points(rounding.high, 2)})"
    return (
        f"On {plural(rounding.clicks, 'click')}, the hit rate@20 changes by {change} percentage points with the "
        f"rounded table{ends}; "
        f"{percent(rounding.overlap)} of the items in a list of 20 are the same."
    )


def record_rounding(results: Results, rounding: Rounding | None) -> None:
    """Write what the rounding costs; None where it was not measured."""
    values = asdict(rounding) if rounding else {}
    results.fact("browser_hit_rate@20", values.get("rounded"), unit="share")
    results.fact("browser_hit_rate_change", rounding.rounded - rounding.whole if rounding else None, unit="share")
    results.fact("browser_overlap", values.get("overlap"), unit="share")


def write_sessions(path: Path, model: Recommender, train: Sessions, test: Sessions, least: int, seed: int) -> None:
    """Write test sessions to explore, drawn at random, and the lists that the network gives for the first ones.

    Of each session only the beginning that at least `least` sessions share is written.
    """
    sessions = SharedRuns([train, test], least).cut(test)
    drawn = np.sort(np.random.default_rng(seed).permutation(len(sessions))[:EXPLORED_SESSIONS])
    sessions = sessions.take(drawn)
    lists = np.split(sessions.items, sessions.offsets[1:-1]) if len(sessions) else []
    asked = next_clicks(sessions.take(np.arange(min(len(sessions), EXPECTED_LISTS))))
    last = np.flatnonzero(np.diff(asked.session, append=-1))
    expected = top_items(model.score(asked.prefixes.take(last))) if len(last) else []
    write_json(
        path, {"sessions": [items.tolist() for items in lists], "expected": [best.tolist() for best in expected]}
    )


def write_fallback(path: Path, fallback: Fallback, paths: set[str]) -> None:
    """Write the lists for visitors and items of which nothing is known, for each of the named paths."""
    by_path = {place: fallback.list_items(place).tolist() for place in sorted(paths)}
    write_json(path, {"popular": fallback.list_items("").tolist(), "categories": by_path})


def find_neighbours(train: Sessions, vectors: np.ndarray, item_ids: np.ndarray) -> pd.DataFrame:
    """Return up to 20 neighbours of each item by three measures, the nearest first.

    Columns: itemid, neighbourid, kind ("viewed together", "viewed next" or "alike"), place (from 1), weight (float32).
    """
    count = len(item_ids)
    weights = {
        "viewed together": keep_largest(CoOccurrence().fit(train, count).weights, LIST_LENGTH),
        "viewed next": keep_largest(SequentialRules().fit(train, count).weights, LIST_LENGTH),
        "alike": nearest_rows(unit_vectors(vectors).astype(np.float32)),
    }
    frames = []
    for kind, matrix in weights.items():
        entries = matrix.tocoo()
        order = np.lexsort((entries.col, -entries.data, entries.row))
        items = entries.row[order]
        starts = np.searchsorted(items, items)
        frames.append(
            pd.DataFrame(
                {
                    "itemid": item_ids[items],
                    "neighbourid": item_ids[entries.col[order]],
                    "kind": kind,
                    "place": (np.arange(len(items)) - starts + 1).astype(np.int32),
                    "weight": entries.data[order].astype(np.float32),
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def nearest_rows(units: np.ndarray, batch: int = 1024) -> sparse.csr_matrix:
    """Return the cosines of each vector (of length 1) with the 20 nearest others, as a sparse matrix."""
    count = len(units)
    kept = min(LIST_LENGTH, max(count - 1, 0))
    columns, values = [], []
    table = torch.from_numpy(units)
    for start in range(0, count, batch):
        cosines = table[start : start + batch] @ table.T
        cosines[torch.arange(len(cosines)), torch.arange(start, start + len(cosines))] = -2
        found = cosines.topk(kept, dim=1)
        columns.append(found.indices.numpy().ravel())
        values.append(found.values.numpy().ravel())
    rows = np.repeat(np.arange(count), kept)
    entries = (np.concatenate([*values, np.empty(0)]), (rows, np.concatenate([*columns, np.empty(0, int)])))
    return sparse.csr_matrix(entries, shape=(count, count))


def write_explorer(
    folder: Path,
    model: GRU4Rec,
    item_ids: np.ndarray,
    calibration: Calibration,
    train: Sessions,
    test: Sessions,
    fallback: Fallback,
    seed: int,
    least: int = 1,
) -> int:
    """Write all files of this module's format into a folder, whole or not at all; returns the size of `network.bin`.

    Of the test sessions nothing is written that fewer than `least` sessions share.
    """
    with replacing(folder) as temporary:
        temporary.mkdir(parents=True)
        size = write_network(temporary, model, item_ids, calibration)
        write_sessions(temporary / "sessions.json", model, train, test, least, seed)
        write_fallback(temporary / "fallback.json", fallback, set(fallback.paths) - {""})
        vectors = read_weights(model)["items"]
        write_parquet_frame(temporary / "neighbours.parquet", find_neighbours(train, vectors, item_ids))
    return size

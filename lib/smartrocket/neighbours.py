"""Recommenders without a network: popularity, what was seen before, rules and neighbouring sessions.

All are computed for a whole batch of sessions at once, with sparse matrices; none loops over sessions
in Python. Each `fit`s training sessions and `score`s every item for every prefix; an item with score 0
is one the model has nothing to say about.

Where training sessions hardly ever hold an item twice in a row (the headline protocol drops such
repeats), the item on the screen is not the next click, and every model, the network too, scores it
lowest.
"""

from collections.abc import Iterator

import numpy as np
from scipy import sparse

from smartrocket.ranking import Recommender, Sessions, drop_current, repeats_in_a_row

DAY = 86_400.0


class Popularity:
    """Ranks items by their clicks in training; with `days`, in the last days of training only."""

    def __init__(self, days: float | None = None):
        self.days = days
        self.clicks = np.array([])
        self.repeats = True

    def fit(self, sessions: Sessions, item_count: int) -> "Popularity":
        """Count clicks."""
        items = sessions.items
        if self.days is not None and len(items):
            items = items[sessions.seconds > sessions.seconds.max() - self.days * DAY]
        self.clicks = np.bincount(items, minlength=item_count).astype(np.float32)
        self.repeats = repeats_in_a_row(sessions)
        return self

    def score(self, prefixes: Sessions) -> np.ndarray:
        """Return the same counts for every prefix, shape (prefixes, items)."""
        return drop_current(np.tile(self.clicks, (len(prefixes), 1)), prefixes, self.repeats)


class SeenItems:
    """Ranks the items already clicked in the session, latest first. No learning, hard to beat."""

    def __init__(self):
        self.item_count = 0
        self.repeats = True

    def fit(self, sessions: Sessions, item_count: int) -> "SeenItems":
        """Remember the size of the catalogue and whether items follow themselves."""
        self.item_count = item_count
        self.repeats = repeats_in_a_row(sessions)
        return self

    def score(self, prefixes: Sessions) -> np.ndarray:
        """Return 1 / (clicks since the item was last seen + 1), shape (prefixes, items)."""
        age = clicks_since(prefixes)
        scores = np.zeros((len(prefixes), self.item_count), dtype=np.float32)
        np.maximum.at(scores, (prefixes.owners, prefixes.items), (1 / (age + 1)).astype(np.float32))
        return drop_current(scores, prefixes, self.repeats)


class CoOccurrence:
    """Ranks items by the training sessions they share with the session's last item ("viewed also").

    Each session's co-occurrences count once; `damping` divides by popularity ** damping, so that 0.5
    gives the cosine of item-to-item nearest neighbours (Linden et al. 2003) and 0 the plain count.
    """

    def __init__(self, damping: float = 0.5):
        self.damping = damping
        self.weights = sparse.csr_matrix((0, 0), dtype=np.float32)

    def fit(self, sessions: Sessions, item_count: int) -> "CoOccurrence":
        """Count shared sessions of every pair of items."""
        seen = incidence(sessions, item_count)
        together = (seen.T @ seen).tocsr()
        together.setdiag(0)
        together.eliminate_zeros()
        popularity = np.asarray(seen.sum(axis=0)).ravel() + 1e-9
        scale = sparse.diags((popularity**-self.damping).astype(np.float32))
        self.weights = (scale @ together @ scale).tocsr().astype(np.float32)
        return self

    def score(self, prefixes: Sessions) -> np.ndarray:
        """Return the last item's row of weights for each prefix, shape (prefixes, items)."""
        return self.weights[prefixes.items[prefixes.offsets[1:] - 1]].toarray()


class SequentialRules:
    """Rules "after this item came that one", weighted by 1 / steps between them (Ludewig and Jannach 2018).

    `steps` is how far apart two clicks of a session may be.
    """

    def __init__(self, steps: int = 10):
        self.steps = steps
        self.weights = sparse.csr_matrix((0, 0), dtype=np.float32)

    def fit(self, sessions: Sessions, item_count: int) -> "SequentialRules":
        """Sum the rules' weights over all pairs of clicks at most `steps` apart."""
        shape = (item_count, item_count)
        rules = sparse.csr_matrix(shape, dtype=np.float32)
        for step, before, after, _ in pairs_of_clicks(sessions, self.steps):
            weight = np.full(len(before), 1 / step, dtype=np.float32)
            rules = rules + sparse.csr_matrix((weight, (before, after)), shape=shape)
        rules.setdiag(0)
        rules.eliminate_zeros()
        self.weights = rules.tocsr()
        return self

    def score(self, prefixes: Sessions) -> np.ndarray:
        """Return the weights of the rules that start at the last item, shape (prefixes, items)."""
        return self.weights[prefixes.items[prefixes.offsets[1:] - 1]].toarray()


class RandomWalk:
    """Walks from the session's items over the graph of items clicked near each other, one step and two.

    Adapted from the item graphs with random walks of the literature (RP3beta, Paudel et al. 2017; walks that
    restart at a visitor's items, Eksombatchai et al. 2018), with the expectation of the walk worked out
    instead of drawn. Two items are tied by every session that holds both within `reach` clicks, the
    more strongly the nearer the clicks and the shorter the session. A walk starts at an item of the
    session, mostly at a late one, and takes one or two steps. Two steps reach items that were never seen
    beside any item of the session; and shoppers come back to what they have seen, so that the start
    itself counts too.

    reach: clicks apart within which two items are tied. step_decay: clicks apart at which a tie counts 1/e.
    click_decay: clicks after which a click of the present session counts 1/e. damping: ties are divided by the
    popularity of the item they lead to ** this. second_step: weight of two steps beside one.
    comeback: weight of the session's own items beside one step.
    """

    def __init__(
        self,
        reach: int = 10,
        step_decay: float = 2.5,
        click_decay: float = 2.5,
        damping: float = 0.25,
        second_step: float = 2.0,
        comeback: float = 3.0,
    ):
        self.reach = reach
        self.step_decay = step_decay
        self.click_decay = click_decay
        self.damping = damping
        self.second_step = second_step
        self.comeback = comeback

    def fit(self, sessions: Sessions, item_count: int) -> "RandomWalk":
        """Tie the items and turn the ties of each into the probabilities of a step."""
        self.item_count = item_count
        self.repeats = repeats_in_a_row(sessions)
        shape = (item_count, item_count)
        ties = sparse.csr_matrix(shape, dtype=np.float32)
        for step, before, after, lengths in pairs_of_clicks(sessions, self.reach):
            weight = (np.exp((1 - step) / self.step_decay) / np.sqrt(lengths)).astype(np.float32)
            ties = ties + sparse.csr_matrix((weight, (before, after)), shape=shape)
        ties = (ties + ties.T).tocsr()
        ties.setdiag(0)
        ties.eliminate_zeros()
        popularity = np.maximum(np.bincount(sessions.items, minlength=item_count), 1)
        steps = scale_rows(ties @ sparse.diags((popularity**-self.damping).astype(np.float32)))
        self.steps = steps
        self.further = (sparse.identity(item_count, dtype=np.float32) + self.second_step * steps).tocsr()
        return self

    def score(self, prefixes: Sessions) -> np.ndarray:
        """Return the weighted chance that the walk is at each item, shape (prefixes, items)."""
        fade = np.exp(-clicks_since(prefixes) / self.click_decay)
        weights = weigh_latest_clicks(prefixes, self.item_count, fade)
        scores = (scale_rows(weights) @ self.steps @ self.further).toarray()
        start = weights.tocoo()
        scores[start.row, start.col] += self.comeback * start.data
        return drop_current(scores, prefixes, self.repeats)


class SessionNeighbours:
    """Finds training sessions like the present one and ranks what they hold.

    Adapted from two models of the literature, see `vsknn` and `stan`: later clicks of the present session
    count more; where asked for, so do recent training sessions and, within a neighbour, the items near
    the click that it shares with the present session.

    neighbours: sessions that vote. sample: latest candidate sessions of each item that are compared.
    click_decay: clicks after which a click of the present session counts 1/e (None: linear, VS-kNN).
    day_decay: days after which a training session counts 1/e (None: age does not matter).
    gap_decay: clicks from the shared one after which a neighbour's item counts 1/e (None: position
    does not matter). rarity: strength of the weight that favours rare items among the votes.
    """

    def __init__(
        self,
        neighbours: int = 200,
        sample: int = 1000,
        click_decay: float | None = None,
        day_decay: float | None = None,
        gap_decay: float | None = None,
        rarity: float = 0.0,
    ):
        self.neighbours = neighbours
        self.sample = sample
        self.click_decay = click_decay
        self.day_decay = day_decay
        self.gap_decay = gap_decay
        self.rarity = rarity

    def fit(self, sessions: Sessions, item_count: int) -> "SessionNeighbours":
        """Index the training sessions by item, the latest `sample` of each item."""
        self.sessions, self.item_count = sessions, item_count
        self.repeats = repeats_in_a_row(sessions)
        self.places = first_places(sessions, item_count)
        row = np.repeat(np.arange(len(sessions)), np.diff(self.places.indptr))
        self.keys = row.astype(np.int64) * item_count + self.places.indices
        self.ends = sessions.seconds[sessions.offsets[1:] - 1] if len(sessions) else np.array([])
        by_item = self._latest_sessions(incidence(sessions, item_count).tocoo())
        sizes = np.diff(self.places.indptr)
        scale = (1 / np.sqrt(np.maximum(sizes, 1))).astype(np.float32)
        self.by_item = (by_item @ sparse.diags(scale)).tocsr()
        holders = np.bincount(self.places.indices, minlength=item_count)
        rare = np.log(max(len(sessions), 1) / np.maximum(holders, 1)) + 1.0
        self.rare = (rare**self.rarity).astype(np.float32)
        return self

    def _latest_sessions(self, seen: sparse.coo_matrix) -> sparse.csr_matrix:
        order = np.lexsort((-self.ends[seen.row], seen.col))
        rows, columns = seen.row[order], seen.col[order]
        starts = np.flatnonzero(np.r_[True, columns[1:] != columns[:-1]]) if len(columns) else []
        place = np.arange(len(columns)) - np.repeat(starts, np.diff(np.r_[starts, len(columns)]).astype(int))
        kept = place < self.sample
        shape = (self.item_count, len(self.sessions))
        return sparse.csr_matrix((np.ones(kept.sum(), np.float32), (columns[kept], rows[kept])), shape=shape)

    def score(self, prefixes: Sessions) -> np.ndarray:
        """Return the neighbours' summed votes for each item, shape (prefixes, items)."""
        age = clicks_since(prefixes)
        linear = self.click_decay is None
        fade = 1 - age / prefixes.lengths[prefixes.owners] if linear else np.exp(-age / self.click_decay)
        weights = weigh_latest_clicks(prefixes, self.item_count, fade)
        similar = keep_largest(self._similarity(prefixes, weights), self.neighbours)
        if self.gap_decay is None:
            votes = similar @ incidence_of(self.places)
            scores = votes.toarray()
        else:
            scores = self._votes_by_gap(prefixes, similar)
        return drop_current(scores * self.rare, prefixes, self.repeats)

    def _similarity(self, prefixes: Sessions, weights: sparse.csr_matrix) -> sparse.csr_matrix:
        similar = (weights @ self.by_item).tocsr()
        if self.day_decay is not None:
            now = prefixes.seconds[prefixes.offsets[1:] - 1]
            row = np.repeat(np.arange(similar.shape[0]), np.diff(similar.indptr))
            days = np.maximum(now[row] - self.ends[similar.indices], 0) / DAY
            similar.data *= np.exp(-days / self.day_decay).astype(np.float32)
        return similar

    def _votes_by_gap(self, prefixes: Sessions, similar: sparse.csr_matrix) -> np.ndarray:
        """Add up the neighbours' items, each by its distance from the click shared with the prefix."""
        row = np.repeat(np.arange(similar.shape[0]), np.diff(similar.indptr))
        anchor = self._shared_place(prefixes, row, similar.indices)
        sizes = np.diff(self.places.indptr)[similar.indices]
        ends = np.cumsum(sizes)
        flat = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - sizes, sizes)
        flat += np.repeat(self.places.indptr[:-1][similar.indices], sizes)
        gap = np.abs(self.places.data[flat] - np.repeat(anchor, sizes))
        votes = np.repeat(similar.data, sizes) * np.exp(-gap / self.gap_decay)
        cell = np.repeat(row, sizes).astype(np.int64) * self.item_count + self.places.indices[flat]
        total = np.bincount(cell, weights=votes, minlength=similar.shape[0] * self.item_count)
        return total.reshape(similar.shape[0], self.item_count).astype(np.float32)

    def _shared_place(self, prefixes: Sessions, row: np.ndarray, neighbour: np.ndarray) -> np.ndarray:
        """Return where in each neighbour the prefix's latest shared item stands (counted from 1)."""
        place = np.zeros(len(row), dtype=np.float32)
        missing = np.arange(len(row))
        clicks = prefixes.padded_latest_first()
        for age in range(clicks.shape[1]):
            item = clicks[row[missing], age]
            wanted = neighbour[missing].astype(np.int64) * self.item_count + item
            at = np.minimum(np.searchsorted(self.keys, wanted), len(self.keys) - 1)
            found = (item >= 0) & (self.keys[at] == wanted)
            place[missing[found]] = self.places.data[at[found]]
            missing = missing[~found]
            if not len(missing):
                break
        return place


def vsknn(neighbours: int = 200, sample: int = 1000) -> SessionNeighbours:
    """Return a model adapted from VS-kNN (vector multiplication session kNN, Ludewig and Jannach 2018).

    As there, the clicks of the present session fade linearly and rare items are favoured. Unlike there,
    similarity is divided by the root of a neighbour's length, and all items of a neighbour vote alike:
    votes do not fade with the place of the latest shared click.
    """
    return SessionNeighbours(neighbours, sample, rarity=1.0)


def stan(
    neighbours: int = 500,
    sample: int = 1000,
    click_decay: float = 1.81,
    day_decay: float = 100.0,
    gap_decay: float = 1 / 0.4525,
) -> SessionNeighbours:
    """Return a model adapted from STAN (sequence and time aware neighbourhood, Garg et al., SIGIR 2019).

    Its three factors are there: the clicks of the present session fade with their age, training sessions
    with theirs, and a neighbour's items with their distance from the shared click. Ours are exponentials
    of the age in clicks, of the age in days and of the distance in clicks between the first occurrences;
    the shared click is the present session's latest that the neighbour holds, and candidates are the
    latest `sample` sessions of each item. The defaults are settings of this project, not published ones.
    """
    return SessionNeighbours(neighbours, sample, click_decay, day_decay, gap_decay)


def simple_models(recent_days: float) -> dict[str, Recommender]:
    """Return the models that stand beside the network in every table, by their names, untrained."""
    return {
        "popularity": Popularity(),
        "recent popularity": Popularity(recent_days),
        "items already seen": SeenItems(),
        "viewed also": CoOccurrence(),
        "sequential rules": SequentialRules(),
        "VS-kNN": vsknn(),
        "STAN": stan(),
        "random walk": RandomWalk(),
    }


def incidence(sessions: Sessions, item_count: int) -> sparse.csr_matrix:
    """Return which session holds which item: ones in a sparse matrix (sessions, items)."""
    return incidence_of(first_places(sessions, item_count))


def incidence_of(places: sparse.csr_matrix) -> sparse.csr_matrix:
    """Return the same sparse matrix with ones as values."""
    ones = np.ones(len(places.data), dtype=np.float32)
    return sparse.csr_matrix((ones, places.indices, places.indptr), shape=places.shape)


def first_places(sessions: Sessions, item_count: int) -> sparse.csr_matrix:
    """Return where each session's items were first clicked, counted from 1 (sessions, items).

    Column indices are sorted within each row.
    """
    owners = sessions.owners
    place = np.arange(len(sessions.items)) - sessions.offsets[:-1][owners] + 1
    key = owners * item_count + sessions.items
    _, first = np.unique(key, return_index=True)
    entries = (owners[first], sessions.items[first])
    shape = (len(sessions), item_count)
    return sparse.csr_matrix((place[first].astype(np.float32), entries), shape=shape)


def clicks_since(sessions: Sessions) -> np.ndarray:
    """Return how many clicks of its session came after each click."""
    return sessions.offsets[1:][sessions.owners] - 1 - np.arange(len(sessions.items))


def pairs_of_clicks(sessions: Sessions, reach: int) -> Iterator[tuple[int, np.ndarray, np.ndarray, np.ndarray]]:
    """Give all pairs of clicks of a session at most `reach` clicks apart, distance by distance.

    Each time the distance, the items clicked first, the items clicked later, and the lengths of the sessions.
    """
    items, owners = sessions.items, sessions.owners
    for step in range(1, min(reach, int(sessions.lengths.max(initial=1)) - 1) + 1):
        inside = owners[step:] == owners[:-step]
        yield step, items[:-step][inside], items[step:][inside], sessions.lengths[owners[step:][inside]]


def weigh_latest_clicks(sessions: Sessions, item_count: int, weight: np.ndarray) -> sparse.csr_matrix:
    """Return each session's items with the weight of their latest click (sessions, items).

    `weight` holds one value a click.
    """
    latest = latest_clicks(sessions, item_count)
    entries = (sessions.owners[latest], sessions.items[latest])
    return sparse.csr_matrix((weight[latest].astype(np.float32), entries), shape=(len(sessions), item_count))


def scale_rows(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    """Return the matrix with rows that sum to one; a row of zeros stays."""
    sums = np.asarray(matrix.sum(axis=1)).ravel()
    return (sparse.diags((1 / np.where(sums > 0, sums, 1)).astype(np.float32)) @ matrix).tocsr()


def latest_clicks(sessions: Sessions, item_count: int) -> np.ndarray:
    """Return the place (in the flat arrays) of the latest click of every item of every session."""
    key = sessions.owners * item_count + sessions.items
    _, from_end = np.unique(key[::-1], return_index=True)
    return len(key) - 1 - from_end


def keep_largest(matrix: sparse.csr_matrix, count: int) -> sparse.csr_matrix:
    """Return the matrix with only the `count` largest entries of each row; of equal ones the first."""
    row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    order = np.lexsort((-matrix.data, row))
    place = np.arange(len(order)) - matrix.indptr[:-1][row]
    kept = np.sort(order[place < count])
    return sparse.csr_matrix((matrix.data[kept], (row[kept], matrix.indices[kept])), shape=matrix.shape)

"""GRU4Rec: a recurrent network that reads a session click by click and ranks the next item.

Written from the papers "Session-based recommendations with recurrent neural networks" (Hidasi et al.
2016, arXiv 1511.06939) and "Recurrent neural networks with top-k gains for session-based
recommendations" (Hidasi and Karatzoglou 2018, arXiv 1706.03847).

What makes it fast on a processor: sessions of like length share a batch and are read whole, so that a
batch is a few large matrix products; one set of sampled negatives serves a whole batch; and of the
item table only the rows that a batch touches are read, trained and written.
"""

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as functional
from safetensors.torch import load_file, save_file
from torch import Tensor

from smartrocket.errors import InputError
from smartrocket.files import read_json, remove, replacing
from smartrocket.ranking import Sessions, drop_current, repeats_in_a_row

LOSSES = ("cross-entropy", "bpr-max")
# Added to a score before a softmax, this leaves no weight; unlike infinity it allows rows of nothing else.
NOTHING = -1e4
# Sessions that are dealt into batches together.
NEARBY = 4096


@dataclass(frozen=True)
class Settings:
    """How the network is built and trained.

    units: length of the session's state and of an item's vector.
    tied: whether one item table serves both as input and as output ("constrained embedding").
    loss: "cross-entropy" (sampled softmax) or "bpr-max" (arXiv 1706.03847).
    epochs: passes over all training sessions.
    batch_clicks: next clicks learnt from in one step.
    longest_session: clicks after which a session is cut in training; no transition is lost.
    learning_rate, momentum: of Adagrad; the rate falls linearly to `final_rate` of its start.
    embedding_dropout, hidden_dropout: shares set to zero in training.
    negatives: sampled items that each step's targets are compared with.
    sampling_power: negatives are drawn with probability proportional to popularity ** this.
    logq: strength (0 to 1) of the correction for that sampling; cross-entropy only.
    bpr_regularisation, elu: weight of the score penalty and final activation of bpr-max (elu 0: none).
    """

    units: int = 100
    tied: bool = True
    loss: str = "cross-entropy"
    epochs: int = 5
    batch_clicks: int = 512
    longest_session: int = 50
    learning_rate: float = 0.1
    final_rate: float = 1.0
    momentum: float = 0.0
    embedding_dropout: float = 0.25
    hidden_dropout: float = 0.0
    negatives: int = 1024
    sampling_power: float = 0.5
    logq: float = 1.0
    bpr_regularisation: float = 1.0
    elu: float = 0.5

    def __post_init__(self) -> None:
        if self.loss not in LOSSES:
            raise InputError(f"loss must be one of {', '.join(LOSSES)}, not {self.loss}.")


class Parameter:
    """A weight with the two memories of Adagrad with momentum: squared gradients and velocity.

    Adagrad: Duchi et al. 2011. `update` may name rows; the others then keep weight and memories.
    """

    def __init__(self, weight: Tensor):
        self.weight = weight
        self.squares = torch.zeros_like(weight)
        self.velocity = torch.zeros_like(weight)

    def update(self, gradient: Tensor, rate: float, momentum: float, rows: Tensor | None = None) -> None:
        """Take one step against the gradient (of the named rows)."""
        if rows is None:
            self.squares.addcmul_(gradient, gradient)
            step = gradient * (self.squares + 1e-6).rsqrt_()
            self.weight.sub_(self.velocity.mul_(momentum).add_(step, alpha=rate))
            return
        squares = self.squares.index_select(0, rows).addcmul_(gradient, gradient)
        self.squares.index_copy_(0, rows, squares)
        step = gradient.mul_(squares.add_(1e-6).rsqrt_()).mul_(rate)
        if momentum:
            step.add_(self.velocity.index_select(0, rows), alpha=momentum)
            self.velocity.index_copy_(0, rows, step)
        self.weight.index_add_(0, rows, step, alpha=-1.0)


class GRU4Rec:
    """A recommender for the next click; see `Settings` for its choices.

    On a processor one seed gives one result, for one number of threads. With `device="cuda"` the first weights
    and the draws of sessions and negatives are the same as there. Dropout masks are drawn on the card and differ,
    and so do sums by rounding. So a model trained on a card is not a processor's model, but one such as another
    seed would give: the same settings, and metrics that differ by chance. Without dropout, only rounding
    sets the two apart. One seed does not promise the same bits twice on a card.
    """

    def __init__(self, settings: Settings | None = None, seed: int = 0, device: str = "cpu"):
        self.settings = settings or Settings()
        self.seed = seed
        self.device = torch.device(device)
        self.item_count = 0
        self.repeats = True
        self.losses: list[float] = []
        self.seconds = 0.0
        self.parameters: dict[str, Parameter] = {}

    # ------------------------------------------------------------------ training

    def fit(
        self,
        sessions: Sessions,
        item_count: int,
        checkpoint: Path | None = None,
        after_epoch: Callable[[int, float], None] | None = None,
    ) -> "GRU4Rec":
        """Train on every transition of the sessions and return the model itself.

        With `checkpoint` (a folder) the state is kept there after each epoch; a training that was
        interrupted continues from it and ends with the same weights. A checkpoint of other settings or
        sessions is ignored. `after_epoch(epoch, loss)` is called with epochs counted from 1. Afterwards
        `losses` holds the mean loss of each epoch, and `seconds` how long all of them took, those before
        an interruption too.
        """
        self.item_count = item_count
        self.repeats = repeats_in_a_row(sessions)
        self._initialise()
        self.losses, self.seconds = [], 0.0
        key = self._key(sessions)
        if checkpoint is not None:
            self._resume(checkpoint, key)
        by_start = np.argsort(sessions.seconds[sessions.offsets[:-1]], kind="stable")
        windows = cut_sessions(sessions.take(by_start), self.settings.longest_session)
        sampler = NegativeSampler(sessions.items, item_count, self.settings.sampling_power)
        for epoch in range(len(self.losses) + 1, self.settings.epochs + 1):
            started = time.perf_counter()
            self.losses.append(self._train_epoch(epoch, windows, sampler))
            self.seconds += time.perf_counter() - started
            if checkpoint is not None:
                self._keep(checkpoint, key)
            if after_epoch is not None:
                after_epoch(epoch, self.losses[-1])
        return self

    def _initialise(self) -> None:
        generator = torch.Generator().manual_seed(self.seed)
        units = self.settings.units

        def uniform(rows: int, columns: int, bound: float) -> Parameter:
            values = (torch.rand(rows, columns, generator=generator) * 2 - 1) * bound
            return Parameter(values.to(self.device))

        bound = units**-0.5
        self.parameters = {
            "items": uniform(self.item_count, units, bound),
            "bias": Parameter(torch.zeros(self.item_count, device=self.device)),
            "input_gates": uniform(3 * units, units, bound),
            "state_gates": uniform(3 * units, units, bound),
            "input_gates_bias": Parameter(torch.zeros(3 * units, device=self.device)),
            "state_gates_bias": Parameter(torch.zeros(3 * units, device=self.device)),
        }
        if not self.settings.tied:
            self.parameters["inputs"] = uniform(self.item_count, units, bound)

    def _train_epoch(self, epoch: int, windows: Sessions, sampler: "NegativeSampler") -> float:
        # Every epoch draws from a seed of its own, so that a continued training needs no memory of
        # the draws before it.
        generator = np.random.default_rng([self.seed, epoch])
        batches = batch_sessions(windows.lengths, self.settings.batch_clicks, generator)
        total, clicks = 0.0, 0
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed * 1_009 + epoch)
            for number, batch in enumerate(batches):
                done = (epoch - 1 + number / len(batches)) / self.settings.epochs
                rate = self.settings.learning_rate * (1 - done * (1 - self.settings.final_rate))
                chosen = windows.take(batch)
                negatives = sampler.draw(self.settings.negatives, generator)
                loss = self._step(chosen, negatives, sampler, rate)
                count = len(chosen.items) - len(chosen)
                total, clicks = total + loss * count, clicks + count
        return total / max(clicks, 1)

    def _step(self, batch: Sessions, negatives: np.ndarray, sampler: "NegativeSampler", rate: float) -> float:
        settings, parameters = self.settings, self.parameters
        inputs, targets, inside = inputs_and_targets(batch)
        inside = torch.from_numpy(inside).to(self.device)
        known = np.concatenate([targets, inputs]) if settings.tied else targets
        rows, counts, places = number_rows(negatives, known)
        drawn = len(counts)
        # An item drawn twice counts twice.
        weight = np.log(counts).astype(np.float32)
        if settings.loss == "cross-entropy":
            weight -= settings.logq * sampler.log_expected(rows[:drawn], len(negatives))
        weight = torch.from_numpy(weight).to(self.device)
        rows, places = torch.from_numpy(rows).to(self.device), torch.from_numpy(places).to(self.device)
        table = parameters["items"]
        items = table.weight.index_select(0, rows).requires_grad_()
        bias = parameters["bias"].weight.index_select(0, rows).requires_grad_()
        local_targets, local_inputs, source = places[: len(targets)], places[len(targets) :], items
        if not settings.tied:
            input_rows, local_inputs = np.unique(inputs, return_inverse=True)
            input_rows, local_inputs = (torch.from_numpy(array).to(self.device) for array in (input_rows, local_inputs))
            source = parameters["inputs"].weight.index_select(0, input_rows).requires_grad_()
        gates = {name: value.weight.requires_grad_() for name, value in parameters.items() if "gates" in name}

        embedded = functional.embedding(local_inputs.view(inside.shape), source)
        embedded = drop_out(embedded, settings.embedding_dropout)
        states = self._read(embedded)[inside]
        states = drop_out(states, settings.hidden_dropout)
        target_scores = (states * functional.embedding(local_targets, items)).sum(1) + bias[local_targets]
        negative_scores = torch.addmm(bias[:drawn], states, items[:drawn].T)
        clicks = torch.nonzero(local_targets < drawn).squeeze(1)
        left_out = (clicks, local_targets[clicks])
        if settings.loss == "cross-entropy":
            loss = sampled_cross_entropy(target_scores, negative_scores, weight, left_out)
        else:
            loss = bpr_max(target_scores, negative_scores, weight, left_out, settings.bpr_regularisation, settings.elu)
        loss.backward()

        gradients = {"items": (items.grad, rows), "bias": (bias.grad, rows)}
        if not settings.tied:
            gradients["inputs"] = (source.grad, input_rows)
        for name, weight in gates.items():
            gradients[name], weight.grad = (weight.grad, None), None
            weight.requires_grad_(False)
        with torch.no_grad():
            self._update(gradients, rate)
        return float(loss.detach())

    def _update(self, gradients: dict[str, tuple[Tensor, Tensor | None]], rate: float) -> None:
        """Take one step: parameter -> its gradient and the rows that it is of (None: all)."""
        for name, (gradient, rows) in gradients.items():
            self.parameters[name].update(gradient, rate, self.settings.momentum, rows)

    def _read(self, embedded: Tensor) -> Tensor:
        """Return the state after each click, (sessions, clicks, units), from a state of zeros."""
        weights = [
            self.parameters[name].weight
            for name in ("input_gates", "state_gates", "input_gates_bias", "state_gates_bias")
        ]
        start = embedded.new_zeros(1, len(embedded), self.settings.units)
        states, _ = torch.gru(embedded, start, weights, True, 1, 0.0, False, False, True)
        return states

    # ------------------------------------------------------------------ answers

    @torch.no_grad()
    def states(self, prefixes: Sessions) -> Tensor:
        """Return the state after the last click of each session, shape (sessions, units)."""
        # Training never saw a longer memory than this.
        recent = prefixes.last(self.settings.longest_session)
        steps = np.arange(recent.lengths.max(initial=1))
        inside = steps < recent.lengths[:, None]
        items = np.zeros(inside.shape, dtype=np.int64)
        items[inside] = recent.items
        source = self.parameters["items" if self.settings.tied else "inputs"].weight
        embedded = functional.embedding(torch.from_numpy(items).to(self.device), source)
        last = torch.from_numpy(recent.lengths - 1).to(self.device)
        return self._read(embedded)[torch.arange(len(recent), device=self.device), last]

    @torch.no_grad()
    def score(self, prefixes: Sessions) -> np.ndarray:
        """Return a score of every item as the next click, shape (prefixes, items).

        Where the training sessions hardly ever hold an item twice in a row, the last item of a prefix is
        scored lowest, as the models without a network do.
        """
        bias, items = self.parameters["bias"].weight, self.parameters["items"].weight
        scores = torch.addmm(bias, self.states(prefixes), items.T).cpu().numpy()
        return drop_current(scores, prefixes, self.repeats)

    # ------------------------------------------------------------------ files

    def save(self, folder: Path, item_ids: np.ndarray) -> None:
        """Write `weights.safetensors` and `config.json` (settings, seed, losses, repeats, item ids) to a folder."""
        with replacing(folder) as temporary:
            temporary.mkdir(parents=True)
            weights = {name: value.weight.cpu().contiguous() for name, value in self.parameters.items()}
            save_file(weights, temporary / "weights.safetensors")
            config = {
                "settings": asdict(self.settings),
                "seed": self.seed,
                "losses": self.losses,
                "repeats": self.repeats,
                "item_ids": [int(item) for item in item_ids],
            }
            (temporary / "config.json").write_text(json.dumps(config) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path, device: str = "cpu") -> tuple["GRU4Rec", np.ndarray]:
        """Read a saved model; returns it and its item ids."""
        config = read_json(folder / "config.json")
        model = cls(Settings(**config["settings"]), config["seed"], device)
        item_ids = np.array(config["item_ids"], dtype=np.int64)
        model.item_count, model.losses, model.repeats = len(item_ids), config["losses"], config["repeats"]
        weights = load_file(folder / "weights.safetensors", device=device)
        model.parameters = {name: Parameter(weight) for name, weight in weights.items()}
        return model, item_ids

    def _key(self, sessions: Sessions) -> dict:
        content = hashlib.sha256()
        for values in (sessions.items, sessions.offsets, sessions.seconds):
            content.update(f"{values.dtype} {len(values)} ".encode())
            content.update(np.ascontiguousarray(values))
        return {
            "settings": asdict(self.settings),
            "seed": self.seed,
            "items": self.item_count,
            "sessions": content.hexdigest(),
        }

    def _keep(self, folder: Path, key: dict) -> None:
        with replacing(folder) as temporary:
            temporary.mkdir(parents=True)
            state = {
                f"{name}.{part}": getattr(value, part).cpu().contiguous()
                for name, value in self.parameters.items()
                for part in ("weight", "squares", "velocity")
            }
            save_file(state, temporary / "state.safetensors")
            text = json.dumps({"key": key, "losses": self.losses, "seconds": self.seconds})
            (temporary / "progress.json").write_text(text + "\n", encoding="utf-8")

    @staticmethod
    def forget(checkpoint: Path) -> None:
        """Remove a checkpoint that is no longer needed, because the trained model is saved."""
        remove(checkpoint)

    def _resume(self, folder: Path, key: dict) -> None:
        if not (folder / "progress.json").exists():
            return
        progress = read_json(folder / "progress.json")
        if progress["key"] != key:
            return
        state = load_file(folder / "state.safetensors", device=str(self.device))
        for name, value in self.parameters.items():
            for part in ("weight", "squares", "velocity"):
                setattr(value, part, state[f"{name}.{part}"])
        self.losses, self.seconds = progress["losses"], progress["seconds"]


class NegativeSampler:
    """Draws items with probability proportional to their training clicks ** power."""

    def __init__(self, clicked: np.ndarray, item_count: int, power: float):
        weights = np.bincount(clicked, minlength=item_count).astype(float) ** power
        self.probability = weights / max(weights.sum(), 1.0)
        self.cumulative = np.cumsum(self.probability)
        self.cumulative[-1:] = 1.0

    def draw(self, count: int, generator: np.random.Generator) -> np.ndarray:
        """Return `count` item numbers, drawn with replacement."""
        return np.searchsorted(self.cumulative, generator.random(count), side="right")

    def log_expected(self, items: np.ndarray, draws: int) -> np.ndarray:
        """Return the logarithm of how often each item is expected among so many draws."""
        return np.log(self.probability[items] * draws).astype(np.float32)


def cut_sessions(sessions: Sessions, longest: int) -> Sessions:
    """Cut sessions into windows of at most `longest` + 1 clicks that overlap by one click.

    Every transition from a click to the next one is in exactly one window. Sessions of a single
    click have no transition and are left out.
    """
    transitions = sessions.lengths - 1
    pieces = -(-transitions // longest)
    starts = np.repeat(sessions.offsets[:-1], pieces)
    piece = np.arange(len(starts)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    starts = starts + piece * longest
    lengths = np.minimum(longest, np.repeat(transitions, pieces) - piece * longest) + 1
    offsets = np.r_[0, np.cumsum(lengths)].astype(np.int64)
    places = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], lengths)
    return Sessions(sessions.items[places], sessions.seconds[places], offsets)


def batch_sessions(
    lengths: np.ndarray, clicks: int, generator: np.random.Generator, nearby: int = NEARBY
) -> list[np.ndarray]:
    """Deal sessions into batches of about `clicks` transitions, like lengths together.

    The sessions' order is kept but for a shuffle within each `nearby` of them: where it is the order of time, what
    is learnt last, and so remembered best, is what happened last. Returns the session numbers of each
    batch; every session is in exactly one.
    """
    dealt = []
    first = int(generator.integers(nearby))
    for sessions in np.split(np.arange(len(lengths)), np.arange(first, len(lengths), nearby)):
        # A stable sort of shuffled sessions keeps each length's sessions in random order.
        order = generator.permutation(sessions)
        order = order[np.argsort(lengths[order], kind="stable")]
        batch_of = (np.cumsum(lengths[order] - 1) - 1) // clicks
        batches = np.split(order, np.flatnonzero(np.diff(batch_of)) + 1) if len(order) else []
        dealt += [batches[place] for place in generator.permutation(len(batches))]
    return dealt


def inputs_and_targets(batch: Sessions) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lay a batch out as a matrix of clicks, one session a row, padded at the end.

    Returns the flattened inputs (sessions x steps), the targets of the steps inside a session (row by
    row) and the mask of those steps. Padding repeats a session's last click; no target hangs on it.
    """
    steps = np.arange(batch.lengths.max() - 1)
    inside = steps < (batch.lengths - 1)[:, None]
    places = np.minimum(batch.offsets[:-1, None] + steps, batch.offsets[1:, None] - 1)
    return batch.items[places].reshape(-1), batch.items[(places + 1)[inside]], inside


def drop_out(values: Tensor, share: float) -> Tensor:
    """Return the values with a random share set to zero and the rest raised to make up for it.

    On a processor this takes a third of the time of PyTorch's own.
    """
    return values * (torch.rand_like(values) >= share).to(values.dtype).mul_(1 / (1 - share)) if share else values


def number_rows(negatives: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Number the different items of a batch: first those of `negatives`, in order, then the rest of `others`.

    Returns the items, how often each negative was drawn, and the number of each of `others`.
    """
    drawn, counts = np.unique(negatives, return_counts=True)
    places = np.searchsorted(drawn, others)
    new = drawn[np.minimum(places, len(drawn) - 1)] != others
    rest, places_in_rest = np.unique(others[new], return_inverse=True)
    places[new] = len(drawn) + places_in_rest
    return np.concatenate([drawn, rest]), counts, places


def sampled_cross_entropy(
    target_scores: Tensor, negative_scores: Tensor, weight: Tensor, left_out: tuple[Tensor, Tensor]
) -> Tensor:
    """Return the mean cross-entropy of targets against sampled negatives, an estimate of the full one.

    `weight` is added to every row of scores. With the logarithm of how often an item was drawn less that of
    how often it was expected to be (Bengio and Senécal 2008), popular items are not punished for being
    drawn often. The scores at `left_out` (rows, columns), those of the target itself, do not count.
    """
    weighted = (negative_scores + weight).index_put(left_out, negative_scores.new_tensor(-torch.inf))
    total = torch.logaddexp(target_scores, weighted.logsumexp(dim=1))
    return (total - target_scores).mean()


def bpr_max(
    target_scores: Tensor,
    negative_scores: Tensor,
    weight: Tensor,
    left_out: tuple[Tensor, Tensor],
    regularisation: float,
    elu: float,
) -> Tensor:
    """Return the mean BPR-max loss with score regularisation (arXiv 1706.03847, section 3.3.2).

    The target is compared with the highest-scoring negatives most: each counts by its softmax weight
    among the negatives. `weight` is the logarithm of how often each negative was drawn; the scores at
    `left_out` (rows, columns), those of the target itself, do not count. `negative_scores` is overwritten.
    """
    return BprMax.apply(target_scores, negative_scores, weight, left_out, regularisation, elu)


class BprMax(torch.autograd.Function):
    """BPR-max with its gradient by hand: a few rows at a time, while they lie in the processor's cache.

    With s a row of negative scores, w their softmax weights, p = sigmoid(target - s), a = sum(w p) and
    r = sum(w s^2), the loss is regularisation r - log(a). Its slopes are
    w (regularisation (s^2 + 2 s - r) - p^2 / a + 1) for s, and sum(w p^2) / a - 1 for the target.
    """

    @staticmethod
    def forward(ctx, target_scores, negative_scores, weight, left_out, regularisation, elu):
        """Return the loss; keep the slopes, those of the negatives in place of their scores."""
        rows, columns = left_out
        count = len(target_scores)
        size = count if negative_scores.is_cuda else 160
        total = target_scores.new_zeros(())
        target_slopes = torch.empty_like(target_scores)
        for start in range(0, count, size):
            here = slice(start, start + size)
            scores, target = negative_scores[here], target_scores[here, None]
            if elu:
                target = functional.elu(target, alpha=elu)
                functional.elu_(scores, alpha=elu)
            inside = slice(*torch.searchsorted(rows, rows.new_tensor([start, start + size])).tolist())
            share = scores + weight
            share[rows[inside] - start, columns[inside]] = NOTHING
            share = share.softmax(dim=1)
            above = (target - scores).sigmoid_()
            won = (share * above).sum(1, keepdim=True).add_(1e-24)
            above.square_()
            target_slope = (share * above).sum(1, keepdim=True) / won - 1
            squared = scores.square()
            size_of_scores = (share * squared).sum(1, keepdim=True)
            total += (regularisation * size_of_scores - won.log()).sum()
            slope = squared.add_(scores, alpha=2).sub_(size_of_scores).mul_(regularisation)
            slope.sub_(above.div_(won)).add_(1).mul_(share)
            if elu:
                slope = torch.ops.aten.elu_backward(slope, elu, 1, 1, True, scores)
                target_slope = torch.ops.aten.elu_backward(target_slope, elu, 1, 1, True, target)
            scores.copy_(slope)
            target_slopes[here] = target_slope.squeeze(1)
        ctx.slopes = target_slopes.div_(count), negative_scores.detach().div_(count)
        return total / count

    @staticmethod
    def backward(ctx, gradient):
        """Return the slopes."""
        targets, negatives = ctx.slopes
        return targets * gradient, negatives * gradient, None, None, None, None

"""GRU4Rec: a recurrent network that reads a session click by click and ranks the next item.

Written from the papers "Session-based recommendations with recurrent neural networks" (Hidasi et al.
2016, arXiv 1511.06939) and "Recurrent neural networks with top-k gains for session-based
recommendations" (Hidasi and Karatzoglou 2018, arXiv 1706.03847).

What makes it fast on a processor: sessions of like length share a batch and are read whole, so that a
batch is a few large matrix products; one set of sampled negatives serves a whole batch; and of the
item table only the rows that a batch touches are read, trained and written.
"""

import json
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

    On a processor one seed gives one result, for one number of threads. With `device="cuda"` the same
    draws of sessions and negatives are trained on a graphics card.
    """

    def __init__(self, settings: Settings | None = None, seed: int = 0, device: str = "cpu"):
        self.settings = settings or Settings()
        self.seed = seed
        self.device = torch.device(device)
        self.item_count = 0
        self.repeats = True
        self.losses: list[float] = []
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
        data is ignored. `after_epoch(epoch, loss)` is called with epochs counted from 1.
        """
        self.item_count = item_count
        self.repeats = repeats_in_a_row(sessions)
        self._initialise()
        self.losses = []
        key = self._key(sessions)
        if checkpoint is not None:
            self._resume(checkpoint, key)
        windows = cut_sessions(sessions, self.settings.longest_session)
        sampler = NegativeSampler(sessions.items, item_count, self.settings.sampling_power)
        for epoch in range(len(self.losses) + 1, self.settings.epochs + 1):
            self.losses.append(self._train_epoch(epoch, windows, sampler))
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
        table = parameters["items"]
        rows, local = self._rows(np.concatenate([targets, negatives, inputs]))
        items = table.weight.index_select(0, rows).requires_grad_()
        bias = parameters["bias"].weight.index_select(0, rows).requires_grad_()
        local_targets, local_negatives, local_inputs = local.split([len(targets), len(negatives), len(inputs)])
        inside = torch.from_numpy(inside).to(self.device)
        local_current = local_inputs.view(inside.shape)[inside]
        source = items
        if not settings.tied:
            input_rows, local_inputs = self._rows(inputs)
            source = parameters["inputs"].weight.index_select(0, input_rows).requires_grad_()
        gates = {name: value.weight.requires_grad_() for name, value in parameters.items() if "gates" in name}

        embedded = functional.embedding(local_inputs.view(inside.shape), source)
        embedded = functional.dropout(embedded, settings.embedding_dropout)
        states = self._read(embedded)[inside]
        states = functional.dropout(states, settings.hidden_dropout)
        target_scores = row_scores(states, local_targets, items, bias)
        negative_scores = torch.addmm(bias[local_negatives], states, functional.embedding(local_negatives, items).T)
        # The item on the screen is a negative of every click: with a tied table it would else rank high
        # everywhere, although shoppers move on.
        current_scores = row_scores(states, local_current, items, bias)
        scores = torch.cat([current_scores[:, None], negative_scores], dim=1)
        left_out = (local_targets[:, None] == local_negatives) | (local_current[:, None] == local_negatives)
        left_out = torch.cat([(local_targets == local_current)[:, None], left_out], dim=1)
        if settings.loss == "cross-entropy":
            expected = settings.logq * np.r_[np.float32(0), sampler.log_expected(negatives)]
            loss = sampled_cross_entropy(target_scores, scores, left_out, torch.from_numpy(expected).to(self.device))
        else:
            loss = bpr_max(target_scores, scores, left_out, settings.bpr_regularisation, settings.elu)
        loss.backward()

        with torch.no_grad():
            table.update(items.grad, rate, settings.momentum, rows)
            parameters["bias"].update(bias.grad, rate, settings.momentum, rows)
            if not settings.tied:
                parameters["inputs"].update(source.grad, rate, settings.momentum, input_rows)
            for name, weight in gates.items():
                gradient, weight.grad = weight.grad, None
                weight.requires_grad_(False)
                parameters[name].update(gradient, rate, settings.momentum)
        return float(loss.detach())

    def _rows(self, items: np.ndarray) -> tuple[Tensor, Tensor]:
        rows, local = np.unique(items, return_inverse=True)
        return torch.from_numpy(rows).to(self.device), torch.from_numpy(local.reshape(-1)).to(self.device)

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
        # The clicks themselves stand for the data: same clicks, same training.
        weighted = int((sessions.items * np.arange(1, len(sessions.items) + 1)).sum() % (2**53))
        return {
            "settings": asdict(self.settings),
            "seed": self.seed,
            "items": self.item_count,
            "clicks": len(sessions.items),
            "sessions": len(sessions),
            "content": weighted,
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
            text = json.dumps({"key": key, "losses": self.losses})
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
        self.losses = progress["losses"]


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

    def log_expected(self, items: np.ndarray) -> np.ndarray:
        """Return the logarithm of how often each drawn item is expected among as many draws."""
        return np.log(self.probability[items] * len(items)).astype(np.float32)


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


def batch_sessions(lengths: np.ndarray, clicks: int, generator: np.random.Generator) -> list[np.ndarray]:
    """Deal sessions into batches of about `clicks` transitions, like lengths together, in random order.

    Returns the session numbers of each batch; every session is in exactly one.
    """
    # A stable sort of shuffled sessions keeps each length's sessions in random order.
    order = generator.permutation(len(lengths))
    order = order[np.argsort(lengths[order], kind="stable")]
    batch_of = (np.cumsum(lengths[order] - 1) - 1) // clicks
    batches = np.split(order, np.flatnonzero(np.diff(batch_of)) + 1) if len(order) else []
    return [batches[place] for place in generator.permutation(len(batches))]


def inputs_and_targets(batch: Sessions) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lay a batch out as a matrix of clicks, one session a row, padded at the end.

    Returns the flattened inputs (sessions x steps), the targets of the steps inside a session (row by
    row) and the mask of those steps. Padding repeats a session's last click; no target hangs on it.
    """
    steps = np.arange(batch.lengths.max() - 1)
    inside = steps < (batch.lengths - 1)[:, None]
    places = np.minimum(batch.offsets[:-1, None] + steps, batch.offsets[1:, None] - 1)
    return batch.items[places].reshape(-1), batch.items[(places + 1)[inside]], inside


def row_scores(states: Tensor, chosen: Tensor, items: Tensor, bias: Tensor) -> Tensor:
    """Return the score of one chosen item for each state."""
    return (states * functional.embedding(chosen, items)).sum(1) + bias[chosen]


def sampled_cross_entropy(
    target_scores: Tensor, negative_scores: Tensor, left_out: Tensor, log_expected: Tensor
) -> Tensor:
    """Return the mean cross-entropy of targets against sampled negatives, an estimate of the full one.

    Each negative is weighted by how rarely it is drawn (`log_expected` is subtracted from its score:
    Bengio and Senécal 2008), so that popular items are not punished for being drawn often. Negatives
    marked in `left_out`, such as the target itself, do not count.
    """
    negative_scores = (negative_scores - log_expected).masked_fill(left_out, -torch.inf)
    total = torch.logaddexp(target_scores, negative_scores.logsumexp(dim=1))
    return (total - target_scores).mean()


def bpr_max(
    target_scores: Tensor, negative_scores: Tensor, left_out: Tensor, regularisation: float, elu: float
) -> Tensor:
    """Return the mean BPR-max loss with score regularisation (arXiv 1706.03847, section 3.3.2).

    The target is compared with the highest-scoring negatives most: each counts by its softmax weight
    among the negatives.
    """
    if elu:
        target_scores = functional.elu(target_scores, alpha=elu)
        negative_scores = functional.elu(negative_scores, alpha=elu)
    weights = negative_scores.masked_fill(left_out, -torch.inf).softmax(dim=1)
    above = (weights * torch.sigmoid(target_scores[:, None] - negative_scores)).sum(1)
    penalty = (weights * negative_scores.square()).sum(1)
    return (regularisation * penalty - torch.log(above + 1e-24)).mean()

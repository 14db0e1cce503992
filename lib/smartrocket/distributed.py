"""GRU4Rec trained by several processes at once, on one machine or on several: each reads its part of every batch.

All processes hold the same weights. In each step every one works out the gradient of its own sessions, against the
same negatives; the gradients are added up (torch.distributed, gloo), and all take the same step. So but for the
dropout and the order of sums, the training is that of one process, whatever their number.
"""

import tempfile
from pathlib import Path

import numpy as np
import torch
import torch.distributed as distributed
import torch.multiprocessing
from torch import Tensor

from smartrocket.gru4rec import GRU4Rec, NegativeSampler, Settings
from smartrocket.ranking import Sessions


class PartialGRU4Rec(GRU4Rec):
    """A GRU4Rec that learns together with those of the other processes of the group that its process belongs to.

    Start one process a machine or core, with `torchrun` or `train_together`; all give `fit` the same sessions, and
    afterwards all hold the same model.
    """

    def _step(self, batch: Sessions, negatives: np.ndarray, sampler: NegativeSampler, rate: float) -> float:
        rank, size = distributed.get_rank(), distributed.get_world_size()
        # Sessions of like length lie side by side. Of a batch of too few sessions every process reads all.
        part = batch if len(batch) < size else batch.take(np.arange(rank, len(batch), size))
        self.share = 1 / size if len(batch) < size else count_targets(part) / count_targets(batch)
        loss = torch.tensor(super()._step(part, negatives, sampler, rate) * self.share)
        distributed.all_reduce(loss)
        return float(loss)

    def _update(self, gradients: dict[str, tuple[Tensor, Tensor | None]], rate: float) -> None:
        """Take the step of all processes: gradients are means over a process's targets, hence weighted by its share."""
        together = {}
        for name, (gradient, rows) in gradients.items():
            gradient = gradient * self.share
            if rows is None:
                distributed.all_reduce(gradient)
            else:
                gradient, rows = add_rows(gradient, rows)
            together[name] = gradient, rows
        super()._update(together, rate)


def count_targets(sessions: Sessions) -> int:
    """Return how many next clicks there are to learn from."""
    return len(sessions.items) - len(sessions)


def add_rows(gradient: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Add up the gradients of some rows of a table over all processes; returns the sums and whose rows they are."""
    lengths = [torch.zeros(1, dtype=torch.int64) for _ in range(distributed.get_world_size())]
    distributed.all_gather(lengths, torch.tensor([len(rows)]))
    longest = int(max(lengths))

    def gather(values: Tensor) -> Tensor:
        padded = values.new_zeros(longest, *values.shape[1:])
        padded[: len(values)] = values
        parts = [torch.empty_like(padded) for _ in lengths]
        distributed.all_gather(parts, padded)
        return torch.cat([part[: int(length)] for part, length in zip(parts, lengths, strict=True)])

    every, places = torch.unique(gather(rows), return_inverse=True)
    sums = gradient.new_zeros(len(every), *gradient.shape[1:])
    return sums.index_add_(0, places, gather(gradient)), every


def train_together(
    settings: Settings, seed: int, sessions: Sessions, item_count: int, processes: int = 2, threads: int = 2
) -> GRU4Rec:
    """Train with several processes on this machine, which share `threads` between them; returns the model."""
    with tempfile.TemporaryDirectory() as folder:
        work = (settings, seed, sessions, item_count, processes, max(1, threads // processes), Path(folder))
        torch.multiprocessing.spawn(train_part, work, nprocs=processes)
        model, _ = GRU4Rec.load(Path(folder) / "model")
    return model


def train_part(
    rank: int,
    settings: Settings,
    seed: int,
    sessions: Sessions,
    item_count: int,
    processes: int,
    threads: int,
    folder: Path,
) -> None:
    """Be one of the processes of `train_together`; the first one leaves the model in the folder."""
    torch.set_num_threads(threads)
    meeting = f"file://{folder}/meeting"
    distributed.init_process_group("gloo", init_method=meeting, rank=rank, world_size=processes)
    try:
        model = PartialGRU4Rec(settings, seed).fit(sessions, item_count)
        if rank == 0:
            model.save(folder / "model", np.arange(item_count))
    finally:
        distributed.destroy_process_group()

"""GRU4Rec trained by two processes beside one: the quality of both on the same test, and their seconds.

Makes the sequences of a generated shop, trains with RetailRocket's settings, each number of processes once a seed, and
ranks every next click of the test sessions. Prints one JSON line a training, and one for the difference of their
Recall@20, click by click and in the mean of the seeds, with its interval (95 %, test sessions drawn anew).
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from library_stages import STAGES
from measurement import RESULTS, keep_results
from shop import prepare
from smartrocket import ranking
from smartrocket.distributed import train_together
from smartrocket.files import ROOT
from smartrocket.gru4rec import GRU4Rec, Settings
from smartrocket.profiles import load_profile
from smartrocket.workspace import Workspace
from stages import run

METRICS = {"recall@20": "hit_rate@20", "mrr@20": "mrr@20"}


def make_sequences(folder: Path, scale: float) -> Workspace:
    """Generate a shop in an empty folder below build/ and make its tables up to the sequences; returns their place."""
    parameters, build = prepare(folder, scale, None), folder / "smartrocket"
    # The library's stages read the raw files where the parameters say and write into a folder of their own.
    for stage in ("ingest", "clean", "sequences"):
        run(STAGES[stage], build, parameters)
    return Workspace(build)


def compare(workspace: Workspace, settings: Settings, processes: int, seeds: int, threads: int) -> Iterator[dict]:
    """Train alone and together with each seed, and score each network on the same next clicks.

    Yields a line a training, and at last `difference`, `low` and `high` of the Recall@20 of those trained together.
    """
    train, test = (workspace.read(f"processed/sequences_{part}.parquet") for part in ("train", "test"))
    items = ranking.catalogue(train)
    sessions, asked = ranking.read_sessions(train, items), ranking.next_clicks(ranking.read_sessions(test, items))
    hits: dict[int, list[np.ndarray]] = {1: [], processes: []}
    for seed in range(seeds):
        for number in (1, processes):
            begun = time.perf_counter()
            if number == 1:
                network = GRU4Rec(settings, seed).fit(sessions, len(items))
            else:
                network = train_together(settings, seed, sessions, len(items), number, threads)
            seconds = time.perf_counter() - begun
            found = ranking.evaluate(network, asked, len(items))
            hits[number].append(found.gains("hit_rate@20"))
            scores = {name: round(float(found.gains(metric).mean()), 5) for name, metric in METRICS.items()}
            yield {"processes": number, "seed": seed, **scores, "seconds": round(seconds, 2), "clicks": len(asked)}
    difference = np.mean(hits[processes], axis=0) - np.mean(hits[1], axis=0)
    low, high = ranking.bootstrap_interval(difference, asked.session, 0)
    yield {"difference": round(float(difference.mean()), 5), "low": low, "high": high}


def main(words: list[str] | None = None) -> None:
    """Compare as the command line asks; prints the lines and keeps them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=0.1, help="size of the shop, 1 = RetailRocket's")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, help="instead of RetailRocket's")
    parser.add_argument("--output", type=Path, default=RESULTS, help="file of results that takes the lines")
    options = parser.parse_args(words)
    # Loaded after smartrocket, which tells OpenMP how to wait.
    import torch

    profile = load_profile("retailrocket")
    torch.set_num_threads(profile.shared.threads)
    given = profile.gru4rec_baseline.network.model_dump(exclude_none=True)
    settings = Settings(**given | ({"epochs": options.epochs} if options.epochs else {}))
    place = ROOT / "build" / "bench"
    place.mkdir(parents=True, exist_ok=True)
    lines = []
    with tempfile.TemporaryDirectory(prefix="processes-", dir=place) as folder:
        workspace = make_sequences(Path(folder), options.scale)
        for line in compare(workspace, settings, options.processes, options.seeds, profile.shared.threads):
            lines.append(line)
            print(json.dumps(line), flush=True)
    keep_results("processes", lines, options.output, {"scale": options.scale, "epochs": settings.epochs})


if __name__ == "__main__":
    sys.exit(main())

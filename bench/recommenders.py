"""Train and score every recommender on sessions in the format of the official GRU4Rec code, one JSON line each.

    python bench/recommenders.py --train T.tsv --test S.tsv [--official CHECKOUT]

Both files are tab-separated with the columns SessionId, ItemId, Time (seconds or milliseconds). The protocol is that
of the official code: every next click of every test session is ranked against all items of the training file, and ties
count against the model. With a checkout of the official PyTorch code, which is not part of this project, that runs
too, on the same sessions, with the parameters its authors tuned for RetailRocket, and our network with the same ones.

train_seconds is the wall time of training: of a simple model the median of some trainings, of a network its median
epoch times the epochs; events_per_second how many next clicks training read in a second of it (a network reads all of
them in each epoch; a blend has no number of its own); runs of how many trainings or epochs these are the medians;
sessions_per_second how many sessions get all their scores in a second, 256 at a time; step_milliseconds how long one
session alone takes (both are medians); memory_mb the most memory the process had used by then.
"""

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from measurement import RESULTS, keep_results
from smartrocket import ranking
from smartrocket.blending import Blend
from smartrocket.errors import InputError
from smartrocket.gru4rec import GRU4Rec, Settings
from smartrocket.neighbours import simple_models
from smartrocket.profiles import load_profile
from smartrocket.ranking import NextClicks, Ranking, Recommender, Sessions

COLUMNS = ("SessionId", "ItemId", "Time")
LENGTHS = (1, 5, 10, 20)
# Later than any time in seconds, earlier than any in milliseconds (1973).
MILLISECONDS = 1e11
TIMED_SESSIONS = 4096
TIMED_STEPS = 100
# How often a simple model is trained.
TRAININGS = 3
NETWORK, BLEND, OFFICIAL = "GRU4Rec", "GRU4Rec with random walk", "official GRU4Rec"
ALIKE = "GRU4Rec with the official settings"
# What the authors publish as tuned for RetailRocket.
OFFICIAL_PARAMETERS = {
    "loss": "bpr-max",
    "layers": 224,
    "batch_size": 80,
    "dropout_p_embed": 0.5,
    "dropout_p_hidden": 0.05,
    "learning_rate": 0.05,
    "momentum": 0.4,
    "n_sample": 2048,
    "sample_alpha": 0.4,
    "bpreg": 1.95,
    "logq": 0.0,
    "constrained_embedding": True,
    "elu_param": 0.5,
    "n_epochs": 10,
}
ALIKE_SETTINGS = Settings(
    loss=OFFICIAL_PARAMETERS["loss"],
    units=OFFICIAL_PARAMETERS["layers"],
    batch_clicks=OFFICIAL_PARAMETERS["batch_size"],
    embedding_dropout=OFFICIAL_PARAMETERS["dropout_p_embed"],
    hidden_dropout=OFFICIAL_PARAMETERS["dropout_p_hidden"],
    learning_rate=OFFICIAL_PARAMETERS["learning_rate"],
    momentum=OFFICIAL_PARAMETERS["momentum"],
    negatives=OFFICIAL_PARAMETERS["n_sample"],
    sampling_power=OFFICIAL_PARAMETERS["sample_alpha"],
    bpr_regularisation=OFFICIAL_PARAMETERS["bpreg"],
    logq=OFFICIAL_PARAMETERS["logq"],
    tied=OFFICIAL_PARAMETERS["constrained_embedding"],
    elu=OFFICIAL_PARAMETERS["elu_param"],
    epochs=OFFICIAL_PARAMETERS["n_epochs"],
)


def read_clicks(path: Path) -> pd.DataFrame:
    """Read a file of the official format: sessionid, itemid, timestamp, in order within each session.

    Raises InputError where the file or a column is missing, or a value is no whole number.
    """
    if not path.is_file():
        raise InputError(f"{path} is no file: give one of tab-separated clicks with {', '.join(COLUMNS)}.")
    frame = pd.read_csv(path, sep="\t")
    missing = [column for column in COLUMNS if column not in frame]
    if missing:
        raise InputError(f"{path} has no column {missing[0]}: it needs {', '.join(COLUMNS)}, separated by tabs.")
    frame = read_numbers(path, frame)
    frame = frame.sort_values(["SessionId", "Time"], kind="stable")
    unit = "ms" if frame.Time.max() > MILLISECONDS else "s"
    return pd.DataFrame(
        {"sessionid": frame.SessionId, "itemid": frame.ItemId, "timestamp": pd.to_datetime(frame.Time, unit=unit)}
    ).reset_index(drop=True)


def read_numbers(path: Path, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the columns of clicks as whole numbers. Raises InputError that names the first line with another value."""
    numbers = frame[list(COLUMNS)].apply(pd.to_numeric, errors="coerce")
    wrong = numbers.isna() | (numbers % 1 != 0)
    if wrong.to_numpy().any():
        row = int(wrong.any(axis=1).to_numpy().argmax())
        name = wrong.columns[wrong.iloc[row]][0]
        value = frame[name].iloc[row]
        said = "empty" if pd.isna(value) else f"{str(value)!r}, which is no whole number"
        raise InputError(f"{path}, line {row + 2}: {name} is {said}: mend or remove that line.")
    return numbers.astype(np.int64)


def write_clicks(path: Path, clicks: pd.DataFrame) -> None:
    """Write clicks, as `read_clicks` returns them, in the official format, times in milliseconds."""
    milliseconds = clicks.timestamp.to_numpy().astype("datetime64[ms]").astype(np.int64)
    columns = (clicks.sessionid, clicks.itemid, milliseconds)
    pd.DataFrame(dict(zip(COLUMNS, columns, strict=True))).to_csv(path, sep="\t", index=False)


def keep_known(test: pd.DataFrame, item_ids: np.ndarray) -> pd.DataFrame:
    """Return the test clicks on items that training saw, without the sessions that have a single one."""
    known = test[test.itemid.isin(item_ids)]
    return known[known.groupby("sessionid").itemid.transform("size") >= 2]


def read_both(train_path: Path, test_path: Path) -> tuple[Sessions, NextClicks, int]:
    """Return the training sessions, every next click of the test sessions, and how many items there are.

    Clicks of the test on items that training never saw are left out. Raises InputError where no click is left to
    predict.
    """
    train, test = read_clicks(train_path), read_clicks(test_path)
    item_ids = ranking.catalogue(train)
    asked = ranking.next_clicks(ranking.read_sessions(keep_known(test, item_ids), item_ids))
    if not len(asked):
        raise InputError(f"{test_path} has no session with two clicks on items of {train_path}: nothing to predict.")
    return ranking.read_sessions(train, item_ids), asked, len(item_ids)


class Bench:
    """Trains models on the same sessions and scores each on the same next clicks."""

    def __init__(self, train: Sessions, asked: NextClicks, item_count: int):
        self.train, self.asked, self.item_count = train, asked, item_count
        self.transitions = len(train.items) - len(train)
        self.models: dict[str, Recommender] = {}
        self.seconds: dict[str, float] = {}
        self.passes: dict[str, list[float]] = {}

    def learn(self, name: str, model: Recommender) -> None:
        """Train a model that reads all transitions once, several times, and remember how long that took."""
        taken = []
        for _ in range(TRAININGS):
            started = time.perf_counter()
            model.fit(self.train, self.item_count)
            taken.append(time.perf_counter() - started)
        self.models[name], self.passes[name], self.seconds[name] = model, taken, float(np.median(taken))

    def learn_network(self, name: str, network: GRU4Rec) -> None:
        """Train a network, and remember how long its epochs took."""
        moments = [time.perf_counter()]
        network.fit(self.train, self.item_count, after_epoch=lambda *_: moments.append(time.perf_counter()))
        epochs = np.diff(moments).tolist()
        self.models[name], self.passes[name], self.seconds[name] = network, epochs, add_up(epochs)

    def join(self, name: str, first: str, second: str, weight: float) -> None:
        """Blend two trained models; its training is that of both."""
        self.models[name] = Blend(self.models[first], self.models[second], weight)
        self.seconds[name] = self.seconds[first] + self.seconds[second]

    def report(self, name: str) -> dict:
        """Score a trained model and return its line."""
        model, passes = self.models[name], self.passes.get(name, [])
        result = ranking.evaluate(model, self.asked, self.item_count)
        together = np.median(time_scoring(model, self.asked.prefixes, TIMED_SESSIONS, batch=256))
        alone = np.median(time_scoring(model, self.asked.prefixes, TIMED_STEPS, batch=1))
        return {
            "model": name,
            **round_metrics(result),
            "train_seconds": round(self.seconds[name], 3),
            # A blend learns the same clicks twice, in two ways.
            "events_per_second": round(self.transitions / np.median(passes)) if passes else None,
            "runs": len(passes) or None,
            "sessions_per_second": round(1 / together),
            "step_milliseconds": round(1000 * alone, 2),
            "memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        }


def add_up(epochs: list[float]) -> float:
    """Return the seconds of so many median epochs: what a training takes that nothing else disturbs for a while."""
    return float(np.median(epochs)) * len(epochs)


def round_metrics(result: Ranking) -> dict[str, float]:
    """Return recall@1, 5, 10, 20, mrr@20 and ndcg@20 with five decimals."""
    recalls = {f"recall@{length}": result.gains(f"hit_rate@{length}").mean() for length in LENGTHS}
    places = {metric: result.gains(metric).mean() for metric in ("mrr@20", "ndcg@20")}
    return {metric: round(float(value), 5) for metric, value in {**recalls, **places}.items()}


def time_scoring(model: Recommender, prefixes: Sessions, count: int, batch: int) -> np.ndarray:
    """Return the wall time of scoring `batch` sessions at a time, of `count` at most: seconds per session, by batch."""
    count = min(count, len(prefixes))
    batches = [prefixes.take(np.arange(start, min(start + batch, count))) for start in range(0, count, batch)]
    model.score(batches[0])
    seconds = []
    for chosen in batches:
        started = time.perf_counter()
        model.score(chosen)
        seconds.append((time.perf_counter() - started) / len(chosen))
    return np.array(seconds)


def run_models(bench: Bench, settings: Settings, weight: float, recent_days: float, seed: int) -> Iterator[dict]:
    """Train and score all models of the table, one after the other."""
    for name, model in simple_models(recent_days).items():
        bench.learn(name, model)
        yield bench.report(name)
    bench.learn_network(NETWORK, GRU4Rec(settings, seed))
    yield bench.report(NETWORK)
    bench.join(BLEND, NETWORK, "random walk", weight)
    yield bench.report(BLEND)


def find_script(checkout: Path) -> Path:
    """Return the script of a checkout of the official code; raises InputError where there is none."""
    script = checkout / "run.py"
    if not script.exists():
        raise InputError(f"{checkout} has no run.py: --official wants a checkout of GRU4Rec_PyTorch_Official.")
    return script.resolve()


def run_official(script: Path, train: Path, test: Path, parameters: dict, threads: int = 2) -> dict:
    """Train and score the official code in a process of its own and return its line.

    It reads the same test clicks as our models, without those left out by `keep_known`. Raises InputError where its
    run fails.
    """
    given = ",".join(f"{name}={value}" for name, value in parameters.items())
    runner = Path(__file__).with_name("official_runner.py")
    clicks = read_clicks(train)
    with tempfile.TemporaryDirectory() as folder:
        known = Path(folder) / "test.tsv"
        write_clicks(known, keep_known(read_clicks(test), ranking.catalogue(clicks)))
        command = [sys.executable, str(runner), str(script), str(train.resolve()), "-t", str(known)]
        command += ["-m", *map(str, LENGTHS), "-e", "conservative", "-d", "cpu", "-ps", given]
        # Its threads wait as it would have them wait, not as our library asks.
        others = {name: value for name, value in os.environ.items() if name != "GOMP_SPINCOUNT"}
        surroundings = others | {"OMP_NUM_THREADS": str(threads)}
        finished = subprocess.run(command, capture_output=True, text=True, cwd=script.parent, env=surroundings)
    if finished.returncode:
        said = finished.stderr.strip().splitlines() or [f"exit status {finished.returncode}"]
        raise InputError(f"the official code failed: {said[-1]}")
    return read_official(finished.stdout, len(clicks) - clicks.sessionid.nunique())


def read_official(output: str, transitions: int) -> dict:
    """Return the line of the official code from what it printed, where each epoch reads so many next clicks."""
    numbers = {
        (metric.lower(), int(length)): float(value)
        for metric, length, value in re.findall(r"(Recall|MRR)@(\d+): ([\d.]+)", output)
    }
    epochs = [float(seconds) for seconds in re.findall(r"Epoch\d+ -->.*?\(([\d.]+)s\)", output)]
    return {
        "model": OFFICIAL,
        **{f"recall@{length}": round(numbers["recall", length], 5) for length in LENGTHS},
        "mrr@20": round(numbers["mrr", 20], 5),
        "ndcg@20": None,
        "train_seconds": round(add_up(epochs), 3),
        "events_per_second": round(transitions / np.median(epochs)),
        "runs": len(epochs),
        "sessions_per_second": None,
    }


def describe_run(train: Sessions, asked: NextClicks, settings: Settings) -> dict:
    """Return what the lines are about: the training sessions and clicks, how many next clicks were asked for, whether
    most sessions begin in even steps, as those of `official_sequences.py` do, and each network's settings as far as
    they bear on its speed.
    """
    gaps = np.diff(np.sort(train.seconds[train.offsets[:-1]]))
    return {
        "sessions": len(train),
        "clicks": len(train.items),
        "asked": len(asked),
        "is_evenly_spaced": bool(np.mean(gaps == np.median(gaps)) > 1 / 2),
        "networks": {
            name: {"units": own.units, "epochs": own.epochs, "batch": own.batch_clicks}
            for name, own in ((NETWORK, settings), (ALIKE, ALIKE_SETTINGS), (OFFICIAL, ALIKE_SETTINGS))
        },
    }


def main() -> None:
    """Read the command line and print one JSON line a model."""
    parser = argparse.ArgumentParser(
        description="Train and score every recommender on sessions of the official format."
    )
    parser.add_argument("--train", type=Path, required=True, help="training clicks: SessionId, ItemId, Time")
    parser.add_argument("--test", type=Path, required=True, help="test clicks, in the same format")
    parser.add_argument("--official", type=Path, help="a checkout of GRU4Rec_PyTorch_Official, run beside")
    parser.add_argument("--profile", default="retailrocket", help="profile with the network's settings")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--output", type=Path, default=RESULTS, help="file of results that takes the lines")
    arguments = parser.parse_args()
    # Loaded after smartrocket, which tells OpenMP how to wait.
    import torch

    torch.set_num_threads(arguments.threads)
    chosen = load_profile(arguments.profile).gru4rec_baseline
    settings = Settings(**chosen.network.model_dump(exclude_none=True))
    lines = []
    try:
        script = find_script(arguments.official) if arguments.official else None
        bench = Bench(*read_both(arguments.train, arguments.test))
        # First of all, since what is not ours fails soonest: not after everything else was measured.
        files = arguments.train, arguments.test
        official = run_official(script, *files, OFFICIAL_PARAMETERS, arguments.threads) if script else None
        for line in run_models(bench, settings, chosen.blend_weight, chosen.recent_days, arguments.seed):
            lines.append(show(line))
        if script:
            bench.learn_network(ALIKE, GRU4Rec(ALIKE_SETTINGS, arguments.seed))
            lines.append(show(bench.report(ALIKE)))
            lines.append(show(official))
    except InputError as error:
        sys.exit(str(error))
    keep_results("recommenders", lines, arguments.output, describe_run(bench.train, bench.asked, settings))


def show(line: dict) -> dict:
    """Print a line as JSON and return it."""
    print(json.dumps(line), flush=True)
    return line


if __name__ == "__main__":
    main()

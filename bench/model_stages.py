"""The models on the tables of the data stages: learning a forecast, and an epoch of GRU4Rec.

A stage prints as JSON its rows (item-days or clicks) and its seconds, from the tables to what was learnt.
"""

import json
import sys
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd
from pyarrow import parquet

from library_stages import open_engine
from smartrocket import panel, ranking
from smartrocket.engine import read_parquet
from smartrocket.files import read_json, write_json
from smartrocket.forecasting import train
from smartrocket.gru4rec import GRU4Rec, Settings
from smartrocket.profiles import load_profile
from smartrocket.training_sample import read_sample
from smartrocket.workspace import Workspace

PROFILE = load_profile("retailrocket")
# Item-days to learn from: all of RetailRocket's with the days apart that its profile sets, a sample of a larger shop's.
MOST_ROWS = 1_000_000
TREES = 200


def learn_forecast(folder: Path) -> int:
    """Learn a forecast from a sample of the panel, read straight from its file; returns the rows of the panel."""
    workspace, given = Workspace(folder / "smartrocket"), PROFILE.forecast_baseline
    connection = open_engine(read_json(folder / "parameters.json")["03_features"])
    item_days = read_parquet(connection, workspace.existing("processed/panel.parquet"))
    write_json(workspace.path("processed/panel.json"), {"features": panel.list_features(item_days)})
    days = item_days.aggregate(first=item_days.date.min(), last=item_days.date.max()).execute().iloc[0]
    first, last = pd.Timestamp(days["first"]), pd.Timestamp(days["last"])
    seed, threads = PROFILE.shared.seed, PROFILE.shared.threads
    sample = read_sample(workspace, first, last, given.train_stride_days, MOST_ROWS, seed)
    train(sample, None, given.boosting.model_dump(), TREES, given.patience, seed, threads)
    return parquet.read_metadata(workspace.path("processed/panel.parquet")).num_rows


def learn_epoch(folder: Path) -> int:
    """Train GRU4Rec for one epoch on the training sequences; returns their clicks."""
    clicks = Workspace(folder / "smartrocket").read("processed/sequences_train.parquet")
    items = ranking.catalogue(clicks)
    settings = Settings(**PROFILE.gru4rec_baseline.network.model_dump(exclude_none=True))
    GRU4Rec(replace(settings, epochs=1), PROFILE.shared.seed).fit(ranking.read_sessions(clicks, items), len(items))
    return len(clicks)


STAGES = {"forecast": learn_forecast, "network": learn_epoch}

if __name__ == "__main__":
    import torch

    torch.set_num_threads(PROFILE.shared.threads)
    name, folder = sys.argv[1], Path(sys.argv[2])
    begun = time.perf_counter()
    rows = STAGES[name](folder)
    print(json.dumps({"seconds": round(time.perf_counter() - begun, 2), "rows": rows}))

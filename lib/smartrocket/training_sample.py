"""A sample of item-days to learn from, weighted so that it stands for all of them, whatever the panel's size.

Nearly all item-days are followed by no sale, and one of these tells a model little that the next one does not. So the
sample keeps sold item-days first, and of the others a share at random that count the more: LightGBM's sums of slopes
are, in the mean, those over all rows (Horvitz and Thompson 1952), and so are the forecasts.
"""

from collections.abc import Iterator

import lightgbm as lgb
import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from smartrocket.workspace import Workspace

# Bins are counted once for all settings of a search, so none may be left out for one of them.
DATASET = {"feature_pre_filter": False, "verbosity": -1}


def plan_shares(sold: int, unsold: int, most_rows: int) -> tuple[float, float]:
    """Return the shares to keep of the rows with a sale ahead and of those without, so that about `most_rows` stay.

    Sold rows take no more than half of the room where the others would need it.
    """
    if sold + unsold <= most_rows:
        return 1.0, 1.0
    room = max(most_rows // 2, most_rows - unsold)
    kept = min(sold, room)
    return (kept / sold if sold else 1.0), (min(1.0, (most_rows - kept) / unsold) if unsold else 1.0)


def draw_rows(
    target: np.ndarray, shares: tuple[float, float], generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw rows by their target (units ahead): the places of those that stay, and the weight of each."""
    share = np.where(target > 0, *shares)
    places = np.flatnonzero(generator.random(len(target)) < share)
    return places, (1 / share[places]).astype(np.float32)


def read_sample(
    workspace: Workspace, first: pd.Timestamp, last: pd.Timestamp, stride: int, most_rows: int, seed: int
) -> lgb.Dataset | None:
    """Return a weighted sample of the panel's rows between two origins for LightGBM, read straight from its file.

    Every `stride`-th day counts, back from `last`. Of a panel of any size no more is held in memory than the sample
    and one group of rows. None where there is no sale to learn from. Raises InputError when the panel is missing.
    """
    features = workspace.read_json("processed/panel.json")["features"]
    stored = pq.ParquetFile(workspace.existing("processed/panel.parquet"))
    counts = np.zeros(2, dtype=np.int64)
    for rows in read_groups(stored, ["date", "target"], first, last, stride):
        counts += np.bincount(rows["target"] > 0, minlength=2)
    unsold, sold = counts.tolist()
    if not sold:
        return None
    shares, generator = plan_shares(sold, unsold, most_rows), np.random.default_rng(seed)
    parts = []
    for rows in read_groups(stored, ["date", "target", *features], first, last, stride):
        places, weights = draw_rows(rows["target"].to_numpy(), shares, generator)
        chosen = rows.iloc[places]
        parts.append((chosen[features].to_numpy(dtype=np.float32), chosen["target"].to_numpy(), weights))
    values, target, weights = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return lgb.Dataset(values, target, weight=weights, feature_name=features, params=DATASET)


def read_groups(
    stored: pq.ParquetFile, columns: list[str], first: pd.Timestamp, last: pd.Timestamp, stride: int
) -> Iterator[pd.DataFrame]:
    """Yield the panel's rows between two origins whose future is known, group by group, every `stride`-th day."""
    for batch in stored.iter_batches(columns=columns):
        rows = batch.to_pandas(date_as_object=False)
        inside = rows["date"].between(first, last) & ((last - rows["date"]).dt.days % stride == 0)
        yield rows[inside & rows["target"].notna()]

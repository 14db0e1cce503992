"""Prepare view sessions for `recommenders.py` by the rules of the GRU4Rec protocol.

    python bench/official_sequences.py SESSIONS FOLDER

SESSIONS is a text file with one session a line, in the order of time: item numbers with spaces between. In FOLDER,
train.tsv and test.tsv are written in the format of the official code: tab-separated SessionId, ItemId, Time (seconds).
The lines carry no times, so that sessions get evenly spaced ones, over the span that the published log has.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd

# RetailRocket's log without its last week: 131 days from 2015-05-03.
FIRST_SECOND = 1_430_611_200
SPAN_SECONDS = 131 * 86_400


def read_session_lines(path: Path) -> pd.DataFrame:
    """Return the clicks of a file with one session a line: SessionId (the line), ItemId, Time."""
    sessions = [np.array(line.split(), dtype=np.int64) for line in path.read_text(encoding="utf-8").splitlines()]
    lengths = [len(session) for session in sessions]
    spacing = SPAN_SECONDS // max(len(sessions), 1)
    number = np.repeat(np.arange(len(sessions)), lengths)
    place = np.concatenate([np.arange(length) for length in lengths])
    return pd.DataFrame(
        {"SessionId": number, "ItemId": np.concatenate(sessions), "Time": FIRST_SECOND + number * spacing + place}
    )


def clean_sessions(clicks: pd.DataFrame, min_session_length: int = 2, min_item_support: int = 5) -> pd.DataFrame:
    """Drop consecutive repeats once, then rare items and short sessions until neither is left."""
    again = (clicks.SessionId == clicks.SessionId.shift()) & (clicks.ItemId == clicks.ItemId.shift())
    clicks, before = clicks[~again], -1
    while len(clicks) != before:
        before = len(clicks)
        clicks = clicks[clicks.groupby("ItemId").ItemId.transform("size") >= min_item_support]
        clicks = clicks[clicks.groupby("SessionId").ItemId.transform("size") >= min_session_length]
    return clicks


def split_last_sessions(clicks: pd.DataFrame, share: float = 0.04) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return training clicks and those of the last share of the sessions.

    From the latter, items that training never saw are dropped, then sessions of one click.
    """
    sessions = clicks.SessionId.unique()
    held_out = clicks.SessionId >= sessions[round(len(sessions) * (1 - share))]
    train, test = clicks[~held_out], clicks[held_out]
    test = test[test.ItemId.isin(train.ItemId.unique())]
    return train, test[test.groupby("SessionId").ItemId.transform("size") >= 2]


def main() -> None:
    """Read the command line, write both files and print what they hold."""
    parser = argparse.ArgumentParser(description="Prepare view sessions by the rules of the GRU4Rec protocol.")
    parser.add_argument("sessions", type=Path, help="text file with one session a line")
    parser.add_argument("folder", type=Path, help="where train.tsv and test.tsv go")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    parts = split_last_sessions(clean_sessions(read_session_lines(arguments.sessions)))
    for name, part in zip(("train", "test"), parts, strict=True):
        part.to_csv(arguments.folder / f"{name}.tsv", sep="\t", index=False)
        counts = {"sessions": part.SessionId.nunique(), "events": len(part), "items": part.ItemId.nunique()}
        print(json.dumps({"file": f"{name}.tsv", **counts}))


if __name__ == "__main__":
    main()

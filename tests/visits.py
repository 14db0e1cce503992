"""Hand-made sessions that the tests of recommendations start from."""

import numpy as np
import pandas as pd

from smartrocket.ranking import Sessions

START = pd.Timestamp("2015-06-01")


def make_clicks(*sessions: list[int]) -> pd.DataFrame:
    """Make clicks (sessionid, itemid, timestamp) of sessions that start an hour after each other."""
    rows = [
        {"sessionid": number, "itemid": item, "timestamp": START + pd.Timedelta(hours=number, seconds=place)}
        for number, session in enumerate(sessions)
        for place, item in enumerate(session)
    ]
    return pd.DataFrame(rows, columns=["sessionid", "itemid", "timestamp"]).astype(
        {"sessionid": "int64", "itemid": "int64", "timestamp": "datetime64[ns]"}
    )


def make_sessions(*sessions: list[int]) -> Sessions:
    """Make sessions of item numbers, one click a second."""
    items = np.array([item for session in sessions for item in session], dtype=np.int64)
    offsets = np.r_[0, np.cumsum([len(session) for session in sessions])].astype(np.int64)
    return Sessions(items, np.arange(len(items), dtype=float), offsets)


def walk(count: int, item_count: int = 30, seed: int = 0) -> Sessions:
    """Make sessions that mostly step to the next item of a ring: easy to learn, impossible by popularity."""
    generator = np.random.default_rng(seed)
    sessions = []
    for _ in range(count):
        steps = np.where(generator.random(generator.integers(2, 7)) < 0.9, 1, 7)
        sessions.append(((generator.integers(item_count) + np.cumsum(steps)) % item_count).tolist())
    return make_sessions(*[session for session in sessions if len(session) > 1])


class Fixed:
    """Gives every prefix the same scores."""

    def __init__(self, scores):
        self.scores = np.array(scores, dtype=np.float32)

    def fit(self, sessions, item_count):
        return self

    def score(self, prefixes):
        return np.tile(self.scores, (len(prefixes), 1))

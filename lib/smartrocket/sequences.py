"""Sequences of viewed items for next-item models, by the official GRU4Rec protocol for RetailRocket.

Source: the preprocessing that the authors of GRU4Rec publish for RetailRocket (third-party comparison,
arXiv 2307.14956), described in words in the method chapter.
"""

import ibis
import pandas as pd

from smartrocket.engine import keep
from smartrocket.sessions import ORDER, number_sessions

COLUMNS = ["sessionid", "itemid", "timestamp"]


def collect_sequences(
    events: ibis.Table,
    gap_minutes: int = 60,
    min_session_length: int = 2,
    min_item_support: int = 5,
) -> pd.DataFrame:
    """Make the view sequences of a shop.

    New sessions start after `gap_minutes` on all events; then only views stay; consecutive repeats of an item
    become one view (i,i,j -> i,j; i,j,i stays); then short sessions and rare items are dropped, again and
    again, until every session has `min_session_length` views and every item `min_item_support`.

    Returns sessionid, itemid, timestamp, sorted by sessionid and timestamp; sessionid counts by the start of
    the session. The frame is empty where nothing is left.
    """
    sessions = number_sessions(events, gap_minutes)
    views = sessions.filter(sessions.event == "view")
    inside = ibis.window(group_by=["visitorid", "session_number"], order_by=ORDER)
    views = views.mutate(before=views.itemid.lag().over(inside), after=views.itemid.lead().over(inside))
    opens = views.before.isnull()
    # Most sessions have one view. They are dropped here already, for the filter below needs to know all that are left.
    if min_session_length > 1:
        opens &= views.after.notnull()
    views = views.filter((views.before != views.itemid) | opens)
    views = views.select("visitorid", "session_number", "session_start", "timestamp", "itemid")
    session = ["visitorid", "session_number"]
    clicks = drop_rare_and_short(views, session, min_session_length, min_item_support)
    by_start = ibis.window(order_by=["session_start", *session])
    numbered = clicks.select(
        sessionid=ibis.dense_rank().over(by_start).cast("int64"), itemid=clicks.itemid, timestamp=clicks.timestamp
    )
    frame = numbered.order_by(["sessionid", "timestamp", "itemid"]).to_pandas()
    # DuckDB tells times to the microsecond, Spark to the nanosecond.
    return frame.astype({"timestamp": "datetime64[us]"})


def prepare_sequences(
    events: ibis.Table,
    gap_minutes: int = 60,
    min_session_length: int = 2,
    min_item_support: int = 5,
    test_days: float = 7,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Follow the official protocol as a whole: make the view sequences of a shop and hold the last days out.

    `events` has timestamp (UTC), visitorid, itemid and event. Returns training and test sequences, each with
    sessionid, itemid, timestamp, sorted by sessionid and timestamp. The rules are those of `collect_sequences` (gap,
    repeats, iterated filter) and `split_last_days` (split by time, seen items only).
    """
    clicks = collect_sequences(events, gap_minutes, min_session_length, min_item_support)
    return split_last_days(clicks, test_days)


def drop_rare_and_short(
    clicks: ibis.Table, session: list[str], min_session_length: int, min_item_support: int
) -> ibis.Table:
    """Drop clicks on rare items, then short sessions, again and again until neither is left.

    `clicks` has itemid and the columns of `session`, which tell sessions apart; the result has the same columns. What
    is left does not depend on the order in which they are dropped. What is dropped is looked up, since there is less of
    it than of what stays in all rounds but the first.
    """
    clicks = keep(clicks)
    rows, before = int(clicks.count().execute()), -1
    while rows != before:
        rare = clicks.group_by("itemid").having(clicks.count() < min_item_support).agg()
        kept = clicks.anti_join(rare, "itemid")
        short = kept.group_by(session).having(kept.count() < min_session_length).agg()
        clicks = keep(kept.anti_join(short, session))
        rows, before = int(clicks.count().execute()), rows
    return clicks


def split_last_days(sequences: pd.DataFrame, days: float = 7) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split sequences by time: what ended before the last `days` days, and the sessions that start in them.

    A session that runs across the cut belongs to neither. From the held-out part, items that the first part
    never saw are dropped, then sessions with fewer than two clicks. Both frames keep the columns and the order
    of `sequences` (sessionid, itemid, timestamp).
    """
    if sequences.empty:
        return sequences.copy(), sequences.copy()
    cut = sequences.timestamp.max() - pd.Timedelta(days=days)
    times = sequences.groupby("sessionid").timestamp
    starts, ends = times.transform("min"), times.transform("max")
    train = sequences[ends < cut]
    held_out = sequences[(starts >= cut) & sequences.itemid.isin(train.itemid.unique())]
    held_out = held_out[held_out.groupby("sessionid").itemid.transform("size") >= 2]
    return train.reset_index(drop=True), held_out.reset_index(drop=True)

"""Sessions: a visitor's events with no longer pause than a given gap between them."""

import ibis

# The order of events at one and the same millisecond, so that every run sees the same session.
ORDER = ["timestamp", "itemid", "event"]


def number_sessions(events: ibis.Table, gap_minutes: int = 30) -> ibis.Table:
    """Add to each event the session it belongs to.

    `events` has timestamp (TIMESTAMP), visitorid, itemid and event. Adds `session_number` (0, 1, ... for each
    visitor), `session_start` (TIMESTAMP) and `position` (0, 1, ... within the session). A new session starts after a
    pause of more than `gap_minutes`.
    """
    of_visitor = ibis.window(group_by="visitorid", order_by=ORDER)
    pause = events.timestamp.delta(events.timestamp.lag().over(of_visitor), unit="millisecond")
    marked = events.mutate(
        follows=(pause <= gap_minutes * 60_000).fill_null(False), place=ibis.row_number().over(of_visitor)
    )
    # Sales of one moment may differ in their order alone. Sorted by `ORDER` again, they could change places.
    until = ibis.window(group_by="visitorid", order_by="place", rows=(None, 0))
    opening, opening_place = (
        marked.follows.ifelse(ibis.null(column.type()), column).max().over(until)
        for column in (marked.timestamp, marked.place)
    )
    return marked.mutate(
        session_number=((~marked.follows).cast("int32").sum().over(until) - 1).cast("int32"),
        session_start=opening,
        position=(marked.place - opening_place).cast("int32"),
    ).drop("follows", "place")


def list_session_events(events: ibis.Table, gap_minutes: int = 30) -> ibis.Table:
    """Return all events by session: sessionid, position, visitorid, timestamp, event, itemid.

    `sessionid` counts 0, 1, ... by the start of the session (then by visitor); `position` counts 0, 1, ...
    within it.
    """
    numbered = number_sessions(events, gap_minutes)
    by_start = ibis.window(order_by=["session_start", "visitorid", "session_number"])
    return numbered.select(
        sessionid=ibis.dense_rank().over(by_start).cast("int64"),
        position=numbered.position,
        visitorid=numbered.visitorid,
        timestamp=numbered.timestamp,
        event=numbered.event,
        itemid=numbered.itemid,
    )

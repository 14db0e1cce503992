"""Items that are looked at together: co-occurrence within sessions, for "related products"."""

import ibis

from smartrocket.engine import keep

# A session of more items than this is no shopper's; its pairs would outnumber everybody else's.
MOST_ITEMS = 50
# A session's weight is counted in whole parts of this: integers add up to the same sum in any order.
PARTS = 2**32


def relate_items(
    session_events: ibis.Table, half_life_days: float = 30.0, neighbours: int = 20, min_sessions: int = 2
) -> ibis.Table:
    """Find for each item the items that share most sessions with it.

    `session_events` has sessionid, timestamp, itemid (any kind of event counts, each item once a session; sessions of
    more than 50 items are left out). Returns itemid, relateditemid, sessions (shared), cosine (shared / geometric mean
    of the two items' sessions), lift (shared / what chance would give), weight (like cosine, but a session counts half
    after `half_life_days`), rank (0 = nearest, by weight); pairs with fewer than `min_sessions` shared sessions are
    left out.
    """
    visits = session_events.group_by("sessionid", "itemid").agg(moment=session_events.timestamp.max())
    crowded = visits.group_by("sessionid").having(visits.count() > MOST_ITEMS).agg()
    visits = keep(visits.anti_join(crowded, "sessionid"))
    age = visits.moment.max().as_scalar().epoch_seconds() - visits.moment.epoch_seconds()
    fading = ibis.literal(0.5).pow(age / (half_life_days * 86_400))
    visits = visits.mutate(recency=ibis.greatest((PARTS * fading).round().cast("int64"), 1))
    items = visits.group_by("itemid").agg(visits=visits.count(), recent=visits.recency.sum())
    all_sessions = visits.sessionid.nunique().as_scalar()
    other = visits.view()
    # Each pair is counted once, and then told from both sides.
    pairs = visits.join(other, [visits.sessionid == other.sessionid, visits.itemid < other.itemid])
    pairs = pairs.select(
        itemid=visits.itemid, relateditemid=other.itemid, recency=visits.recency, related_recency=other.recency
    )
    pairs = pairs.group_by("itemid", "relateditemid").agg(
        sessions=pairs.count(), recency=pairs.recency.sum(), related_recency=pairs.related_recency.sum()
    )
    pairs = keep(pairs.filter(pairs.sessions >= min_sessions))
    swapped = pairs.select(
        itemid=pairs.relateditemid, relateditemid=pairs.itemid, sessions=pairs.sessions, recency=pairs.related_recency
    )
    pairs = pairs.drop("related_recency").union(swapped)
    pairs = pairs.join(items, "itemid")
    related = items.rename(relateditemid="itemid", related_visits="visits", related_recent="recent")
    pairs = pairs.join(related, "relateditemid")
    pairs = pairs.select(
        "itemid",
        "relateditemid",
        "sessions",
        cosine=(pairs.sessions / (pairs.visits * pairs.related_visits).sqrt()).cast("float32"),
        lift=(pairs.sessions * all_sessions / (pairs.visits * pairs.related_visits)).cast("float32"),
        weight=(pairs.recency / (pairs.recent.cast("float64") * pairs.related_recent).sqrt()).cast("float32"),
    )
    nearest = ibis.window(group_by="itemid", order_by=[ibis.desc("weight"), ibis.desc("sessions"), "relateditemid"])
    ranked = pairs.mutate(rank=ibis.row_number().over(nearest).cast("int32"))
    return ranked.filter(ranked["rank"] < neighbours).order_by(["itemid", "rank"])

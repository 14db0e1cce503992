"""What is watched for drift: the traffic, the catalogue, the features of the forecasts and their errors, by week.

A test counts cases as if they knew nothing of each other. Events of one visit do, and so do the days of one item. So of
a visit one value is taken, of an item one a week, and of the features that a category shares one for each category.
"""

import re
from collections.abc import Sequence

import ibis
import numpy as np
import pandas as pd

from smartrocket.demand_scores import poisson_deviance
from smartrocket.drift import MOST_WEEKS, REFERENCE_WEEKS, Series, place_weeks
from smartrocket.engine import connect, read_parquet
from smartrocket.forecasting import DAY, Panel
from smartrocket.traffic_breaks import count_traffic
from smartrocket.workspace import Workspace

KINDS = {"transaction": "a purchase", "addtocart": "an add to cart"}
"""How far a visit gets, the furthest first; any other one is a look around."""

LONG_UNSEEN = 28
"""An item without an event for so many days is new to the shop's visitors, or back."""

SHARED_FEATURES = ("category_", "parent_")
"""How the names of features begin that all items of a category share."""

GROWING = ("age_days", "_total", "_days_since")
"""How the names of features end that grow with the log, whatever the visitors do."""


REPEATED = re.compile(r"(sales|addtocarts|views)_mean_\d+")
"""The names of features that are others divided by a constant, once their windows are full."""

FULL_WINDOWS = 30
"""From this age on, in days, an item's features look back on days that are all in the panel."""


def list_series(
    workspace: Workspace, panel: Panel, forecasts: Sequence[pd.DataFrame], model: str, threads: int
) -> list[Series]:
    """Return everything that is watched of a build, up to the last whole day of its panel; nothing of an empty one.

    `forecasts` are forecast tables that follow each other, the test's last, `model` is the one whose errors matter.
    """
    if panel.frame.empty:
        return []
    connection, last = connect("1GB", threads), panel.last_date
    events = read_parquet(connection, workspace.existing("interim/events.parquet"))
    visits = read_visits(read_parquet(connection, workspace.existing("processed/session_events.parquet")), last)
    histories = [workspace.read(f"interim/{name}.parquet") for name in ("item_categories", "item_prices", "categories")]
    return [
        *list_traffic(events, visits, last),
        *list_catalogue(visits, *histories),
        *list_features(panel),
        *list_errors(forecasts, model, last),
    ]


def read_visits(session_events: ibis.Table, last: pd.Timestamp) -> pd.DataFrame:
    """Return one row a visit (session) of the weeks that matter up to the day `last`.

    Columns: moment (of its first event), week, hour (UTC), goal (how far it gets), events, itemid (the first) and
    unseen_days, the whole days since that item's event before (missing where there is none).
    """
    before = session_events.timestamp.lag().over(ibis.window(group_by="itemid", order_by="timestamp"))
    seen = session_events.mutate(before=before)
    begin = seen.position == 0
    goal = ibis.cases(*(((seen.event == event).any(), name) for event, name in KINDS.items()), else_="a look around")
    visits = seen.group_by("sessionid").agg(
        moment=seen.timestamp.min(),
        goal=goal,
        events=seen.count(),
        itemid=seen.itemid.max(where=begin),
        before=seen.before.max(where=begin),
    )
    first = last + DAY - (MOST_WEEKS + REFERENCE_WEEKS) * 7 * DAY
    visits = visits.filter(visits.moment >= first, visits.moment < last + DAY).order_by("moment", "sessionid")
    frame = visits.to_pandas()
    unseen = (frame["moment"] - frame.pop("before")).dt.days
    return frame.assign(
        week=place_weeks(frame["moment"].dt.normalize(), last), hour=frame["moment"].dt.hour, unseen_days=unseen
    )


def look_up(visits: pd.DataFrame, history: pd.DataFrame, name: str) -> pd.Series:
    """Return what was known of each visit's first item at its moment; before the first known value, that one."""
    known = history[["itemid", "valid_from", name]].dropna(subset=[name]).sort_values("valid_from", kind="stable")
    known = known.assign(since=known["valid_from"].astype("datetime64[ns]"))
    asked = visits[["moment", "itemid"]].assign(
        moment=visits["moment"].astype("datetime64[ns]"), row=np.arange(len(visits))
    )
    found = pd.merge_asof(asked.sort_values("moment"), known, left_on="moment", right_on="since", by="itemid")
    found = found.sort_values("row")
    return found[name].fillna(found["itemid"].map(known.groupby("itemid")[name].first())).set_axis(visits.index)


def list_traffic(events: ibis.Table, visits: pd.DataFrame, last: pd.Timestamp) -> list[Series]:
    """Return the series of the traffic: events a day, and when, how long and how far visits go."""
    first = last + DAY - (MOST_WEEKS + REFERENCE_WEEKS) * 7 * DAY
    started = events.timestamp.min().execute()
    # The log's first day is seldom whole.
    first = max(first, pd.Timestamp(started).normalize() + DAY)
    daily = count_traffic(events, first, last).rename("value").rename_axis("day").reset_index()
    daily = daily.assign(week=place_weeks(daily["day"], last))
    return [
        Series("traffic", "events a day", "traffic", daily[["week", "value"]]),
        take("traffic", "hours of visits", "kinds", visits, "hour"),
        take("traffic", "how far visits get", "kinds", visits, "goal"),
        take("traffic", "events of a visit", "numbers", visits, "events"),
    ]


def list_catalogue(
    visits: pd.DataFrame, item_categories: pd.DataFrame, item_prices: pd.DataFrame, categories: pd.DataFrame
) -> list[Series]:
    """Return the series of the items on which visits begin: main category, price, and whether they are new or back.

    An item counts once a week, since all its visits share what it is. What the shop's files do not hold is left out.
    """
    visits, listed = visits.drop_duplicates(["week", "itemid"]), []
    if len(item_categories):
        roots = dict(zip(categories["categoryid"], categories["root"], strict=True))
        # Where one is missing, a float would stand for it, and long numbers of categories would run into each other.
        known = look_up(visits, item_categories.astype({"categoryid": "Int64"}), "categoryid")
        shown = visits.assign(category=[str(roots.get(category, pd.NA)) for category in known])
        listed.append(take("catalogue", "main category of the items", "kinds", shown, "category"))
    if len(item_prices):
        priced = visits.assign(price=look_up(visits, item_prices, "price").astype(float))
        listed.append(take("catalogue", "price of the items", "numbers", priced, "price"))
    unseen = ~(visits["unseen_days"] < LONG_UNSEEN)
    whole = visits.assign(unseen=np.where(unseen, "unseen", "seen"))[
        visits["week"] >= visits["moment"].min().normalize() + LONG_UNSEEN * DAY
    ]
    listed.append(take("catalogue", "items long unseen", "kinds", whole, "unseen"))
    return listed


def take(group: str, name: str, kind: str, frame: pd.DataFrame, column: str) -> Series:
    """Return one column of a frame with weeks as a series."""
    return Series(group, name, kind, frame[["week", column]].rename(columns={column: "value"}))


def list_features(panel: Panel) -> list[Series]:
    """Return the series of the panel's features at the end of each week, one value an item.

    Left out are features that are the same for the whole shop on a day (the traffic has them), those that grow with the
    log whatever happens, and means of windows whose sums are watched.
    """
    if panel.frame.empty:
        return []
    weeks = MOST_WEEKS + REFERENCE_WEEKS
    origins = pd.date_range(end=panel.last_date, periods=weeks, freq="7D")
    rows = panel.frame[panel.frame["date"].isin(origins) & (panel.frame["age_days"] >= FULL_WINDOWS)]
    week = rows["date"] - 6 * DAY
    listed = []
    for name in panel.features:
        values = pd.DataFrame({"week": week, "value": rows[name].to_numpy(dtype=float)})
        if name.endswith(GROWING) or REPEATED.fullmatch(name) or values.groupby("week")["value"].nunique().max() < 2:
            continue
        if name.startswith(SHARED_FEATURES):
            values = values.drop_duplicates()
        listed.append(Series("features", name, "numbers", values))
    return listed


def list_errors(tables: Sequence[pd.DataFrame], model: str, last: pd.Timestamp) -> list[Series]:
    """Return the series of the errors of a model's forecasts of known items, made a week apart.

    `tables` are forecast tables that follow each other, the test's last.
    """
    known = [table[table["known"].astype(bool)] for table in tables if model in table]
    if not known:
        return []
    rows = pd.concat([table[["origin", "actual", model]] for table in known], ignore_index=True)
    error = poisson_deviance(rows["actual"].to_numpy(), rows[model].to_numpy())
    values = pd.DataFrame({"week": place_weeks(rows["origin"] + DAY, last), "value": error})
    return [
        Series("prediction error", "mean error of items", "errors", values),
        Series("prediction error", "spread of the errors", "numbers", values),
    ]

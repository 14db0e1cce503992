"""The same data stages in plain pandas, as an analyst would write them: read, merge, group, roll, write.

Vectorised throughout, without a loop over rows. Every stage holds its tables in memory and works on one core, but for
reading and writing Parquet. The tree of categories is taken to have no circles, and nobody for a bot.
"""

from pathlib import Path

import numpy as np
import pandas as pd

import stages

KINDS = {"sales": "transaction", "addtocarts": "addtocart", "views": "view"}
LAGS = [1, 7, 14, 28]
WINDOWS = [3, 7, 14, 30]
HALF_LIFE_DAYS = 7
PRIOR_VIEWS = 20
DAY = pd.Timedelta(days=1)


def ingest_files(build: Path, parameters: dict) -> None:
    """Read the CSV files and write them as Parquet."""
    raw = parameters["01_eda"]["raw"]
    folder = Path(raw["folder"])
    events = pd.read_csv(folder / raw["events"], dtype={"transactionid": "Int64"})
    write(events, build, "interim/raw_events")
    parts = [folder / name for name in raw["properties"] if (folder / name).exists()]
    properties = pd.concat([pd.read_csv(part, dtype={"property": str, "value": str}) for part in parts])
    write(properties, build, "interim/raw_properties")
    tree = pd.read_csv(folder / raw["category_tree"], dtype="Int64")
    write(tree, build, "interim/raw_categories")


def clean_tables(build: Path, parameters: dict) -> None:
    """Make the clean events, the histories of the items, the category tree and the ledger."""
    given = parameters["02_cleaning"]
    events = read(build, "interim/raw_events")
    events["event"] = events.event.str.strip().str.lower()
    moment = pd.to_datetime(events.timestamp, unit="ms")
    sold = events.transactionid.where(events.event == "transaction")
    start, end = pd.Timestamp(given["window_start"]), pd.Timestamp(given["window_end"])
    reason = first_reason(
        {
            "no readable timestamp": moment.isna(),
            "timestamp out of range": ~moment.between("1990-01-01", "2100-01-01"),
            "no readable visitor id": events.visitorid.isna(),
            "no readable item id": events.itemid.isna(),
            "unknown event type": ~events.event.isin([*KINDS.values(), "removefromcart"]),
            "outside the time window": (moment < start) | (moment >= end),
            "exact duplicate": events.assign(transactionid=sold).duplicated(),
        }
    )
    books = [count_outcomes(reason, "events")]
    events = events.assign(timestamp=moment, transactionid=sold)[reason == "kept"]
    order = ["timestamp", "visitorid", "itemid", "event", "transactionid"]
    write(events.sort_values(order), build, "interim/events")

    roles = {given[f"{role}_property"]: role for role in ("category", "price", "availability", "name")}
    properties = read(build, "interim/raw_properties")
    counts = properties.groupby("property").agg(
        rows=("property", "size"), items=("itemid", "nunique"), values=("value", "nunique")
    )
    counts = counts.reset_index().sort_values(["rows", "property"], ascending=[False, True])
    write(counts, build, "interim/property_counts")
    role = properties.property.map(roles)
    used = properties[role.notna()].assign(role=role.dropna())
    used["number"] = pd.to_numeric(used.value.str.removeprefix("n"), errors="coerce")
    reason = first_reason(
        {
            "no readable timestamp": used.timestamp.isna(),
            "no readable item id": used.itemid.isna(),
            "category is not a number": (used.role == "category") & used.number.isna(),
            "price is not a number": (used.role == "price") & used.number.isna(),
            "price is negative": (used.role == "price") & (used.number < 0),
            "neither 0 nor 1": (used.role == "availability") & ~used.value.isin(["0", "1"]),
        }
    )
    others = pd.DataFrame({"file": "item properties", "outcome": "other property", "rows": role.isna().sum()}, [0])
    books += [count_outcomes(reason, "item properties"), others]
    used = used[reason == "kept"]
    write_history(used, build, "category", "categoryid", "item_categories", "int64")
    write_history(used, build, "price", "price", "item_prices", "float64")
    write_history(used, build, "availability", "available", "item_availability", "bool")
    names = used.value.str.strip().str.replace(r"\s+", " ", regex=True).str[:100]
    write_history(used.assign(number=names), build, "name", "name", "item_names", "str")

    tree = read(build, "interim/raw_categories")
    reason = first_reason(
        {
            "no readable category id": tree.categoryid.isna(),
            "category listed again": tree.categoryid.duplicated(),
        }
    )
    books.append(count_outcomes(reason, "category tree"))
    write(climb_tree(tree[reason == "kept"]), build, "interim/categories")
    write(pd.concat(books), build, "interim/ledger")


def first_reason(conditions: dict[str, pd.Series]) -> np.ndarray:
    """Return for each row the name of the first condition that holds, or "kept"."""
    return np.select(list(conditions.values()), list(conditions), default="kept")


def count_outcomes(reason: np.ndarray, file: str) -> pd.DataFrame:
    """Count the rows of a file by what became of them."""
    counts = pd.Series(reason, name="outcome").value_counts().rename("rows").reset_index()
    return counts.assign(file=file)


def write_history(used: pd.DataFrame, build: Path, role: str, name: str, table: str, kind: str) -> None:
    """Write the changes of one property as stretches of time in which a value holds."""
    rows = used[used.role == role].groupby(["itemid", "timestamp"]).number.max().reset_index()
    changes = rows[rows.number != rows.groupby("itemid").number.shift()]
    valid_from = pd.to_datetime(changes.timestamp, unit="ms")
    history = pd.DataFrame({"itemid": changes.itemid, name: changes.number.astype(kind), "valid_from": valid_from})
    history["valid_to"] = history.groupby("itemid").valid_from.shift(-1)
    write(history, build, f"interim/{table}")


def climb_tree(tree: pd.DataFrame) -> pd.DataFrame:
    """Give each category its level, its root and its path, level by level from the roots down."""
    tree = tree.assign(parentid=tree.parentid.where(tree.parentid.isin(tree.categoryid)))
    level = tree[tree.parentid.isna()]
    level = level.assign(level=0, root=level.categoryid, path=level.categoryid.astype(str))
    levels = []
    while len(level):
        levels.append(level)
        above = level[["categoryid", "level", "root", "path"]].rename(columns={"categoryid": "parentid"})
        level = tree.merge(above, on="parentid")
        level["level"] += 1
        level["path"] += "/" + level.categoryid.astype(str)
    return pd.concat(levels).sort_values("path")


def build_panel(build: Path, parameters: dict) -> None:
    """Make the item x day panel: a grid of the items' days, merged with what is known of them, then rolled."""
    given = parameters["03_features"]
    events = read(build, "interim/events")
    first_day, last_day = find_complete_days(events.timestamp)
    events["date"] = events.timestamp.dt.normalize()
    events = events[events.date <= last_day]
    panel = lay_grid(events, last_day, build, given["panel_entry_events"])
    panel = panel.sort_values(["itemid", "date"], ignore_index=True)
    add_activity(panel)
    add_targets(panel, given["horizon_days"])
    add_prices(panel)
    panel["conversion_smoothed_30"] = (panel.sales_sum_30 + PRIOR_VIEWS * panel.conversion) / (
        panel.views_sum_30 + PRIOR_VIEWS
    )
    panel["category_sales_trend_7_30"] = divide(panel.category_sales_sum_7, panel.category_sales_sum_30 * 7 / 30)
    panel["category_sales_share_30"] = divide(panel.sales_sum_30, panel.category_sales_sum_30)
    panel = panel[(panel.date >= first_day) & (panel.date >= panel.entry)]
    panel["days_to_end"] = (last_day - panel.date).dt.days
    panel = panel.drop(columns=["first", "entry", "conversion"]).sort_values(["date", "itemid"])
    alike = panel.groupby(["date", "categoryid"]).price.transform("mean")
    panel["price_to_category"] = divide(panel.price, alike)
    write(panel, build, "processed/panel")


def lay_grid(events: pd.DataFrame, last_day: pd.Timestamp, build: Path, entry_events: list[str]) -> pd.DataFrame:
    """Lay out all days of the panel's items from their first event on, with what is counted and known of each day."""
    daily = events.groupby(["itemid", "date", "event"]).size().unstack(fill_value=0)
    daily = pd.DataFrame({name: daily.get(kind, 0) for name, kind in KINDS.items()}).reset_index()
    first = events.groupby("itemid").date.min().rename("first")
    entry = events[events.event.isin(entry_events)].groupby("itemid").date.min().rename("entry")
    dates = pd.date_range(events.date.min(), last_day, name="date")
    grid = pd.MultiIndex.from_product([entry.index, dates]).to_frame(index=False)
    grid = grid.merge(first, on="itemid").merge(entry, on="itemid")
    grid = grid[grid.date >= grid["first"]].merge(daily, on=["itemid", "date"], how="left")
    grid[list(KINDS)] = grid[list(KINDS)].fillna(0)
    grid["age_days"] = (grid.date - grid["first"]).dt.days
    grid["days_to_end"] = (last_day - grid.date).dt.days
    grid["weekday"] = grid.date.dt.weekday
    for table, name in (("categories", "categoryid"), ("prices", "price"), ("availability", "available")):
        grid = add_value(grid, build, f"interim/item_{table}", name)
    grid["available"] = grid.available.astype("float")
    grid = grid.merge(sum_shop(daily, dates), on="date")

    tree = read(build, "interim/categories")
    parents = tree[["categoryid", "parentid"]].astype("float")
    daily = add_value(daily, build, "interim/item_categories", "categoryid")
    daily, grid = (frame.merge(parents, on="categoryid", how="left") for frame in (daily, grid))
    category = sum_groups(daily, "categoryid", "category", dates)
    parent = sum_groups(daily, "parentid", "parent", dates)[["parentid", "date", "parent_sales_sum_7"]]
    grid = grid.merge(category, on=["categoryid", "date"], how="left")
    return grid.merge(parent, on=["parentid", "date"], how="left")


def add_activity(panel: pd.DataFrame) -> None:
    """Add what each item did over the last days, and when it last did."""
    items = panel.groupby("itemid")
    for name in KINDS:
        for lag in LAGS:
            panel[f"{name}_lag_{lag}"] = items[name].shift(lag)
        for length in WINDOWS:
            total = items[name].rolling(length, min_periods=1).sum().droplevel(0)
            panel[f"{name}_sum_{length}"] = total
            panel[f"{name}_mean_{length}"] = total / (panel.age_days + 1).clip(upper=length)
        last_active = panel.date.where(panel[name] > 0).groupby(panel.itemid).ffill()
        panel[f"{name}_days_since"] = (panel.date - last_active).dt.days
        panel[f"{name}_total"] = items[name].cumsum()
        panel[f"{name}_recent_{HALF_LIFE_DAYS}"] = items[name].ewm(halflife=HALF_LIFE_DAYS).mean().droplevel(0)


def add_targets(panel: pd.DataFrame, horizon_days: int) -> None:
    """Add what each item sells on each of the next days, and on all of them."""
    items = panel.groupby("itemid")
    leads = [f"target_{lead}" for lead in range(1, horizon_days + 1)]
    for lead, name in enumerate(leads, start=1):
        panel[name] = items.sales.shift(-lead)
    panel["target"] = panel[leads].sum(axis=1, skipna=False)


def add_prices(panel: pd.DataFrame) -> None:
    """Add how each item's price compares with its own past."""
    prices = panel.groupby("itemid").price
    panel["price_change_7"] = panel.price - prices.shift(7)
    panel["price_to_mean_30"] = divide(panel.price, prices.rolling(30, min_periods=1).mean().droplevel(0))


def find_complete_days(moments: pd.Series) -> tuple[pd.Timestamp, pd.Timestamp]:
    """Return the first and the last day that the log covers to within an hour, or all but."""
    first, last = moments.min(), moments.max()
    hour = pd.Timedelta(hours=1)
    start = first.normalize() if first - first.normalize() <= hour else first.normalize() + DAY
    end = last.normalize() if last.normalize() + DAY - last <= hour else last.normalize() - DAY
    return (start, end) if start <= end else (first.normalize(), last.normalize())


def add_value(rows: pd.DataFrame, build: Path, table: str, name: str) -> pd.DataFrame:
    """Add the value of a property that holds at the end of each row's day."""
    history = read(build, table)
    history["date"] = history.valid_from.dt.normalize()
    history = history.sort_values("valid_from")[["itemid", "date", name]]
    return pd.merge_asof(rows.sort_values("date"), history, on="date", by="itemid")


def sum_shop(daily: pd.DataFrame, dates: pd.DatetimeIndex) -> pd.DataFrame:
    """Sum the shop's sales and views over the last days, and say how many of its views of the last month sold."""
    shop = daily.groupby("date")[["sales", "views"]].sum().reindex(dates, fill_value=0)
    week, month = shop.rolling(7, min_periods=1).sum(), shop.rolling(30, min_periods=1).sum()
    conversion = divide(month.sales, month.views).fillna(0)
    sums = {"shop_sales_sum_7": week.sales, "shop_views_sum_7": week.views, "conversion": conversion}
    return pd.DataFrame(sums).reset_index()


def sum_groups(daily: pd.DataFrame, key: str, name: str, dates: pd.DatetimeIndex) -> pd.DataFrame:
    """Sum sales and views of groups of items over the last days, from each group's first event on."""
    counts = daily.groupby([key, "date"])[["sales", "views"]].sum()
    grid = pd.MultiIndex.from_product([counts.index.levels[0], dates])
    seen = grid.isin(counts.index)
    counts = counts.reindex(grid, fill_value=0).assign(seen=seen)
    groups = counts.groupby(level=key)
    rolled = {
        f"{name}_sales_sum_7": groups.sales.rolling(7, min_periods=1).sum().droplevel(0),
        f"{name}_sales_sum_30": groups.sales.rolling(30, min_periods=1).sum().droplevel(0),
        f"{name}_views_sum_7": groups.views.rolling(7, min_periods=1).sum().droplevel(0),
    }
    return pd.DataFrame(rolled)[groups.seen.cummax()].reset_index()


def make_sequences(build: Path, parameters: dict) -> None:
    """Make the events by session, and the view sequences to learn from and to test on."""
    given = parameters["03_features"]
    events = read(build, "interim/events")
    sessions = number_sessions(events, given["session_gap_minutes"])
    sessions["position"] = sessions.groupby("sessionid").cumcount()
    columns = ["sessionid", "position", "visitorid", "timestamp", "event", "itemid"]
    write(sessions[columns].sort_values(["sessionid", "position"]), build, "processed/session_events")

    clicks = number_sessions(events, given["sequence_gap_minutes"])
    clicks = clicks[clicks.event == "view"]
    clicks = clicks[clicks.itemid != clicks.groupby("sessionid").itemid.shift()]
    rows = None
    while len(clicks) != rows:
        rows = len(clicks)
        clicks = clicks[clicks.groupby("itemid").itemid.transform("size") >= given["min_item_support"]]
        clicks = clicks[clicks.groupby("sessionid").itemid.transform("size") >= given["min_session_length"]]
    clicks["sessionid"] = clicks.sessionid.rank(method="dense").astype("int64") - 1
    clicks = clicks[["sessionid", "itemid", "timestamp"]].sort_values(["sessionid", "timestamp", "itemid"])

    cut = clicks.timestamp.max() - given["test_days"] * DAY
    times = clicks.groupby("sessionid").timestamp
    train = clicks[times.transform("max") < cut]
    test = clicks[(times.transform("min") >= cut) & clicks.itemid.isin(train.itemid)]
    test = test[test.groupby("sessionid").itemid.transform("size") >= 2]
    write(train, build, "processed/sequences_train")
    write(test, build, "processed/sequences_test")


def number_sessions(events: pd.DataFrame, gap_minutes: int) -> pd.DataFrame:
    """Sort events by visitor and time, and number their sessions by start, then visitor."""
    events = events.sort_values(["visitorid", "timestamp", "itemid", "event"])
    pause = events.groupby("visitorid").timestamp.diff()
    opens = ~(pause <= pd.Timedelta(minutes=gap_minutes))
    starts = events[opens].sort_values(["timestamp", "visitorid"])
    numbers = pd.Series(np.arange(len(starts)), starts.index)
    return events.assign(sessionid=numbers.reindex(events.index).ffill().astype("int64"))


def relate_items(build: Path, parameters: dict) -> None:
    """Make the lists of related items."""
    given = parameters["03_features"]
    session_events = read(build, "processed/session_events")
    visits = session_events.groupby(["sessionid", "itemid"]).timestamp.max().reset_index()
    visits = visits[visits.groupby("sessionid").itemid.transform("size") <= 50]
    second = visits.timestamp.astype("datetime64[s]").astype("int64")
    fading = 0.5 ** ((second.max() - second) / (given["related_half_life_days"] * 86_400))
    visits["recency"] = (2**32 * fading).round().astype("int64").clip(lower=1)
    items = visits.groupby("itemid").agg(visits=("sessionid", "size"), recent=("recency", "sum")).astype("float")
    others = visits[["sessionid", "itemid"]].rename(columns={"itemid": "relateditemid"})
    pairs = visits.merge(others, on="sessionid")
    pairs = pairs[pairs.itemid != pairs.relateditemid]
    pairs = pairs.groupby(["itemid", "relateditemid"]).agg(sessions=("sessionid", "size"), recency=("recency", "sum"))
    pairs = pairs[pairs.sessions >= 2].reset_index()
    pairs = pairs.merge(items, left_on="itemid", right_index=True)
    pairs = pairs.merge(items, left_on="relateditemid", right_index=True, suffixes=("", "_related"))
    chance = pairs.visits * pairs.visits_related
    pairs["cosine"] = (pairs.sessions / np.sqrt(chance)).astype("float32")
    pairs["lift"] = (pairs.sessions * visits.sessionid.nunique() / chance).astype("float32")
    pairs["weight"] = (pairs.recency / np.sqrt(pairs.recent * pairs.recent_related)).astype("float32")
    order = ["itemid", "weight", "sessions", "relateditemid"]
    pairs = pairs.sort_values(order, ascending=[True, False, False, True])
    pairs["rank"] = pairs.groupby("itemid").cumcount()
    columns = ["itemid", "relateditemid", "sessions", "cosine", "lift", "weight", "rank"]
    write(pairs.loc[pairs["rank"] < given["related_items"], columns], build, "processed/related_items")


def divide(part: pd.Series, whole: pd.Series) -> pd.Series:
    """Divide, with nothing known where the whole is zero."""
    return part / whole.where(whole != 0)


def read(build: Path, table: str) -> pd.DataFrame:
    """Read a table of an earlier stage."""
    return pd.read_parquet(stages.find_table(build, table))


def write(frame: pd.DataFrame, build: Path, table: str) -> None:
    """Write a table for later stages."""
    frame.to_parquet(stages.find_table(build, table), index=False, compression="zstd")


STAGES = {
    "ingest": ingest_files,
    "clean": clean_tables,
    "panel": build_panel,
    "sequences": make_sequences,
    "related": relate_items,
}

if __name__ == "__main__":
    stages.run_named(STAGES, "pandas")

"""What the Recommendations page needs: the network, sessions to explore, and journeys."""

from pathlib import Path

import ibis
import numpy as np
import pandas as pd

from smartrocket.cold_start import Fallback
from smartrocket.dashboard_facts import SHOP
from smartrocket.dashboard_scripts import FOLDER, read_script, write_script
from smartrocket.files import read_json
from smartrocket.neighbours import SessionNeighbours
from smartrocket.workspace import Workspace

NEIGHBOURS = 12
# Steps from category to category that the page lists: the most frequent ones.
MOST_STEPS = 120
# Sessions of more events than this stand together in the distribution of lengths.
MOST_EVENTS = 20


def write_explorer(folder: Path, fallback: Fallback, stan: SessionNeighbours, workspace: Workspace) -> int:
    """Write the session explorer's scripts from a folder that `model_export.write_explorer` wrote; returns all bytes.

    `dashboard/network.js` is the network (description and arrays, see model_export), `explorer.js` the test sessions,
    the popular items and the lists for items that the network does not know, `stan.js` what STAN computes with,
    `similar.js` the items alike to each item. Items have the network's numbers; `item` lists their ids.
    """
    workspace.existing(f"{FOLDER}/{SHOP}.js")
    description = read_json(folder / "network.json")
    content = (folder / "network.bin").read_bytes()
    arrays = {}
    for name, place in description.pop("arrays").items():
        part = content[place["offset"] : place["offset"] + place["length"]]
        arrays[name] = np.frombuffer(part, np.dtype(place["type"]).newbyteorder("<")).astype(place["type"])
    items = np.array(description.pop("item_ids"), dtype=np.int64)
    size = write_script(workspace, "network", description, {"item": items, **arrays})
    explored = {
        "sessions": read_json(folder / "sessions.json")["sessions"],
        "popular": read_json(folder / "fallback.json")["popular"],
    }
    size += write_script(workspace, "explorer", explored, list_fallbacks(fallback, items, read_script(workspace, SHOP)))
    size += write_script(workspace, "stan", *describe_stan(stan))
    neighbours = pd.read_parquet(folder / "neighbours.parquet")
    neighbours = neighbours[neighbours["place"] <= NEIGHBOURS]
    return size + write_script(workspace, "similar", {}, {"item": items, **list_neighbours(neighbours, "alike", items)})


def list_fallbacks(fallback: Fallback, items: np.ndarray, shop: dict) -> dict[str, np.ndarray]:
    """Return the lists for items that the network does not know: `fallback_category`, by the dashboard's numbers, how
    many items each list has (`fallback_rows`), and the items (`fallback_item`, the network's numbers).
    """
    ids = np.append(0, shop["category_id"].astype(np.int64))
    parents = np.append(0, shop["category_parent"].astype(np.int64))
    unknown = ~np.isin(shop["item_id"].astype(np.int64), items)
    found = np.unique(shop["item_category"].astype(np.int64)[unknown])
    lists = [fallback.list_items(name_path(category, ids, parents)) for category in found]
    return {
        "fallback_category": found,
        "fallback_rows": np.array([len(numbers) for numbers in lists], dtype=np.int64),
        "fallback_item": np.concatenate([*lists, np.empty(0, np.int64)]).astype(np.int64),
    }


def name_path(category: int, ids: np.ndarray, parents: np.ndarray) -> str:
    """Return the path of a category number as `cold_start` writes it: "root/.../category", empty for number 0."""
    path: list[str] = []
    # A tree that leads in a circle has no path longer than it has categories.
    while category and len(path) < len(ids):
        path.insert(0, str(ids[category]))
        category = parents[category]
    return "/".join(path)


def describe_stan(stan: SessionNeighbours) -> tuple[dict, dict[str, np.ndarray]]:
    """Return what the page computes STAN with: its settings, and the training sessions.

    The columns are `item`, session after session, `length` of each, and `age`, the seconds from its end to the end of
    the last one. Raises ValueError for neighbours with other rules than STAN's.
    """
    if None in (stan.click_decay, stan.day_decay, stan.gap_decay) or stan.rarity:
        raise ValueError("the page computes STAN only: its three decays are set and its rarity is 0")
    names = ("neighbours", "sample", "click_decay", "day_decay", "gap_decay", "repeats")
    settings = {name: getattr(stan, name) for name in names}
    ends = stan.ends
    age = np.rint(ends.max(initial=0) - ends).astype(np.int64)
    return settings, {"item": stan.sessions.items, "length": stan.sessions.lengths, "age": age}


def list_neighbours(neighbours: pd.DataFrame, kind: str, items: np.ndarray) -> dict[str, np.ndarray]:
    """Return one kind of neighbours: how many `near_rows` each item has, and each one's `near_item` and `near_weight`.

    `near_item` is a number, and the weight is in parts of 255 of the largest one, which is `near_scale`.
    """
    rows = neighbours[neighbours["kind"] == kind].sort_values(["itemid", "place"])
    numbers = pd.Index(items)
    weights = rows["weight"].to_numpy(dtype=np.float64).clip(min=0)
    largest = weights.max(initial=1e-12)
    return {
        "near_rows": np.bincount(numbers.get_indexer(rows["itemid"]), minlength=len(items)),
        "near_item": numbers.get_indexer(rows["neighbourid"]),
        "near_weight": np.rint(255 * weights / largest).astype(np.uint8),
        "near_scale": np.array([largest / 255]),
    }


def write_journeys(session_events: ibis.Table, workspace: Workspace) -> int:
    """Write `dashboard/journeys.js`: lengths of sessions and the steps within them; returns its bytes.

    `session_events` has sessionid, position, event, itemid. `lengths` counts sessions by their events (the last count
    takes all longer ones); `events` and `categories` are records of a step: source, target, count. A session begins at
    "start" and ends at "end". Categories are those below the roots of the tree, by the dashboard's numbers. Of
    `pairs` of categories, `categories` has the `MOST_STEPS` most frequent. `known` counts all steps to another product
    where both categories are known, and `same` those of them that stay in one category.
    """
    workspace.existing(f"{FOLDER}/{SHOP}.js")
    shop = read_script(workspace, SHOP)
    sizes = session_events.group_by("sessionid").agg(events=session_events.count())
    lengths = sizes.group_by(events=ibis.least(sizes.events, MOST_EVENTS)).agg(count=sizes.count()).to_pandas()
    counts = np.bincount(lengths["events"], lengths["count"], minlength=MOST_EVENTS + 1)[1:]
    inside = ibis.window(group_by="sessionid", order_by="position")
    steps = session_events.mutate(
        before=session_events.event.lag().over(inside), after=session_events.event.lead().over(inside)
    )
    event_steps = pd.concat(
        [
            count_steps(steps, steps.before.fill_null("start"), steps.event),
            count_steps(steps.filter(steps.after.isnull()), steps.event, ibis.literal("end")),
        ]
    )
    moves = session_events.mutate(previous=session_events.itemid.lag().over(inside))
    moves = moves.filter(moves.previous.notnull() & (moves.previous != moves.itemid))
    pairs = count_steps(moves, moves.previous, moves.itemid)
    places = pd.Index(shop["item_id"].astype(np.int64))
    branch = find_branches(shop)[shop["item_category"]]
    pairs = pairs.assign(
        source=branch[places.get_indexer(pairs["source"])], target=branch[places.get_indexer(pairs["target"])]
    )
    category_steps = pairs.groupby(["source", "target"], as_index=False)["count"].sum()
    category_steps = category_steps.sort_values(["count", "source", "target"], ascending=[False, True, True])
    known = category_steps[(category_steps["source"] > 0) & (category_steps["target"] > 0)]
    value = {
        "lengths": [int(count) for count in counts],
        "events": records(event_steps.sort_values(["source", "target"])),
        "categories": records(category_steps.head(MOST_STEPS)),
        "pairs": len(category_steps),
        "known": int(known["count"].sum()),
        "same": int(known.loc[known["source"] == known["target"], "count"].sum()),
    }
    return write_script(workspace, "journeys", value)


def count_steps(table: ibis.Table, source: ibis.Value, target: ibis.Value) -> pd.DataFrame:
    """Count the steps of a table by where they start and end: source, target, count."""
    steps = table.select(source=source, target=target)
    return steps.group_by("source", "target").agg(count=steps.count()).to_pandas()


def find_branches(shop: dict) -> np.ndarray:
    """Return for each category number its ancestor just below the root; a root is its own, and 0 stays 0."""
    parents = np.append(0, shop["category_parent"].astype(np.int64))
    branch = np.arange(len(parents))
    # Each round lifts what is still too deep by one level; a tree is never deeper than it has categories.
    for _ in range(len(parents)):
        is_deep = parents[parents[branch]] > 0
        if not is_deep.any():
            break
        branch = np.where(is_deep, parents[branch], branch)
    return branch


def records(frame: pd.DataFrame) -> list[list]:
    """Return the rows of a frame as lists of plain values."""
    return [list(row) for row in frame.astype(object).itertuples(index=False)]

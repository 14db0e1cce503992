"""What the Products page shows of single items: price, availability, related items, and what their viewers bought."""

import ibis
import numpy as np
import pandas as pd

from smartrocket.dashboard_facts import SHOP
from smartrocket.dashboard_scripts import FOLDER, read_script, write_script
from smartrocket.panel import Catalogue
from smartrocket.workspace import Workspace

NAME = "products"
# Items of one file; the page loads the file of the item that it shows.
CHUNK = 500
RELATED = 12
BOUGHT = 8
UNKNOWN, AVAILABLE, SOLD_OUT = 0, 1, 2


def write_products(session_events: ibis.Table, related: ibis.Table, catalogue: Catalogue, workspace: Workspace) -> int:
    """Write `dashboard/products.js` and `dashboard/products-<number>.js`, a file for each 500 items; returns all bytes.

    `session_events` has sessionid, position, event, itemid; `related` is what `relate_items` returns. Items have the
    numbers that `write_facts` gave them, so that comes first. Raises InputError where it did not.
    """
    workspace.existing(f"{FOLDER}/{SHOP}.js")
    shop = read_script(workspace, SHOP)
    items = pd.Index(shop["item_id"].astype(np.int64))
    prices = number_items(catalogue.item_prices.to_pandas(), "itemid", items)
    prices["day"] = (prices["valid_from"] - pd.Timestamp(shop["first_date"])).dt.days.clip(lower=0)
    prices = prices.sort_values(["itemid", "valid_from"])
    available = number_items(catalogue.item_availability.to_pandas(), "itemid", items).sort_values("valid_from")
    nearest = related.filter(related["rank"] < RELATED).order_by(["itemid", "rank"]).to_pandas()
    nearest = number_items(number_items(nearest, "itemid", items), "relateditemid", items)
    bought = number_items(number_items(list_bought(session_events).to_pandas(), "itemid", items), "bought", items)
    columns = {
        "price": last_values(prices, "price", len(items), np.nan),
        "available": last_values(
            available.assign(state=np.where(available["available"], AVAILABLE, SOLD_OUT)), "state", len(items), UNKNOWN
        ),
    }
    for old in workspace.path(FOLDER).glob(f"{NAME}-*.js"):
        old.unlink()
    size = write_script(workspace, NAME, {"chunk": CHUNK}, columns)
    for number in range(-(-len(items) // CHUNK)):
        within = {
            **cut(prices, number, "price", ["day", "price"]),
            **cut(nearest, number, "related", ["relateditemid", "sessions", "cosine", "lift"]),
            **cut(bought, number, "bought", ["bought", "sessions"]),
        }
        size += write_script(workspace, f"{NAME}-{number}", {}, within)
    return size


def list_bought(session_events: ibis.Table) -> ibis.Table:
    """Count, for each viewed item, what was bought later in the same session: itemid, bought, sessions.

    Of each item the most frequent ones, the first of them first; the item itself is among them where it was bought.
    """
    kinds = session_events.group_by("sessionid", "itemid")
    viewed = kinds.agg(seen=session_events.position.min(where=session_events.event == "view"))
    sales = session_events.filter(session_events.event == "transaction")
    sales = sales.group_by("sessionid", bought=sales.itemid).agg(last=sales.position.max())
    pairs = viewed.join(sales, [viewed.sessionid == sales.sessionid, viewed.seen < sales["last"]])
    pairs = pairs.group_by("itemid", "bought").agg(sessions=pairs.count())
    order = [ibis.desc("sessions"), "bought"]
    ranked = pairs.mutate(rank=ibis.row_number().over(ibis.window(group_by="itemid", order_by=order)))
    return ranked.filter(ranked["rank"] < BOUGHT).order_by(["itemid", "rank"]).drop("rank")


def number_items(frame: pd.DataFrame, name: str, items: pd.Index) -> pd.DataFrame:
    """Replace item ids by the dashboard's numbers, in their order; rows of items without events are dropped."""
    frame = frame.assign(**{name: items.get_indexer(frame[name])})
    return frame[frame[name] >= 0].sort_values("itemid", kind="stable", ignore_index=True)


def last_values(frame: pd.DataFrame, name: str, count: int, otherwise: float) -> np.ndarray:
    """Return the last value of each item, `otherwise` where there is none."""
    values = np.full(count, otherwise)
    last = frame.groupby("itemid")[name].last()
    values[last.index] = last
    return values


def cut(frame: pd.DataFrame, number: int, stem: str, names: list[str]) -> dict[str, np.ndarray]:
    """Return the columns of one chunk's items, and how many rows each item has."""
    places = frame["itemid"].to_numpy() - number * CHUNK
    inside = (places >= 0) & (places < CHUNK)
    columns = {f"{stem}_{name}": frame[name].to_numpy()[inside] for name in names}
    return {f"{stem}_rows": np.bincount(places[inside], minlength=CHUNK), **columns}

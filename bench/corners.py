"""Whole reports of shops at the edge of what a shop is: one visitor, one day, no sale, numbers below zero, and so on.

The mutations of `mutations.py` go through notebooks 1 to 3. Here each shop goes through all seven and is published, as
`make report SHOP=folder` does it, with models as small as those of the tiny shop. Right is a report without a fault
whose ledger keeps every row, and whose forecasts are of the shop's own items and categories: there is nothing wrong
with these files.

    python bench/corners.py --only "one visitor"
"""

import argparse
import csv
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from random import Random

import pandas as pd
import pyarrow.parquet as pq
import yaml

from faults import Copy
from measurement import RESULTS, keep_results
from mutations import DAY, START
from smartrocket.files import remove, write_text
from smartrocket.identifiers import LARGEST, NO_CATEGORY
from smartrocket.rendering import find_problems

PROFILE = "own_shop"
EVENTS = ("timestamp", "visitorid", "event", "itemid", "transactionid")
ITEM_COUNT, VISITOR_COUNT, DAY_COUNT, CATEGORY_COUNT = 40, 400, 90, 8
# The first whole number that a float cannot hold.
HUGE = 2**53 + 1
MARKUP = "<script>alert(1)</script><b>&\"' {{< var x >}} @fig-a | $x$"


class Shop:
    """A small log drawn at random, with properties of its items and a tree of their categories, before it is written.

    `events` are rows of timestamp (ms), visitorid, event, itemid, transactionid; `properties` of timestamp, itemid,
    property, value; `tree` of categoryid, parentid.
    """

    def __init__(self, random: Random):
        """Draw 6,000 events of 90 days, no two of them at one time."""
        moments = sorted(random.sample(range(DAY_COUNT * DAY), 6000))
        self.events = []
        for number, moment in enumerate(moments):
            (event,) = random.choices(("view", "addtocart", "transaction"), (8, 2, 2))
            item, visitor = int(ITEM_COUNT * random.random() ** 2) + 1, random.randrange(VISITOR_COUNT) + 1
            order = number + 1 if event == "transaction" else ""
            self.events.append([START + moment, visitor, event, item, order])
        self.properties = []
        for item in range(1, ITEM_COUNT + 1):
            for day in range(0, DAY_COUNT, 14):
                known = {"790": f"n{random.randrange(100, 9000)}.000", "categoryid": 1 + item % CATEGORY_COUNT}
                known |= {"available": random.randrange(2), "name": f"Lamp {item}"}
                self.properties += [[START + day * DAY, item, name, value] for name, value in known.items()]
        self.tree = [[category, "" if category < 3 else 1 + category % 2] for category in range(1, CATEGORY_COUNT + 1)]

    def number(self, items: Callable[[int], int], visitors: Callable[[int], int] = int) -> None:
        """Give items and visitors other numbers."""
        self.events = [[time, visitors(who), event, items(item), sale] for time, who, event, item, sale in self.events]
        self.properties = [[time, items(item), *rest] for time, item, *rest in self.properties]

    def number_categories(self, categories: Callable[[int], int]) -> None:
        """Give categories other numbers."""
        self.tree = [[categories(own), parent and categories(parent)] for own, parent in self.tree]
        for row in self.properties:
            if row[2] == "categoryid":
                row[3] = categories(row[3])

    def only(self, *kinds: str) -> None:
        """Keep the events of some types alone."""
        self.events = [row for row in self.events if row[2] in kinds]

    def write(self, folder: Path) -> None:
        """Write the three files."""
        folder.mkdir(parents=True)
        for name, columns, rows in (
            ("events.csv", EVENTS, self.events),
            ("item_properties.csv", ("timestamp", "itemid", "property", "value"), self.properties),
            ("category_tree.csv", ("categoryid", "parentid"), self.tree),
        ):
            with (folder / name).open("w", newline="", encoding="utf-8") as file:
                csv.writer(file, lineterminator="\n").writerows([columns, *rows])


def keep_first(shop: Shop) -> None:
    """Keep one row."""
    shop.events = shop.events[:1]


def set_all(column: str, value: object) -> Callable[[Shop], None]:
    """Return what gives a column of all events one value."""
    place = EVENTS.index(column)

    def change(shop: Shop) -> None:
        for row in shop.events:
            row[place] = value

    return change


def press_into_a_day(shop: Shop) -> None:
    """Move all events into the first day."""
    for row in shop.events:
        row[0] = START + (row[0] - START) // DAY_COUNT


def pause(shop: Shop) -> None:
    """Have nothing happen for ten months in the middle."""
    for row in shop.events[len(shop.events) // 2 :]:
        row[0] += 300 * DAY


def say_harm(shop: Shop) -> None:
    """Have every text of the items do harm as markup, in pages and in shortcodes."""
    for row in shop.properties:
        if row[2] == "name":
            row[3] = f"{MARKUP} {row[1]}"
    shop.properties += [[START, item, MARKUP, MARKUP] for item in range(1, ITEM_COUNT + 1)]


def number_highest(shop: Shop) -> None:
    """Count categories down from the largest number, and have every fifth item without one."""
    shop.properties = [row for row in shop.properties if row[2] != "categoryid" or row[1] % 5]
    shop.number_categories(lambda category: LARGEST - category)


def number_lowest(shop: Shop) -> None:
    """Count items, visitors and categories up from the lowest number."""
    shop.number(lambda item: item - LARGEST, lambda visitor: visitor - LARGEST)
    shop.number_categories(lambda category: category - LARGEST)


CORNERS: dict[str, Callable[[Shop], None]] = {
    "one row": keep_first,
    "one visitor": set_all("visitorid", 7),
    "one item": set_all("itemid", 7),
    "one day": press_into_a_day,
    "a pause of ten months": pause,
    "no sale": lambda shop: shop.only("view", "addtocart"),
    "sales alone": lambda shop: shop.only("transaction"),
    "no view": lambda shop: shop.only("addtocart", "transaction"),
    "items and visitors below zero": lambda shop: shop.number(lambda item: -item, lambda visitor: -visitor),
    "categories below zero": lambda shop: shop.number_categories(lambda category: -category),
    "huge categories, and items without": number_highest,
    "the lowest numbers": number_lowest,
    "huge numbers": lambda shop: shop.number(lambda item: HUGE + item, lambda visitor: HUGE * 500 + visitor),
    "markup in every text": say_harm,
}


def shrink_models(copy: Copy) -> None:
    """Give a shop of one's own models as small as those of the tiny shop, whose search takes seconds."""
    own, tiny = (copy.folder / "params" / f"{name}.yaml" for name in (PROFILE, "ci"))
    profile, sizes = (yaml.safe_load(path.read_text(encoding="utf-8")) for path in (own, tiny))
    profile |= {section: values for section, values in sizes.items() if section[:2] in ("04", "05", "06", "07")}
    write_text(own, yaml.safe_dump(profile))


def try_corner(copy: Copy, name: str, folder: Path) -> str | None:
    """Build the report of a shop from nothing; returns what is wrong with it, or None."""
    shop = Shop(Random(name))
    CORNERS[name](shop)
    shop.write(folder)
    remove(copy.folder / "build" / PROFILE)
    process = copy.start("report", f"SHOP={folder}")
    output, _ = process.communicate()
    if process.returncode:
        return f"it ended in: {output[-1500:]}"
    facts = json.loads((copy.folder / f"build/{PROFILE}/results/02_cleaning.json").read_text(encoding="utf-8"))["facts"]
    counted = (facts["events_rows_in"]["value"], facts["events_rows_kept"]["value"])
    if counted != (len(shop.events), len(shop.events)):
        return f"its ledger has {counted[0]} events and keeps {counted[1]}, of {len(shop.events)} good ones"
    if wrong := find_strangers(copy.folder / f"build/{PROFILE}", shop):
        return f"its tables and its files do not agree on {wrong}"
    problems = find_problems(copy.folder / "_site")
    return "; ".join(problems)[:1500] or None


def find_strangers(build: Path, shop: Shop) -> list[str]:
    """Return the items and categories that are in the forecasts and not in the shop, the categories of these items
    that are missing there, and the categories whose parent in the tree is not that of the shop.
    """
    forecasts = pd.read_parquet(build / "processed/forecasts.parquet", columns=["level", "series"])
    named = {level: set(rows["series"].tolist()) for level, rows in forecasts.groupby("level")}
    described = {item: category for _, item, name, category in shop.properties if name == "categoryid"}
    items, categories = named.get("item", set()), named.get("category", set())
    strangers = [f"item {item}" for item in sorted(items - {row[3] for row in shop.events})]
    known = {category for category, _ in shop.tree} | {NO_CATEGORY}
    missing = {described.get(item, NO_CATEGORY) for item in items} - categories if categories else set()
    strangers += [f"category {category}" for category in sorted((categories - known) | missing)]
    tree = pq.read_table(build / "interim/categories.parquet", columns=["categoryid", "parentid"]).to_pylist()
    pairs = {(row["categoryid"], row["parentid"]) for row in tree}
    odd = {own for own, _ in pairs ^ {(own, up or None) for own, up in shop.tree}}
    return strangers + [f"parent of {own}" for own in sorted(odd)]


def main() -> int:
    """Try every corner, say what came of each, and return whether any went wrong, as 1 or 0."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=CORNERS, help="one shop alone, of which nothing is kept")
    parser.add_argument("--output", type=Path, default=RESULTS, help="file of results that takes the tally")
    options = parser.parse_args()
    wrong = []
    with tempfile.TemporaryDirectory(prefix="corners-") as place:
        copy = Copy(Path(place), target=())
        shrink_models(copy)
        for name in [options.only] if options.only else CORNERS:
            # A shop is named after its folder, so that the name does harm, too.
            found = try_corner(copy, name, Path(place) / "shops" / f"{name} {MARKUP.replace('/', '')}")
            wrong += [name] if found else []
            print(f"{'WRONG  ' if found else ''}{name}: {found or 'a whole report'}", flush=True)
    if not options.only:
        keep_results("corners", [{"shops": list(CORNERS), "wrong": wrong}], options.output)
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())

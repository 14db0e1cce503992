"""The shops at the edge of what a shop is: nothing is wrong with their files. `make corners` builds their reports."""

import subprocess
from random import Random

import pandas as pd
import pytest
from pyarrow import parquet

import corners
import mutations
from smartrocket.files import write_json, write_parquet_frame
from smartrocket.identifiers import NO_CATEGORY

# The other shops are cleaned in `make nightly`.
SOME = ("one visitor", "one day", "items and visitors below zero")


@pytest.mark.parametrize(
    "name", [name if name in SOME else pytest.param(name, marks=pytest.mark.nightly) for name in corners.CORNERS]
)
def test_cleaning_keeps_every_event(name, tmp_path):
    shop = corners.Shop(Random(name))
    corners.CORNERS[name](shop)
    shop.write(tmp_path / "raw")
    # The generated parts of a shop have other names than the files of one's own.
    (tmp_path / "raw" / "item_properties.csv").rename(tmp_path / "raw" / "item_properties_part1.csv")
    header = (tmp_path / "raw" / "item_properties_part1.csv").read_text().splitlines()[0]
    (tmp_path / "raw" / "item_properties_part2.csv").write_text(header + "\n")
    write_json(tmp_path / "shop.json", {"generated": False, "profile": "own_shop", "title": name})
    mutations.run_stages(tmp_path)
    assert parquet.read_metadata(tmp_path / "interim" / "events.parquet").num_rows == len(shop.events)
    assert parquet.read_metadata(tmp_path / "interim" / "categories.parquet").num_rows == corners.CATEGORY_COUNT


ITEM = corners.Shop(Random("one row")).events[0][3]


class Finished:
    """A copy of the project whose make has ended already."""

    def __init__(self, folder, command: str, kept: int, forecasts: list[tuple], lift: int):
        self.folder, self.command, self.forecasts, self.lift = folder, command, forecasts, lift
        facts = {"events_rows_in": {"value": kept}, "events_rows_kept": {"value": kept}}
        self.results = {"notebook": "02_cleaning", "facts": facts, "scores": []}

    def start(self, *words: str) -> subprocess.Popen:
        assert words[0] == "report"
        write_json(self.folder / "build/own_shop/results/02_cleaning.json", self.results)
        forecasts = pd.DataFrame(self.forecasts, columns=["level", "series"])
        write_parquet_frame(self.folder / "build/own_shop/processed/forecasts.parquet", forecasts)
        rows = [(own, up + self.lift if up else None) for own, up in corners.Shop(Random("one row")).tree]
        tree = pd.DataFrame(rows, columns=["categoryid", "parentid"], dtype=object).astype("Int64")
        write_parquet_frame(self.folder / "build/own_shop/interim/categories.parquet", tree)
        (self.folder / "_site").mkdir()
        return subprocess.Popen(["sh", "-c", self.command], stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize(
    ("command", "kept", "forecasts", "lift", "said"),
    [
        ("true", 1, [], 0, None),
        ("true", 1, [("item", ITEM), ("category", 1 + ITEM % 8), ("category", NO_CATEGORY), ("total", 0)], 0, None),
        ("echo Traceback; exit 2", 1, [], 0, "it ended in: Traceback"),
        ("true", 0, [], 0, "its ledger has 0 events and keeps 0, of 1 good ones"),
        ("true", 1, [("item", 99)], 0, "its tables and its files do not agree on ['item 99']"),
        ("true", 1, [("category", 9)], 0, "its tables and its files do not agree on ['category 9']"),
        (
            "true",
            1,
            [("item", ITEM), ("category", 1 + (ITEM + 1) % 8)],
            0,
            f"its tables and its files do not agree on ['category {1 + ITEM % 8}']",
        ),
        (
            "true",
            1,
            [],
            1,
            f"its tables and its files do not agree on {[f'parent of {own}' for own in range(3, 9)]}",
        ),
    ],
)
def test_what_is_wrong_with_a_report_is_told(command, kept, forecasts, lift, said, tmp_path):
    found = corners.try_corner(Finished(tmp_path, command, kept, forecasts, lift), "one row", tmp_path / "shop")
    assert (found or "").strip() == (said or "")

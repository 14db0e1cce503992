"""The data stages by the library: what notebooks 01 to 03 call to make their tables, and nothing else."""

from pathlib import Path

import pandas as pd
from ibis.backends import BaseBackend

import stages
from smartrocket import cleaning, cooccurrence, panel, sequences, sessions
from smartrocket.engine import connect, keep, read_parquet, write_batches, write_parquet
from smartrocket.files import write_parquet_frame
from smartrocket.ingestion import ingest
from smartrocket.workspace import Workspace


def ingest_files(build: Path, parameters: dict) -> None:
    """Copy the raw files to Parquet."""
    given = parameters["01_eda"]
    ingest(given["raw"], Workspace(build), open_engine(given))


def clean_tables(build: Path, parameters: dict) -> None:
    """Make the clean events, the histories of the items, the category tree and the ledger."""
    # It brings matplotlib along, which the other stages do without.
    from smartrocket.ledger import make_frame_ledger

    given = parameters["02_cleaning"]
    workspace, connection = Workspace(build), open_engine(given)
    raw_events = read_parquet(connection, workspace.existing("interim/raw_events.parquet"))
    judged = cleaning.judge_events(raw_events, given["window_start"], given["window_end"])
    judged = cleaning.judge_bots(judged, given["bot_events_per_day"])
    judged = keep(judged)
    events_ledger = cleaning.make_ledger(judged, "events")
    cleaning.require_events(events_ledger)
    write_parquet(cleaning.keep_events(judged), workspace.path("interim/events.parquet"))
    del judged

    roles = {name: given[f"{name}_property"] for name in ("category", "price", "availability", "name")}
    raw_properties = read_parquet(connection, workspace.existing("interim/raw_properties.parquet"))
    used = raw_properties.filter(raw_properties.property.isin(list(roles.values())))
    judged_properties = keep(cleaning.judge_properties(used, roles))
    properties = cleaning.count_properties(raw_properties)
    write_parquet_frame(workspace.path("interim/property_counts.parquet"), properties)
    unused = int(properties.rows.sum()) - int(judged_properties.count().execute())
    properties_ledger = cleaning.make_ledger(judged_properties, "item properties", {"other property": unused})
    for name, history in {
        "item_categories": cleaning.category_history(judged_properties),
        "item_prices": cleaning.price_history(judged_properties),
        "item_availability": cleaning.availability_history(judged_properties),
        "item_names": cleaning.name_history(judged_properties),
    }.items():
        write_parquet(history, workspace.path(f"interim/{name}.parquet"))

    judged_categories = cleaning.judge_categories(workspace.read("interim/raw_categories.parquet"))
    categories, _ = cleaning.climb_tree(judged_categories)
    write_parquet_frame(workspace.path("interim/categories.parquet"), categories)
    categories_ledger = make_frame_ledger(judged_categories, "category tree")
    books = pd.concat([events_ledger, properties_ledger, categories_ledger], ignore_index=True)
    write_parquet_frame(workspace.path("interim/ledger.parquet"), books)


def build_panel(build: Path, parameters: dict) -> None:
    """Make the item x day panel."""
    given = parameters["03_features"]
    workspace, connection = Workspace(build), open_engine(given)
    names = ("events", "item_categories", "item_prices", "item_availability", "categories")
    events, *histories = (read_parquet(connection, workspace.existing(f"interim/{name}.parquet")) for name in names)
    days = panel.find_complete_days(events)
    item_days = panel.build_panel(
        events, panel.Catalogue(*histories), days, given["horizon_days"], given["panel_entry_events"], connection
    )
    write_batches(item_days, workspace.path("processed/panel.parquet"))


def make_sequences(build: Path, parameters: dict) -> None:
    """Make the events by session, and the view sequences to learn from and to test on."""
    given = parameters["03_features"]
    workspace, connection = Workspace(build), open_engine(given)
    events = read_parquet(connection, workspace.existing("interim/events.parquet"))
    session_events = sessions.list_session_events(events, given["session_gap_minutes"])
    write_parquet(
        session_events.order_by(["sessionid", "position"]), workspace.path("processed/session_events.parquet")
    )
    train, test = sequences.prepare_sequences(
        events,
        given["sequence_gap_minutes"],
        given["min_session_length"],
        given["min_item_support"],
        given["test_days"],
    )
    write_parquet_frame(workspace.path("processed/sequences_train.parquet"), train)
    write_parquet_frame(workspace.path("processed/sequences_test.parquet"), test)


def relate_items(build: Path, parameters: dict) -> None:
    """Make the lists of related items."""
    given = parameters["03_features"]
    workspace, connection = Workspace(build), open_engine(given)
    session_events = read_parquet(connection, workspace.existing("processed/session_events.parquet"))
    related = cooccurrence.relate_items(session_events, given["related_half_life_days"], given["related_items"])
    write_parquet(related, workspace.path("processed/related_items.parquet"))


def open_engine(given: dict) -> BaseBackend:
    """Open the engine with a notebook's parameters."""
    return connect(given["memory_limit"], given["threads"], given["engine"])


STAGES = {
    "ingest": ingest_files,
    "clean": clean_tables,
    "panel": build_panel,
    "sequences": make_sequences,
    "related": relate_items,
}

if __name__ == "__main__":
    stages.run_named(STAGES, "smartrocket")

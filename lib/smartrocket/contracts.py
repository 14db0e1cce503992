"""Contracts: what each table must be like before the next stage may read it."""

from pathlib import Path

import ibis.expr.datatypes as kinds
import pandas as pd
import pandera.errors
import pandera.ibis as pandera
from ibis.backends import BaseBackend

from smartrocket.cleaning import EVENT_TYPES
from smartrocket.engine import read_parquet
from smartrocket.errors import InputError
from smartrocket.workspace import Workspace

TIME = kinds.Timestamp(scale=6)
NUMBER = kinds.int64


def history(name: str, kind: kinds.DataType, *checks: pandera.Check) -> pandera.DataFrameSchema:
    """Return the contract of a property's history."""
    return pandera.DataFrameSchema(
        {
            "itemid": pandera.Column(NUMBER),
            name: pandera.Column(kind, list(checks)),
            "valid_from": pandera.Column(TIME),
            "valid_to": pandera.Column(TIME, nullable=True),
        },
        strict=True,
    )


RAW = {
    "interim/raw_events.parquet": pandera.DataFrameSchema(
        {
            "timestamp": pandera.Column(NUMBER, nullable=True),
            "visitorid": pandera.Column(NUMBER, nullable=True),
            "event": pandera.Column(kinds.string, nullable=True),
            "itemid": pandera.Column(NUMBER, nullable=True),
            "transactionid": pandera.Column(NUMBER, nullable=True),
        },
        strict=True,
    ),
    "interim/raw_properties.parquet": pandera.DataFrameSchema(
        {
            "timestamp": pandera.Column(NUMBER, nullable=True),
            "itemid": pandera.Column(NUMBER, nullable=True),
            "property": pandera.Column(kinds.string, nullable=True),
            "value": pandera.Column(kinds.string, nullable=True),
        },
        strict=True,
    ),
    "interim/raw_categories.parquet": pandera.DataFrameSchema(
        {"categoryid": pandera.Column(NUMBER, nullable=True), "parentid": pandera.Column(NUMBER, nullable=True)},
        strict=True,
    ),
}
CLEAN = {
    "interim/events.parquet": pandera.DataFrameSchema(
        {
            "timestamp": pandera.Column(TIME),
            "visitorid": pandera.Column(NUMBER),
            "event": pandera.Column(kinds.string, pandera.Check.isin(EVENT_TYPES)),
            "itemid": pandera.Column(NUMBER),
            "transactionid": pandera.Column(NUMBER, nullable=True),
        },
        strict=True,
    ),
    "interim/item_categories.parquet": history("categoryid", NUMBER),
    "interim/item_prices.parquet": history("price", kinds.float64, pandera.Check.ge(0)),
    "interim/item_availability.parquet": history("available", kinds.boolean),
    "interim/item_names.parquet": history("name", kinds.string),
    "interim/categories.parquet": pandera.DataFrameSchema(
        {
            "categoryid": pandera.Column(NUMBER),
            "parentid": pandera.Column(NUMBER, nullable=True),
            "level": pandera.Column(kinds.int32, pandera.Check.ge(0)),
            "root": pandera.Column(NUMBER),
            "path": pandera.Column(kinds.string),
        },
        strict=True,
    ),
}


def check_tables(
    contracts: dict[str, pandera.DataFrameSchema], workspace: Workspace, connection: BaseBackend
) -> pd.DataFrame:
    """Check tables against their contracts, in the engine.

    Returns table, rows, columns (their names). Raises InputError that names the file, the column, the rule and the
    first value that breaks it.
    """
    kept = []
    for relative, contract in contracts.items():
        table = read_parquet(connection, workspace.existing(relative))
        rows = int(table.count().execute())
        try:
            # On a table without rows pandera takes "no value is missing" for broken; there is nothing to check in it.
            if rows:
                contract.validate(table)
        except pandera.errors.SchemaError as error:
            detail = str(error).split("failure cases:")[-1].strip().splitlines()[0][:200]
            column = getattr(error.schema, "name", None) or "the table"
            raise InputError(
                f"{workspace.path(relative)}: {column} breaks the rule {error.check}: {detail}; "
                "mend the raw file or the cleaning step that let it through."
            ) from None
        kept.append((Path(relative).stem.replace("_", " "), rows, ", ".join(table.columns)))
    return pd.DataFrame(kept, columns=["table", "rows", "columns"])

import csv
import gzip
import os
from random import Random

import duckdb
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from shops import REAL, REAL_EVENTS, write_shop
from smartrocket import ingestion
from smartrocket.engine import connect, read_parquet
from smartrocket.errors import InputError
from smartrocket.identifiers import LARGEST
from smartrocket.ingestion import ingest
from smartrocket.rawfiles import EVENTS, RawFiles, check_files, find_columns, read_header
from smartrocket.workspace import Workspace

HEADER = "timestamp,visitorid,event,itemid,transactionid\n"
ROW = "1433193132535,1,view,2,\n"
SALE = "1433193132536,1,transaction,2,7\n"


@pytest.fixture(scope="module")
def connection():
    return connect("500MB", 1)


def read(tmp_path, connection, raw: dict) -> dict[str, pd.DataFrame]:
    workspace = Workspace(tmp_path / "build")
    rows = ingest(raw, workspace, connection)
    tables = {name: workspace.read(f"interim/raw_{name}.parquet") for name in rows}
    assert {name: len(table) for name, table in tables.items()} == rows
    return tables


def read_events(tmp_path, connection, text: str) -> list[list]:
    read(tmp_path, connection, write_shop(tmp_path / "raw", text))
    events = pq.read_table(tmp_path / "build" / "interim" / "raw_events.parquet")
    assert events.column_names == ["timestamp", "visitorid", "event", "itemid", "transactionid"]
    return [list(row.values()) for row in events.to_pylist()]


VIEW = [1433193132535, 1, "view", 2, None]


@pytest.mark.parametrize(
    "text",
    [
        HEADER + ROW,
        HEADER + ROW.strip(),
        "\ufeff" + HEADER + ROW,
        (HEADER + ROW).replace("\n", "\r\n"),
        '"timestamp","visitorid","event","itemid","transactionid"\n"1433193132535","1","view","2",""\n',
        HEADER + ROW + "\n\n\n",
        HEADER + "\n" + ROW,
        "timestamp,visitorid,event,itemid\n1433193132535,1,view,2\n",
        "timestamp,visitorid,event,itemid,transactionid,extra,extra\n1433193132535,1,view,2,,a,b\n",
        "timestamp,visitorid,event,itemid,transactionid,,\n1433193132535,1,view,2,,a,b\n",
        "itemid,event,visitorid,timestamp\n2,view,1,1433193132535\n",
        " timestamp , visitorid,event,itemid,transactionid\n1433193132535,1,view,2,\n",
    ],
    ids=[
        "plain",
        "no last line end",
        "BOM",
        "CRLF",
        "quoted",
        "blank last lines",
        "blank first line",
        "no transactionid",
        "other columns twice",
        "columns without a name",
        "another order",
        "blanks in the header",
    ],
)
def test_events_are_read_however_they_are_written(tmp_path, connection, text):
    raw = write_shop(tmp_path / "raw", text)
    check_files(RawFiles.describe(raw))
    assert read_events(tmp_path, connection, text) == [VIEW]


def test_what_is_not_a_number_is_missing_and_stops_nothing(tmp_path, connection):
    odd = "soon,somebody,view,9223372036854775808,NULL\n1433193132535,99999999999999999999999,view,2,-\n"
    rows = read_events(
        tmp_path, connection, HEADER + odd + f"1433193132535,1,view,{LARGEST},\n,,,-{LARGEST},{LARGEST + 1}\n"
    )
    assert rows == [
        [None, None, "view", None, None],
        [1433193132535, None, "view", 2, None],
        [1433193132535, 1, "view", LARGEST, None],
        [None, None, None, -LARGEST, None],
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty: its first line must name the columns"),
        ("\n\n", ", line 1 is empty: it must name the columns"),
        ("\n" + HEADER + ROW, ", line 1 is empty: it must name the columns; remove what stands above them"),
        ("sep=,\n" + HEADER + ROW, "its first line tells spreadsheets how fields are separated; remove that line"),
        ('"timestamp"\t"visitorid"\n1\t1\n', ", line 1: the names of the columns cannot be read ("),
        ('"timestamp"\t"visitorid"\n1\t1\n', "its fields are separated by '\\t'; save it with commas."),
        (HEADER, "has a header but no event"),
        (HEADER.strip(), "has a header but no event"),
        (HEADER + "\n\n", "has a header but no event"),
        ("timestamp,visitorid,event\n1,1,view\n", "has no column 'itemid'"),
        ("Timestamp,visitorid,event,itemid\n1,1,view,1\n", "has no column 'timestamp'"),
        ("timestamp;visitorid;event;itemid\n1;1;view;1\n", "has no column 'timestamp'"),
        ("timestamp,visitorid,event,itemid,itemid\n1,1,view,1,1\n", "names the column 'itemid' twice"),
        (
            HEADER + ROW + "1433193132535,1\n" + ROW,
            "line 3: it has 2 fields, not the 5 columns that the first line names",
        ),
        (
            HEADER + ROW * 3 + "1,1,view,1,,3,4\n",
            "line 5: it has more fields than the 5 columns that the first line names",
        ),
        (HEADER + ROW + '1433193132535,1,"view,2,\n', "line 3: a quote is opened in it and never closed"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_clear_error(tmp_path, connection, text, said):
    raw = write_shop(tmp_path / "raw", text)
    with pytest.raises(InputError) as caught:
        ingest(raw, Workspace(tmp_path / "build"), connection)
    assert str(caught.value).startswith(str(tmp_path / "raw" / "events.csv"))
    assert said in str(caught.value)
    assert not (tmp_path / "build" / "interim" / "raw_events.parquet").exists()


@pytest.mark.parametrize("text", ["", HEADER, HEADER + "\n\n", "timestamp,visitorid,event\n1,1,view\n"])
def test_the_check_before_the_run_finds_what_it_can(tmp_path, text):
    with pytest.raises(InputError):
        check_files(RawFiles.describe(write_shop(tmp_path / "raw", text)))


def test_text_in_another_encoding_is_named(tmp_path, connection):
    raw = write_shop(tmp_path / "raw", "")
    events = tmp_path / "raw" / "events.csv"
    events.write_bytes((HEADER + ROW * 5000).encode() + "1433193132535,1,véw,2,\n".encode("latin-1"))
    with pytest.raises(InputError, match=r"events\.csv, line 5002: it is not UTF-8 text; mend or remove that line"):
        ingest(raw, Workspace(tmp_path / "build"), connection)
    events.write_bytes((HEADER + ROW).encode() + "1433193132535,1,véw,2,\n".encode("latin-1"))
    with pytest.raises(InputError, match=r"events\.csv, line 3: it is not UTF-8 text; mend or remove that line"):
        ingest(raw, Workspace(tmp_path / "build"), connection)
    for strange in (HEADER.replace("event", "évent").encode("latin-1"), HEADER.encode("utf-16-le")):
        events.write_bytes(strange + ROW.encode())
        with pytest.raises(InputError, match=r"events\.csv, line 1 is not UTF-8 text: save the file as CSV in UTF-8"):
            ingest(raw, Workspace(tmp_path / "build"), connection)
    events.write_bytes((HEADER + ROW).encode("utf-16"))
    with pytest.raises(InputError, match=r"is UTF-16 text, not CSV: save it as .* UTF-8"):
        ingest(raw, Workspace(tmp_path / "build"), connection)


def test_missing_events_file_names_the_file_and_its_columns(tmp_path):
    raw = write_shop(tmp_path / "raw", HEADER)
    (tmp_path / "raw" / "events.csv").unlink()
    with pytest.raises(InputError, match=r"events\.csv is missing: .*timestamp, visitorid"):
        RawFiles.describe(raw).present()


def test_columns_are_mapped(tmp_path, connection):
    text = "time,who,event,itemid,visitorid\n1433193132535,1,view,2,3\n"
    raw = write_shop(tmp_path / "raw", text) | {"columns": {"timestamp": "time", "visitorid": "who"}}
    events = read(tmp_path, connection, raw)["events"]
    assert events.visitorid.tolist() == [1]
    assert events.timestamp.tolist() == [1433193132535]
    raw["columns"] = {"itemid": "sku"}
    with pytest.raises(InputError, match=r"has no column 'timestamp'.*columns: \{timestamp: <name in the file>\}"):
        ingest(raw, Workspace(tmp_path / "build"), connection)


def test_properties_and_tree_are_read_and_may_be_absent(tmp_path, connection):
    properties = 'timestamp,itemid,property,value\n1431226800000,2,790,n12.000\n1431226800000,x,888,"a, b"\n'
    raw = write_shop(tmp_path / "raw", HEADER + ROW + SALE, properties, "categoryid,parentid\n1,\n2,1\n")
    tables = read(tmp_path, connection, raw)
    assert tables["events"].transactionid.dropna().tolist() == [7]
    assert tables["properties"].value.tolist() == ["n12.000", "a, b"]
    assert tables["properties"].itemid.isna().tolist() == [False, True]
    assert tables["categories"].parentid.isna().tolist() == [True, False]
    assert len(RawFiles.describe(raw).present()) == 3

    (tmp_path / "raw" / "item_properties.csv").unlink()
    (tmp_path / "raw" / "category_tree.csv").unlink()
    tables = read(tmp_path, connection, raw)
    assert tables["properties"].empty
    assert list(tables["properties"]) == ["timestamp", "itemid", "property", "value"]
    assert tables["categories"].dtypes.astype(str).tolist() == ["int64", "int64"]


def test_files_in_gzip_are_read_under_either_name(tmp_path, connection):
    raw = write_shop(tmp_path / "raw", "", "", "categoryid,parentid\n1,\n") | {"properties": ["a.csv", "b.csv"]}
    (tmp_path / "raw" / "events.csv").unlink()
    (tmp_path / "raw" / "events.csv.gz").write_bytes(gzip.compress((HEADER + ROW * 3).encode("utf-8-sig")))
    header = "timestamp,itemid,property,value\n"
    (tmp_path / "raw" / "a.csv").write_bytes(gzip.compress(f"{header}1,2,790,n1.000\n".encode()))
    (tmp_path / "raw" / "b.csv").write_text(f"{header}2,2,790,n2.000\n")
    tables = read(tmp_path, connection, raw)
    assert len(tables["events"]) == 3
    assert tables["properties"].value.tolist() == ["n1.000", "n2.000"]
    assert RawFiles.describe(raw).present()[0].name == "events.csv.gz"


def test_a_gzip_file_may_be_several_in_one(tmp_path, connection):
    raw = write_shop(tmp_path / "raw", "")
    parts = [gzip.compress(text.encode()) for text in (HEADER + ROW, "", ROW * 2)]
    (tmp_path / "raw" / "events.csv").write_bytes(b"".join(parts))
    assert len(read(tmp_path, connection, raw)["events"]) == 3


@pytest.mark.parametrize("name", ["events.csv", "item_properties.csv", "category_tree.csv"])
def test_a_file_that_is_there_twice_is_not_chosen_between(tmp_path, name):
    raw = write_shop(tmp_path, HEADER + ROW, "timestamp,itemid,property,value\n", "categoryid,parentid\n")
    (tmp_path / f"{name}.gz").write_bytes(gzip.compress((tmp_path / name).read_bytes()))
    with pytest.raises(InputError, match=rf"/{name} and {name}\.gz lie side by side: keep the one"):
        RawFiles.describe(raw).present()


def test_a_file_beside_its_own_parts_is_not_read_twice(tmp_path):
    raw = write_shop(tmp_path, HEADER + ROW, "timestamp,itemid,property,value\n")
    raw["properties"] = ["item_properties_part1.csv", "item_properties_part2.csv", "item_properties.csv"]
    assert len(RawFiles.describe(raw).properties_paths()) == 1
    for part in (1, 2):
        (tmp_path / f"item_properties_part{part}.csv").write_text("timestamp,itemid,property,value\n")
    with pytest.raises(InputError, match=r"/item_properties\.csv and \S+part1\.csv and \S+part2\.csv lie side by side"):
        RawFiles.describe(raw).present()
    (tmp_path / "item_properties.csv").unlink()
    assert len(RawFiles.describe(raw).properties_paths()) == 2


@pytest.mark.parametrize(
    "name",
    [
        "item_properties_part3.csv",
        "Item_Properties_PART3.CSV",
        "item_properties.2.csv.gz",
        "item_properties_part3.csv.zip",
        "ITEM_PROPERTIES.csv",
    ],
)
def test_a_part_that_is_not_read_is_told(tmp_path, name):
    raw = write_shop(tmp_path, HEADER + ROW, "timestamp,itemid,property,value\n")
    (tmp_path / "item_properties.csv.bak").write_text("an older one\n")
    (tmp_path / "item_properties.csv.zip").write_text("the archive that it came in")
    assert len(RawFiles.describe(raw).properties_paths()) == 1
    (tmp_path / name).write_text("timestamp,itemid,property,value\n")
    with pytest.raises(InputError, match=rf"/{name} is not among the files .* raw: properties .*, or take it out"):
        check_files(RawFiles.describe(raw))


@pytest.mark.parametrize(
    ("found", "remedy"),
    [
        ("Events.csv", "rename it to events.csv."),
        ("EVENTS.CSV.GZ", "rename it to events.csv.gz."),
        ("Item_Properties.CSV", "rename it to item_properties.csv."),
        ("Category_Tree.csv", "rename it to category_tree.csv."),
        ("events.csv.zst", "unpack it, compress it with gzip as events.csv.gz, or"),
        ("Item_properties_part2.csv.ZIP", "compress it with gzip as item_properties_part2.csv.gz, or"),
    ],
)
def test_a_file_of_almost_the_name_is_not_passed_over(tmp_path, found, remedy):
    raw = write_shop(tmp_path, HEADER + ROW)
    raw["properties"] = ["item_properties_part1.csv", "item_properties_part2.csv", "item_properties.csv"]
    if found.lower().startswith("events"):
        (tmp_path / "events.csv").unlink()
    (tmp_path / found).write_text(HEADER + ROW)
    with pytest.raises(InputError) as caught:
        check_files(RawFiles.describe(raw))
    assert str(caught.value).startswith(f"{tmp_path / found} is ")
    assert remedy in str(caught.value)


def test_files_of_the_right_names_have_no_similar_ones(tmp_path):
    raw = write_shop(tmp_path, HEADER + ROW)
    # A folder is no file, an archive beside its content does no harm, and of two names in the profile one is enough.
    (tmp_path / "Category_Tree.csv").mkdir()
    (tmp_path / "events.csv.zip").write_bytes(b"PK")
    raw["properties"] = [f"item_properties{part}.csv" for part in ("_part1", "_part2", "", "_PART1")]
    for part in (1, 2):
        (tmp_path / f"item_properties_part{part}.csv").write_text("timestamp,itemid,property,value\n")
    assert [path.name for path in RawFiles.describe(raw).present()] == ["events.csv", *raw["properties"][:2]]
    assert RawFiles.describe(raw | {"folder": str(tmp_path / "absent")}).category_tree_path() is None


@pytest.mark.parametrize("name", ["events.csv", "item_properties.csv", "category_tree.csv.gz"])
def test_a_link_that_leads_nowhere_is_not_passed_over(tmp_path, name):
    raw = write_shop(tmp_path, HEADER + ROW)
    (tmp_path / name).unlink(missing_ok=True)
    (tmp_path / name).symlink_to(tmp_path / "moved away.csv")
    with pytest.raises(InputError, match=rf"/{name} is a link to what is not there: put a CSV file"):
        check_files(RawFiles.describe(raw))
    (tmp_path / name).unlink()
    os.mkfifo(tmp_path / name)
    with pytest.raises(InputError, match=rf"/{name} is no file: put a CSV file"):
        check_files(RawFiles.describe(raw))


def test_columns_may_differ_in_capitals_only(tmp_path, connection):
    raw = write_shop(tmp_path, "timestamp,ID,event,id,transactionid,Id\n1430622100000,7,view,5,,9\n")
    raw["columns"] = {"visitorid": "ID", "itemid": "id"}
    events = read(tmp_path, connection, raw)["events"]
    assert events[["visitorid", "itemid"]].to_numpy().tolist() == [[7, 5]]


@pytest.mark.parametrize("name", ["events.csv", "item_properties.csv.gz", "category_tree.csv"])
def test_a_folder_under_the_name_of_a_file_is_not_passed_over(tmp_path, name):
    raw = write_shop(tmp_path, HEADER + ROW)
    (tmp_path / name).unlink(missing_ok=True)
    (tmp_path / name).mkdir()
    with pytest.raises(InputError, match=rf"/{name} is a folder: put a CSV file"):
        RawFiles.describe(raw).present()


def test_a_damaged_gzip_file_is_named(tmp_path, connection):
    raw = write_shop(tmp_path / "raw", "")
    events = tmp_path / "raw" / "events.csv"
    packed = gzip.compress("".join([HEADER, *(ROW.replace("1,v", f"{row},v") for row in range(50_000))]).encode())
    # The last eight bytes are the sum of the content and its length.
    wrong_sum = packed[:-8] + bytes([packed[-8] ^ 0xFF]) + packed[-7:]
    for content in (packed[:12], packed[:-500], b"\x1f\x8b" + b"x" * 50, wrong_sum, packed + b"\0" * 100):
        events.write_bytes(content)
        with pytest.raises(InputError, match=r"events\.csv is a damaged gzip file"):
            ingest(raw, Workspace(tmp_path / "build"), connection)


def fail_to_write(monkeypatch, error: Exception) -> None:
    def write_parquet(*_):
        raise error

    monkeypatch.setattr(ingestion, "write_parquet", write_parquet)


def test_what_duckdb_says_of_no_file_is_said_of_those_that_were_read(tmp_path, connection, monkeypatch):
    raw = write_shop(tmp_path / "raw", HEADER + ROW)
    fail_to_write(monkeypatch, duckdb.IOException("IO Error: Input is not\na GZIP stream"))
    with pytest.raises(InputError, match=r"/events\.csv cannot be read \(IO Error: Input is not a GZIP stream\): save"):
        ingest(raw, Workspace(tmp_path / "build"), connection)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (duckdb.IOException, 'IO Error: Could not write file "raw_events.parquet": No space left on device'),
        (duckdb.OutOfMemoryException, "Out of Memory Error: failed to allocate data"),
        (duckdb.InterruptException, "INTERRUPT Error: Interrupted!"),
    ],
    ids=["disk", "memory", "interruption"],
)
def test_what_the_machine_lacks_is_not_said_of_a_file(tmp_path, connection, monkeypatch, kind, message):
    raw = write_shop(tmp_path / "raw", HEADER + ROW)
    fail_to_write(monkeypatch, kind(message))
    with pytest.raises(kind) as caught:
        ingest(raw, Workspace(tmp_path / "build"), connection)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PK\x03\x04" + b"x" * 50, r"is a ZIP archive or an Excel workbook, not CSV"),
        (b"PAR1" + b"x" * 50, r"is a Parquet file, not CSV"),
        (HEADER.encode("utf-32"), r"is UTF-32 text, not CSV"),
        (gzip.compress(gzip.compress((HEADER + ROW).encode())), "was compressed with gzip twice: unpack it once"),
        (b"x" * 200_000, "has a first line without an end"),
        (b'"timestamp,visitorid\n1,2\n', "line 1: the names of the columns cannot be read"),
        (b"timestamp;visitorid;event;itemid\n1;1;view;1\n", "separated by ';'; save it with commas"),
        (b"timestamp\tvisitorid\tevent\titemid\n", r"separated by '\\t'; save it with commas"),
        (ROW.encode() * 2, "it begins with a row; write the names of the columns above it"),
        (b"time\0stamp,visitorid,event,itemid\n", r"its first line has: 'time\\x00stamp', visitorid"),
        ((HEADER + ROW * 2).encode() + ROW.encode().replace(b"\n", b"\r\n") * 2 + ROW.encode(), None),
        ((HEADER + ROW).encode() + b"1,1," + b"x" * 5_000_000 + b",2,\n", "line 3: it is longer than 4 megabytes"),
    ],
)
def test_what_is_no_csv_is_told_by_its_kind(tmp_path, connection, content, said):
    raw = write_shop(tmp_path / "raw", "")
    (tmp_path / "raw" / "events.csv").write_bytes(content)
    if said is None:
        assert ingest(raw, Workspace(tmp_path / "build"), connection)["events"] == 5
        return
    with pytest.raises(InputError, match=said) as caught:
        ingest(raw, Workspace(tmp_path / "build"), connection)
    assert len(str(caught.value)) < 600


def write_texts(random: Random, count: int) -> list[str]:
    """Make up descriptions of products, each of 3 to 30 lines."""
    words = ["A fine lamp, made of oak;", "24 cm tall,", '"Nordic"', "style.", "Ships in 3 days, no bulb."]
    return ["\n".join(" ".join(random.choices(words, k=5)) for _ in range(random.randint(3, 30))) for _ in range(count)]


def test_a_line_that_outgrows_every_buffer_is_told_with_its_number(tmp_path, connection):
    raw = write_shop(tmp_path / "raw", HEADER + ROW)
    (tmp_path / "raw" / "events.csv").write_text(HEADER + ROW * 9 + "1433193132535,1," + "x" * 300_000_000 + ",2,\n")
    with pytest.raises(InputError, match=r"events\.csv, line 11: it is longer than 4 megabytes"):
        ingest(raw, Workspace(tmp_path / "build"), connection)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("seed", [1, 3])
def test_texts_of_many_lines_in_a_large_file_are_read_whole(tmp_path, threads, seed):
    """Where DuckDB begins a part in the midst of such a text, it may take it for rows, and these files for damaged."""
    raw = write_shop(tmp_path / "raw", HEADER + ROW)
    # 20 MB of them.
    texts = write_texts(Random(seed), 18_000)
    with (tmp_path / "raw" / "item_properties.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["timestamp", "itemid", "property", "value"])
        writer.writerows((1433000000000 + place, 7, 888, text) for place, text in enumerate(texts))
    workspace = Workspace(tmp_path / "build")
    ingest(raw, workspace, connect("500MB", threads))
    assert pq.read_table(workspace.path("interim/raw_properties.parquet"))["value"].to_pylist() == texts


def test_a_category_tree_with_long_texts_is_read_whole(tmp_path):
    raw = write_shop(tmp_path / "raw", HEADER + ROW)
    random = Random(2)
    texts = write_texts(random, 300)
    with (tmp_path / "raw" / "category_tree.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["categoryid", "parentid", "description"])
        writer.writerows((place, "", random.choice(texts)) for place in range(1, 16_001))
    assert ingest(raw, Workspace(tmp_path / "build"), connect("500MB", 2))["categories"] == 16_000


@pytest.mark.parametrize("rows", [3, 250_000])
def test_a_quote_that_is_never_closed_is_told_with_its_line(tmp_path, connection, rows):
    raw = write_shop(tmp_path / "raw", HEADER + ROW * 2 + '1433193132535,1,"view,2,\n' + ROW * rows)
    with pytest.raises(InputError, match=r"events\.csv, line 4: a quote is opened in it and never closed"):
        ingest(raw, Workspace(tmp_path / "build"), connection)


def test_a_blank_behind_a_closed_quote_is_no_mistake(tmp_path, connection):
    raw = write_shop(tmp_path / "raw", HEADER + ROW)
    text = "\n".join(["intro", *["1433000000001,9,12,looks like a row"] * 2000, "end"])
    (tmp_path / "raw" / "item_properties.csv").write_text(
        "timestamp,itemid,property,value\n" + f'1433000000000,7,"888" ,"{text}"\n' * 400
    )
    assert ingest(raw, Workspace(tmp_path / "build"), connection)["properties"] == 400


def test_a_mistake_below_texts_of_several_lines_is_told_with_its_line(tmp_path, connection):
    raw = write_shop(tmp_path / "raw", HEADER + ROW)
    text = '1433000000000,7,888,"one\ntwo\n\nfour"\n'
    (tmp_path / "raw" / "item_properties.csv").write_text(
        "timestamp,itemid,property,value\n" + text * 10 + "\n1433000000000,7,888,9,9\n"
    )
    with pytest.raises(InputError, match=r"item_properties\.csv, line 43: it has more fields than the 4 columns"):
        ingest(raw, Workspace(tmp_path / "build"), connection)


@pytest.mark.parametrize("name", ["shop [1]", "shop*", "shop?", "itemid=7", "column_0=5"])
def test_the_name_of_a_folder_is_no_pattern_and_no_column(tmp_path, connection, name):
    for other in ("shop 1", "shop1", "shops"):
        ingest(
            write_shop(tmp_path / other / "raw", HEADER + ROW * 9), Workspace(tmp_path / other / "build"), connection
        )
    raw = write_shop(tmp_path / name / "raw", HEADER + ROW * 2)
    workspace = Workspace(tmp_path / name / "build")
    assert ingest(raw, workspace, connection)["events"] == 2
    events = read_parquet(connection, workspace.path("interim/raw_events.parquet")).to_pandas()
    assert events.columns.tolist() == ["timestamp", "visitorid", "event", "itemid", "transactionid"]
    assert events.itemid.tolist() == [2, 2]
    assert workspace.read("interim/raw_events.parquet").itemid.tolist() == [2, 2]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("shop \\ [1]", r"shop \\ \[1\].raw.events\.csv has a backslash beside one of \* \? \["),
        ("shop\\*", "has a backslash beside"),
        (os.fsdecode(b"caf\xe9"), r"caf.udce9.raw.events\.csv' is no path in UTF-8: rename"),
    ],
)
def test_a_path_that_no_engine_can_open_is_one_clear_error(tmp_path, name, words):
    raw = write_shop(tmp_path / name / "raw", HEADER + ROW)
    with pytest.raises(InputError, match=words):
        check_files(RawFiles.describe(raw))


@pytest.mark.parametrize("name", ["shop\\1", "café [1]", "a\tb", "'both' \"kinds\""])
def test_a_project_and_a_shop_may_lie_in_folders_of_unusual_names(tmp_path, connection, monkeypatch, name):
    raw = write_shop(tmp_path / name / "raw", HEADER + ROW * 2)
    monkeypatch.chdir(tmp_path / name)
    check_files(RawFiles.describe(raw))
    workspace = Workspace(tmp_path / name / "build")
    assert ingest(raw, workspace, connection)["events"] == 2
    assert workspace.read("interim/raw_events.parquet").itemid.tolist() == [2, 2]


def test_lines_that_end_in_two_ways_are_one_clear_error(tmp_path, connection):
    raw = write_shop(tmp_path / "raw", (HEADER + SALE).replace("\n", "\r\n") + SALE)
    with pytest.raises(InputError, match=r"events\.csv cannot be read .* some of its lines end in CR LF"):
        ingest(raw, Workspace(tmp_path / "build"), connection)


def test_only_whole_numbers_are_ids(tmp_path, connection):
    ids = ["7", "7.0", " +7 ", "-7", "7.5", "1e3", "0x10", "1_000", "", "9223372036854775808"]
    rows = read_events(tmp_path, connection, HEADER + "".join(f"1433193132535,1,view,{each},\n" for each in ids))
    assert [row[3] for row in rows] == [7, 7, 7, -7, None, None, None, None, None, None]


def test_a_parent_that_is_no_number_does_not_make_a_root(tmp_path, connection):
    raw = write_shop(tmp_path / "raw", HEADER + ROW, tree="categoryid,parentid\n1, \n2,none\n")
    with pytest.raises(
        InputError, match=r"category_tree\.csv: category '2' has the parent 'none', which is not a number"
    ):
        ingest(raw, Workspace(tmp_path / "build"), connection)


def test_the_other_files_are_checked_before_anything_runs(tmp_path):
    raw = write_shop(tmp_path / "raw", HEADER + ROW, "timestamp,item,property,value\n")
    with pytest.raises(InputError, match=r"item_properties\.csv has no column 'itemid'"):
        check_files(RawFiles.describe(raw))
    raw = write_shop(tmp_path / "raw", HEADER + ROW, "timestamp,itemid,property,value\n", "id,parentid\n")
    with pytest.raises(InputError, match=r"category_tree\.csv has no column 'categoryid'"):
        check_files(RawFiles.describe(raw))


def test_a_column_cannot_be_mapped_twice(tmp_path):
    raw = write_shop(tmp_path / "raw", HEADER + ROW) | {"columns": {"visitorid": "itemid"}}
    with pytest.raises(InputError, match=r"take 'itemid' for visitorid and itemid: map each to its own column"):
        check_files(RawFiles.describe(raw))


def test_a_file_that_may_not_be_read_is_named(tmp_path, monkeypatch):
    raw = write_shop(tmp_path / "raw", HEADER + ROW)

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    files = RawFiles.describe(raw)
    monkeypatch.setattr("pathlib.Path.open", refuse)
    with pytest.raises(InputError, match=r"events\.csv cannot be read \(Permission denied\)"):
        check_files(files)


def test_several_property_files_are_one_table_and_a_bad_line_names_its_file(tmp_path, connection):
    raw = write_shop(tmp_path / "raw", HEADER + ROW) | {"properties": ["a.csv", "b.csv", "absent.csv"]}
    header = "timestamp,itemid,property,value\n"
    (tmp_path / "raw" / "a.csv").write_text(header + "1,2,790,n1.000\n")
    (tmp_path / "raw" / "b.csv").write_text(header)
    assert len(read(tmp_path, connection, raw)["properties"]) == 1
    # Parts of other columns, or in another order of columns, are put together just so, in the order of the profile.
    (tmp_path / "raw" / "b.csv").write_text(header + "2,3,790,n2.000\n3,3,790,n3.000\n")
    (tmp_path / "raw" / "absent.csv").write_text("value,property,itemid,timestamp\nn4.000,790,4,4\n")
    properties = read(tmp_path, connection, raw)["properties"]
    assert properties.timestamp.tolist() == [1, 2, 3, 4]
    assert properties.value.tolist() == ["n1.000", "n2.000", "n3.000", "n4.000"]
    (tmp_path / "raw" / "b.csv").write_text(header + "1,2,790\n")
    with pytest.raises(InputError, match=r"b\.csv, line 2: it has 3 fields"):
        ingest(raw, Workspace(tmp_path / "build"), connection)


def test_a_header_is_read_and_its_columns_are_found(tmp_path):
    path = tmp_path / "events.csv"
    path.write_text('\ufeff"time", visitorid ,event,itemid\n', encoding="utf-8")
    assert read_header(path) == ["time", "visitorid", "event", "itemid"]
    header, names = find_columns(path, EVENTS, {"timestamp": "time"})
    assert header == read_header(path)
    assert names["timestamp"] == "time"
    assert names["transactionid"] == "transactionid"


@pytest.mark.skipif(not REAL_EVENTS.exists(), reason="the real rows are not here")
def test_real_rows(tmp_path, connection):
    raw = write_shop(tmp_path / "raw", "") | {"folder": str(REAL), "events": REAL_EVENTS.name}
    tables = read(tmp_path, connection, raw)
    events = tables["events"]
    assert len(events) == 9385
    assert (events.event == "transaction").sum() == 46
    assert events.visitorid[events.event == "transaction"].nunique() == 39
    assert len(tables["categories"]) == 1669
    assert events.notna().all()[["timestamp", "visitorid", "event", "itemid"]].all()


def test_a_large_sorted_file_stays_in_its_order(tmp_path):
    rows = 500_000
    times = 1430622004384 + np.arange(rows)
    (tmp_path / "events.csv").write_text(
        "timestamp,visitorid,event,itemid,transactionid\n" + "\n".join(f"{time},1,view,2," for time in times) + "\n"
    )
    workspace = Workspace(tmp_path / "build")
    raw = {"folder": str(tmp_path), "events": "events.csv", "properties": [], "category_tree": "none", "columns": {}}
    ingest(raw, workspace, connect(threads=2))
    assert (workspace.read("interim/raw_events.parquet").timestamp.to_numpy() == times).all()

"""The data stages on Spark make the tables that they make on DuckDB."""

import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path

import ibis
import nbformat
import pyarrow.parquet as pq
import pytest

import comparison
import library_stages
import stages
from shops import write_shop
from smartrocket import spark
from smartrocket.engine import connect
from smartrocket.errors import InputError
from smartrocket.files import ROOT
from smartrocket.generator import generate
from smartrocket.ingestion import ingest
from smartrocket.preparation import describe_shop
from smartrocket.profiles import Profile, load_profile, resolve
from smartrocket.rawfiles import RawFiles
from smartrocket.workspace import Workspace

pytestmark = pytest.mark.spark

ENGINES = ("duckdb", "spark")
# A log that is not in order: numbers as pandas writes them, blanks, capitals, quotes, empty fields, a repeated row.
ODD_EVENTS = """1430622100000.0,7,view,5,
1430622100001,7, View ,5,
1430622100002,7,"ADDTOCART",5.0,
1430622100003,7,transaction,5,12.0
1430622100004,seven,view,5,
1430622100005,7,view,,
1430622100006,7,"view
",5,
1430622100007,7,wish,5,
,7,view,5,
12,7,view,5,
1430622100003,7,transaction,5,12.0
\v1430622100008,7,view,5,
1430622100009\u2028,7,view,5,
1430622100010,7,\vview,5,
1430622100011,7,view\u2028,5,
1430622100012,7\f,view,5d,
1430622100013,7,view,1_0,
1430622100014,7,VİEW,5,
1430622100015,7,vıew,5,
1430622100016,7,Ｖiew,5,
"""
ODD_PROPERTIES = f"""1431226800000,5,790,n12.500
1431226800000,5,790,n13.500
1431226800000,5,categoryid,none
1431226800000,5,available,2
1431226800000,5,790,-4
1431226800001,5,790,n1_0
1431226800002,5,790,n5d
1431226800003,5,790,n5f
1431226800004,5,790,5D
1431226800005,5,790,Infinity
1431226800006,5,790,1e400
1431226800007,5,790,\v5
1431226800008,5,790,5\u2028
1431226800009,5,790, +5e-1\f
1431226800010,5,790,n.5
\v1431226800011,5,790,n5
1431226800012,5,categoryid,\v5
1431226800013,5,name," a  red
lamp "
1431226800014,5,name,\t
1431226800015,5,name,{"y" * 150}
1431226800000,5,888,"two, with ""quotes"" and
a second line"
"""
EVENTS = "timestamp,visitorid,event,itemid,transactionid\n1,2,view,3,\n"
PROPERTIES = "timestamp,itemid,property,value\n"
# A small Spark: it starts without the second compiler of Java, which pays for long runs only.
SMALL = """spark.master local[2]
spark.driver.memory 1g
spark.driver.host localhost
spark.driver.bindAddress 127.0.0.1
spark.driver.extraJavaOptions -XX:TieredStopAtLevel=1 -XX:+UseSerialGC
spark.sql.shuffle.partitions 2
spark.sql.codegen.wholeStage false
spark.ui.enabled false
"""


@pytest.fixture(scope="module")
def small_spark(tmp_path_factory):
    """Have Spark read its settings from a file, as on a cluster. Fails in one line where Java is missing."""
    if importlib.util.find_spec("pyspark") is None:
        pytest.fail("PySpark is missing: pip install -r requirements-spark.lock", pytrace=False)
    if spark.find_java() is None:
        pytest.fail("Java is missing: apt install openjdk-17-jre-headless", pytrace=False)
    folder = tmp_path_factory.mktemp("spark")
    (folder / "spark-defaults.conf").write_text(SMALL + f"spark.local.dir {folder}\n", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARK_CONF_DIR", str(folder))
        yield connect(engine="spark")


@dataclass(frozen=True)
class Run:
    """A run's folder, the parameters of its notebooks, and the profile and raw files that they come from."""

    folder: Path
    parameters: dict
    profile: Profile


@pytest.fixture(scope="module")
def run(small_spark, tmp_path_factory) -> Run:
    """The ci shop with odd rows in its files, of which both engines have made all tables."""
    folder = tmp_path_factory.mktemp("parity")
    profile = load_profile("ci")
    raw = folder / "raw"
    generate(profile.shop.generate, raw)
    # With the rows that follow it is no longer the shop of a design.
    profile.shop.generate = None
    for name, rows in {"events.csv": ODD_EVENTS, "item_properties_part2.csv": ODD_PROPERTIES}.items():
        with (raw / name).open("a", encoding="utf-8") as file:
            file.write(rows)
    parameters = resolve(profile, "ci", "the test shop")
    parameters["01_eda"]["raw"]["folder"] = str(raw)
    for engine in ENGINES:
        given = {notebook: values | {"engine": engine} for notebook, values in parameters.items()}
        for stage in stages.TABLES:
            stages.run(library_stages.STAGES[stage], folder / engine, given)
    return Run(folder, parameters, profile)


def run_cells(notebook: str, parameters: dict) -> None:
    """Run the code of a notebook with other parameters, in this process, which has Spark started."""
    cells = nbformat.read(ROOT / "notebooks" / f"{notebook}.ipynb", as_version=4).cells
    names = {}
    for cell in cells:
        if cell.cell_type == "code":
            exec(cell.source, names)
            if "parameters" in cell.metadata.get("tags", []):
                names |= parameters


def compare(folder: Path, stage: str, engines: tuple[str, str]) -> None:
    """Ask that two engines have made equal tables, with columns of equal types, and that there is something in them."""
    assert comparison.compare_stage(folder, stage, engines) is None
    for table in stages.TABLES[stage]:
        schemas = [pq.read_schema(stages.find_table(folder / engine, table)) for engine in engines]
        columns = [[(field.name, field.type) for field in schema] for schema in schemas]
        assert columns[0] == columns[1], table
        assert pq.read_metadata(stages.find_table(folder / engines[1], table)).num_rows > 0, table


@pytest.mark.parametrize("stage", stages.TABLES)
def test_both_engines_make_the_same_tables(run, stage):
    compare(run.folder, stage, ENGINES)


@pytest.mark.nightly
def test_the_whole_notebooks_make_the_same_tables_on_spark(run):
    """With all their figures, and what the dashboard loads."""
    build, raw = run.folder / "notebooks", RawFiles.describe(run.parameters["01_eda"]["raw"])
    describe_shop(run.profile, "ci", "the test shop", raw, build)
    for notebook in stages.NOTEBOOKS:
        run_cells(notebook, run.parameters[notebook] | {"build": str(build), "engine": "spark"})
    for stage in stages.TABLES:
        compare(run.folder, stage, ("duckdb", "notebooks"))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('2,1,888,"abc', "line 3: a quote is opened in it and never closed"),
        ('2,1,888,"a"x', "line 3: a quote is opened in it and never closed, or text follows one that is closed"),
        ("2,1,888", "line 3: it has 3 fields, not the 4 columns that the first line names"),
        ("2,1,888,abc,d", "line 3: it has more fields than the 4 columns that the first line names"),
        ("2,1,888," + "x" * 5_000_000, "line 3: it is longer than 4 megabytes"),
    ],
    ids=["open quote", "text after a quote", "short", "long", "megabytes"],
)
def test_a_line_that_duckdb_refuses_is_refused_in_its_words(small_spark, tmp_path, line, said):
    raw = write_shop(tmp_path / "shop", EVENTS, f"{PROPERTIES}1,1,888,x\n{line}\n3,1,888,y\n")
    with pytest.raises(InputError, match=rf"/item_properties\.csv, {said}"):
        ingest(raw, Workspace(tmp_path / "build"), small_spark)


def test_a_comma_at_the_end_of_a_line_is_no_field(small_spark, tmp_path):
    raw = write_shop(tmp_path / "shop", EVENTS, f"{PROPERTIES}1,1,888,x\n2,1,888,y,\n3,1,888,z\n")
    workspace = Workspace(tmp_path / "build")
    ingest(raw, workspace, small_spark)
    assert workspace.read("interim/raw_properties.parquet").value.tolist() == ["x", "y", "z"]


def test_what_spark_reads_otherwise_is_not_kept(small_spark, tmp_path, monkeypatch):
    raw = write_shop(tmp_path / "shop", EVENTS)
    read_csv = spark.read_csv
    monkeypatch.setattr(spark, "read_csv", lambda *given: read_csv(*given).mutate(column_2=ibis.literal("views")))
    with pytest.raises(InputError, match=r"/events\.csv: Spark does not read the same .*save it anew .*: duckdb"):
        ingest(raw, Workspace(tmp_path / "build"), small_spark)
    assert not (tmp_path / "build" / "interim" / "raw_events.parquet").exists()


def test_what_is_missing_is_said_with_the_remedy(monkeypatch, tmp_path):
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(InputError, match=r"needs Java 17.*engine: duckdb"):
        spark.connect("1GB", 1, tmp_path)
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    with pytest.raises(InputError, match=r"needs the package pyspark"):
        spark.connect("1GB", 1, tmp_path)


def test_on_this_machine_spark_takes_the_profile_s_threads_and_memory(monkeypatch, tmp_path):
    monkeypatch.delenv("SPARK_CONF_DIR", raising=False)
    settings = spark.list_settings("1.5GB", 3, tmp_path)
    assert (settings["spark.master"], settings["spark.driver.memory"]) == ("local[3]", "1500m")
    monkeypatch.setenv("SPARK_CONF_DIR", str(tmp_path))
    assert "spark.master" not in spark.list_settings("1.5GB", 3, tmp_path)

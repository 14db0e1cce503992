"""The folder of one build: what each stage leaves and the next one reads."""

from pathlib import Path
from typing import TYPE_CHECKING

from smartrocket.errors import InputError
from smartrocket.files import ROOT, read_json

if TYPE_CHECKING:
    # The process that starts a notebook needs a build's paths alone, and pandas takes half a second.
    import pandas as pd

# Which notebook writes which folder or file, for the message when something is missing.
WRITERS = {
    "raw": "the generator (`make report` runs it)",
    "interim/raw_": "notebook 01_eda",
    "interim/": "notebook 02_cleaning",
    "processed/forecasts": "notebook 05_forecast_tuning",
    "processed/": "notebook 03_features",
    "models/forecast_baseline": "notebook 04_forecast_lightgbm",
    "models/forecast_tuned": "notebook 05_forecast_tuning",
    "models/gru4rec_baseline": "notebook 06_gru4rec_baseline",
    "models/gru4rec_tuned": "notebook 07_gru4rec_tuning",
    "models/explorer": "notebook 07_gru4rec_tuning",
    "models/forecast": "notebook 05_forecast_tuning",
    "models/": "notebook 07_gru4rec_tuning",
    "dashboard/shop": "notebook 03_features",
    "results/": "the notebook of that name",
}


class Workspace:
    """The folder `build/<profile>/`, given as a path relative to the project's root or as an absolute one."""

    def __init__(self, build: str | Path):
        """Point at a build folder; it is made when the first file is written into it.

        `opened` collects what is read from it, for the manifest.
        """
        self.folder = (ROOT / build).resolve()
        self.opened: set[str] = set()
        self.raw = self.folder / "raw"
        self.interim = self.folder / "interim"
        self.processed = self.folder / "processed"
        self.models = self.folder / "models"
        self.results = self.folder / "results"
        self.measures = self.folder / "measures"
        self.figures = self.folder / "figures"

    def path(self, relative: str) -> Path:
        """Return the path of a file of this build, whether it exists or not."""
        return self.folder / relative

    def existing(self, relative: str) -> Path:
        """Return the path of a file that an earlier stage left.

        Raises InputError when it is missing, naming the notebook that writes it.
        """
        path = self.path(relative)
        if not path.exists():
            writer = next((by for start, by in WRITERS.items() if relative.startswith(start)), "an earlier stage")
            raise InputError(f"{path} is missing: it is written by {writer}; run that first, or `make report`.")
        self.opened.add(relative)
        return path

    def read(self, relative: str, columns: list[str] | None = None, event: str | None = None) -> "pd.DataFrame":
        """Read a Parquet file of this build, of events only those of the kind `event` where one is named.

        Whole numbers with gaps are Int64: as floats, long ids would run into each other. Raises InputError when the
        file is missing.
        """
        import pandas as pd
        import pyarrow as pa
        import pyarrow.parquet as pq

        path = self.existing(relative)
        filters = None if event is None else [("event", "==", event)]
        frame = pd.read_parquet(path, columns=columns, filters=filters)
        ids = [field.name for field in pq.read_schema(path) if field.type == pa.int64() and field.name in frame]
        gaps = [name for name in ids if frame[name].dtype != "int64"]
        exact = pq.read_table(path, columns=gaps, filters=filters)
        return frame.assign(**exact.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get))

    def read_json(self, relative: str) -> dict:
        """Read a JSON file of this build. Raises InputError when it is missing."""
        return read_json(self.existing(relative))

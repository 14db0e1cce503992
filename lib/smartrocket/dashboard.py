"""The dashboard's part of publishing: its data and its chart library go into the rendered site."""

import shutil
from pathlib import Path

import plotly

from smartrocket.dashboard_scripts import FOLDER, write_call
from smartrocket.files import write_text
from smartrocket.workspace import Workspace

PLOTLY = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"


def install(workspace: Workspace, site: Path) -> None:
    """Copy a build's dashboard data, and the chart library out of its Python package, into a rendered site.

    `data/contents.js` lists what is there, since a page must not ask for a file that is not. Without any data the
    pages say that there is nothing to show.
    """
    data = site / "dashboard" / "data"
    data.mkdir(parents=True, exist_ok=True)
    names = []
    for path in sorted(workspace.path(FOLDER).glob("*.js")):
        shutil.copyfile(path, data / path.name)
        names.append(path.stem)
    write_text(data / "contents.js", write_call("contents", {"names": names}))
    shutil.copyfile(PLOTLY, site / "dashboard" / PLOTLY.name)

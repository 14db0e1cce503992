"""The shop that the data stages are measured on: its raw files, and the parameters of its notebooks.

Prepares a run's folder as `make report` prepares a build: notebooks/ is the build, and parameters.json holds the
parameters of the data notebooks, with which the engines run the same stages.
"""

import argparse
from pathlib import Path

import yaml

from smartrocket.files import ROOT, write_json, write_text
from smartrocket.preparation import describe_shop, generate_once, link_shop
from smartrocket.profiles import load_profile, resolve
from smartrocket.rawfiles import RawFiles
from smartrocket.shop_design import retailrocket_design
from stages import NOTEBOOKS

TITLE = "the shop of the benchmark"


def prepare(folder: Path, scale: float, raw: Path | None) -> dict[str, dict]:
    """Generate a shop of RetailRocket's size times `scale`, or take the files in `raw`, and write all parameters.

    They are those of RetailRocket's profile. `folder` must lie below build/. Returns them: notebook -> name -> value.
    """
    profile = load_profile("retailrocket")
    profile.raw.folder = None
    build = folder / "notebooks"
    if raw:
        link_shop(build, raw)
    else:
        profile.shop.generate = retailrocket_design(scale)
        generate_once(profile, build)
    name = str(build.relative_to(ROOT / "build"))
    resolved = resolve(profile, name, TITLE)
    parameters = {notebook: resolved[notebook] for notebook in NOTEBOOKS}
    parameters["01_eda"]["raw"]["folder"] = str(build / "raw")
    describe_shop(profile, name, TITLE, RawFiles.describe(parameters["01_eda"]["raw"]), build)
    for notebook, values in parameters.items():
        write_text(build / "params" / f"{notebook}.yaml", yaml.safe_dump(values, sort_keys=False))
        # A manifest quotes the library's modules from here; a benchmark has no use for it.
        write_json(build / "inputs" / f"{notebook}.json", {"modules": {}})
    write_json(folder / "parameters.json", parameters)
    return parameters


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="folder of the run")
    parser.add_argument("--scale", type=float, default=1.0, help="size of the shop, 1 = RetailRocket's")
    parser.add_argument("--raw", type=Path, help="folder of raw files to take instead of generating a shop")
    options = parser.parse_args()
    prepare(options.folder, options.scale, options.raw)

"""What comes before the first notebook: check the profile and the raw files, and note what each stage depends on.

Everything here is written only where it changed, so that make sees by the files' times what is stale.
"""

import ast
import json
import shlex
import shutil
from functools import cache
from pathlib import Path

import yaml

from smartrocket.download import BY_HAND, FOLDER, PUBLISHED
from smartrocket.errors import InputError
from smartrocket.files import ROOT, hash_file, is_utf8, read_json, remove, replacing, write_if_changed, write_json
from smartrocket.lock import remove_unfinished
from smartrocket.profiles import UNWRITABLE, Profile, load_profile, resolve
from smartrocket.rawfiles import RawFiles, check_files

LIBRARY = Path(__file__).parent
# Where a statement of Python holds further statements.
BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")


def prepare(name: str, shop: str | None = None) -> None:
    """Check a profile and its raw files, and write what the notebooks start from.

    `shop` is the folder of a shop's files (profile own_shop). Removes what a killed build left half written. Writes
    into `build/<name>/`: params/<notebook>.yaml, inputs/<notebook>.json, inputs/publish.json, shop.json and, for a
    generated shop, raw/. Raises InputError for anything wrong, before anything runs.
    """
    check_place(ROOT)
    profile = load_profile(name)
    build = ROOT / "build" / name
    remove_unfinished(ROOT, build)
    if shop is not None:
        check_shop(profile, name, shop)
        link_shop(build, Path(shop))
    if profile.shop.generate is not None:
        generate_once(profile, build)
    title = profile.shop.title or name_shop(build)
    parameters = resolve(profile, name, title)
    raw = RawFiles.describe(parameters["01_eda"]["raw"])
    if raw.folder == FOLDER.resolve():
        check_download()
    check_files(raw)
    for notebook, values in parameters.items():
        check_parameters(notebook, values)
        write_if_changed(build / "params" / f"{notebook}.yaml", yaml.safe_dump(values, sort_keys=False))
        code = "\n".join(source for source, _ in read_code(notebook))
        inputs = {"modules": hash_modules(find_modules(code)), "parameters": values}
        if notebook == "01_eda":
            inputs["raw"] = fingerprint(raw)
        write_if_changed(build / "inputs" / f"{notebook}.json", dump(inputs))
    describe_shop(profile, name, title, raw, build)
    publishing = hash_modules(find_modules("from smartrocket import publishing"))
    site = {"profile": name, "modules": publishing, "renderer": shutil.which("quarto") or "fallback"}
    # One file for all profiles: the site is the report of one shop, and another shop's report replaces it.
    noted = ROOT / "build" / "site.json"
    built = ROOT / "_site" / "built.json"
    if built.exists() and read_profile(built) != name:
        # Another make may have published since this profile was last prepared. Both go, since the make that called has
        # already looked at the site's time: what it sees is that site.json is newer.
        remove(built)
        remove(noted)
    write_if_changed(noted, dump(site))


def check_place(folder: Path) -> None:
    """Raise InputError where the project lies in a folder that a library cannot be told of.

    papermill takes what stands in braces for a parameter, DuckDB a backslash for a slash, and others read UTF-8 alone.
    """
    wrong = [sign for sign in "{}\\" if sign in str(folder)]
    if wrong:
        raise InputError(f"the project's folder has a {wrong[0]} in its path, {folder}: rename that folder.")
    if not is_utf8(str(folder)):
        raise InputError(f"the project's folder has no path in UTF-8, {str(folder)!a}: rename that folder.")


def read_profile(built: Path) -> str | None:
    """Return the profile whose report the site holds, as its built.json says; None where that cannot be read."""
    try:
        return read_json(built)["profile"]
    except (OSError, ValueError, LookupError, TypeError):
        return None


def dump(value: object) -> str:
    """Return JSON text, the same for equal values."""
    return json.dumps(value, indent=1, sort_keys=True) + "\n"


def check_shop(profile: Profile, name: str, shop: str) -> None:
    """Raise InputError where a shop's folder is given with a profile that has other data of its own."""
    if name != "own_shop":
        raise InputError(f"SHOP={shop} goes with profile own_shop, not with {name}: give SHOP or PROFILE, not both.")
    if profile.shop.generate is not None:
        raise InputError("params/own_shop.yaml generates a shop (shop: generate): take that out to use SHOP.")
    if profile.raw.folder is not None:
        raise InputError(f"params/own_shop.yaml sets raw: folder to {profile.raw.folder!r}: take that out to use SHOP.")


def link_shop(build: Path, folder: Path) -> None:
    """Make `raw` in the build folder point at the shop's own folder, so that no path of it enters the report.

    Raises InputError when the folder does not exist.
    """
    if not folder.is_dir():
        raise InputError(f"SHOP={folder} is not a folder: give the folder that holds the shop's events.csv.")
    link = build / "raw"
    build.mkdir(parents=True, exist_ok=True)
    if not link.is_symlink() or link.resolve() != folder.resolve():
        remove(link)
        link.symlink_to(folder.resolve(), target_is_directory=True)


def name_shop(build: Path) -> str:
    """Name a shop after the folder of its files."""
    raw = build / "raw"
    name = raw.resolve().name if raw.is_symlink() else build.name
    return UNWRITABLE.sub("\N{REPLACEMENT CHARACTER}", name)


def check_download() -> None:
    """Raise InputError where one of RetailRocket's files is missing, saying how to get it."""
    missing = [name for name in PUBLISHED if not (FOLDER / name).is_file()]
    if missing:
        raise InputError(f"data/raw/retailrocket/ lacks {', '.join(missing)}: run `make data`, or {BY_HAND}")


def generate_once(profile: Profile, build: Path) -> None:
    """Generate the shop of a profile where its design, or the generator, has changed."""
    design = {
        "design": profile.shop.generate.model_dump(mode="json"),
        "modules": hash_modules({"generator"}),
    }
    raw = build / "raw"
    made = build / "design.json"
    if not raw.is_symlink() and made.exists() and read_json(made) == design and (raw / "events.csv").exists():
        return
    made.unlink(missing_ok=True)
    # Loaded where a shop is made, which is seldom: each call of make comes by here.
    from smartrocket.generator import generate

    if raw.is_symlink():
        # A link leads to somebody's own files; a generated shop never takes their place.
        raw.unlink()
    rows = generate(profile.shop.generate, raw)
    write_json(made, design)
    print(
        f"generated the {build.name} shop: {', '.join(f'{count:,} {file}' for file, count in rows.items())}", flush=True
    )


def check_parameters(notebook: str, values: dict) -> None:
    """Make sure that the notebook's `parameters` cell names exactly these parameters.

    papermill only warns of a parameter that a notebook does not know. Raises InputError.
    """
    tagged = [code for code, tags in read_code(notebook) if "parameters" in tags]
    if len(tagged) != 1:
        raise InputError(f"notebooks/{notebook}.ipynb must have one cell tagged 'parameters', not {len(tagged)}.")
    declared = {
        target.id
        for statement in ast.parse(tagged[0]).body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name)
    }
    for name in sorted(declared ^ set(values)):
        where = "the profile does not give it" if name in declared else "its parameters cell does not have it"
        raise InputError(f"notebooks/{notebook}.ipynb: parameter {name!r}: {where}; make them agree.")


def read_code(notebook: str) -> list[tuple[str, list[str]]]:
    """Return the code and the tags of each code cell of a notebook. Raises InputError where it is no notebook."""
    path = ROOT / "notebooks" / f"{notebook}.ipynb"
    try:
        # As plain JSON: nbformat takes over a second to import, in every call of make.
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"notebooks/{notebook}.ipynb cannot be read as a notebook ({error}): restore it.") from None
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    return [("".join(cell["source"]), cell["metadata"].get("tags", [])) for cell in code]


def find_modules(code: str) -> set[str]:
    """Name the library's modules that some code imports, directly or through other modules."""
    found: set[str] = set()
    waiting = list(imported(code))
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += imported((LIBRARY / f"{name}.py").read_text(encoding="utf-8"))
    return found


@cache
def imported(code: str) -> set[str]:
    """Name the library's modules that some code imports itself. Kept, since all notebooks share most modules."""
    names: set[str] = set()
    waiting: list[ast.AST] = [ast.parse(code)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.ImportFrom) and node.module == "smartrocket":
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("smartrocket."):
            names.add(node.module.split(".")[1])
        # Only statements hold statements; to look into every expression would take most of the time.
        waiting += [inner for block in BLOCKS for inner in getattr(node, block, [])]
    return names


def hash_modules(names: set[str]) -> dict[str, str]:
    """Return the SHA-256 of each named module of the library."""
    return {name: hash_file(LIBRARY / f"{name}.py") for name in sorted(names)}


def fingerprint(raw: RawFiles) -> list[list]:
    """Return what tells each raw file from any other, and from itself before a change, without reading it.

    Another shop's file may have the same size and time, as `cp -p` and tar leave them; nobody chooses its number on the
    disk, and when the system last wrote of it.
    """
    stats = [(path.name, path.stat()) for path in raw.present()]
    return [[name, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino] for name, stat in stats]


def describe_shop(profile: Profile, name: str, title: str, raw: RawFiles, build: Path) -> None:
    """Write shop.json: what the report must know of the shop before it reads any result."""
    command = "make report"
    if name == "own_shop":
        command += f" SHOP={shlex.quote(raw.folder.name)}"
    elif name != "sample":
        command += f" PROFILE={name}"
    shop = {
        "profile": name,
        "title": title,
        "generated": profile.shop.generate is not None,
        "has_properties": bool(raw.properties_paths()),
        "has_category_tree": raw.category_tree_path() is not None,
        "command": command,
    }
    write_if_changed(build / "shop.json", dump(shop))


def copy_lab(name: str) -> None:
    """Copy a finished build to `build/lab/`, where notebooks opened by hand read and write.

    So whatever is tried there, the report and its results stay what make built.
    """
    with replacing(ROOT / "build" / "lab") as lab:
        shutil.copytree(ROOT / "build" / name, lab, symlinks=True)

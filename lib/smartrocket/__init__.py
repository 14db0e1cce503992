"""SmartRocket Analytics: from a shop's raw click log to a published report."""

import marshal
import os
import sys
from contextlib import suppress
from importlib.util import cache_from_source

# A waiting thread spins for some microseconds and then sleeps: spinning on slows training many times over when the
# cores are shared, and sleeping at once halves its speed when they are not. OpenMP reads this when it is loaded, so
# it stands before any import that loads it.
os.environ.setdefault("GOMP_SPINCOUNT", "3000")

# jsonschema, by which notebooks are checked, would have this package build a grammar of web addresses in every process,
# for more than a second, to check a kind of text that no notebook has to hold. Without the package it goes without.
sys.modules.setdefault("rfc3987_syntax", None)


def drop_torn_bytecode(folder: str) -> None:
    """Remove the compiled modules that were cut short in a folder; those that are whole stay.

    Where the disk is full while Python (before 3.12.8 and 3.13.1) compiles a module, it keeps what could be written,
    and every later run ends in an EOFError when it reads that.
    """
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if not entry.name.endswith(".pyc"):
                continue
            with open(entry.path, "rb") as file:
                content = file.read()
            try:
                # Sixteen bytes tell what was compiled, and when.
                marshal.loads(content[16:])
            except (EOFError, ValueError, TypeError):
                with suppress(OSError):
                    os.remove(entry.path)


# Before any other module of this package is read.
drop_torn_bytecode(os.path.dirname(cache_from_source(__file__)))

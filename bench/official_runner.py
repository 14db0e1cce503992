"""Run a script of the official GRU4Rec code, written for NumPy 1, under NumPy 2: official_runner.py SCRIPT ARGUMENTS.

The script's folder is left as it is. NumPy 2 keeps double precision where NumPy 1 fell back to single precision, which
the code's initial weights rely on; and joblib, which it uses for pickled data only, need not be installed.
"""

import importlib.util
import runpy
import sys
import types
from pathlib import Path

import numpy as np
import torch


def in_single_precision(make_tensor):
    """Return `torch.tensor` with arrays of double precision read as single precision."""

    def tensor(data, *arguments, **options):
        if isinstance(data, np.ndarray) and data.dtype == np.float64:
            data = data.astype(np.float32)
        return make_tensor(data, *arguments, **options)

    return tensor


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    torch.tensor = in_single_precision(torch.tensor)
    if importlib.util.find_spec("joblib") is None:
        sys.modules["joblib"] = types.ModuleType("joblib")
    sys.argv = sys.argv[1:]
    sys.path.insert(0, str(Path(sys.argv[0]).parent))
    runpy.run_path(sys.argv[0], run_name="__main__")

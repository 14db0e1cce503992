"""Run a script of the official GRU4Rec code, written for NumPy 1, under NumPy 2: official_runner.py SCRIPT ARGUMENTS.

The script's folder is left as it is. NumPy 2 keeps double precision where NumPy 1 fell back to single precision, which
the code's initial weights rely on; joblib, which it uses for pickled data only, need not be installed; and a test of
fewer sessions than the 512 that it scores at once, which it cannot read, is scored in smaller batches.
"""

import importlib
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


def in_small_batches(evaluate):
    """Return the official `batch_eval` with no more sessions at once than the test has."""

    def batch_eval(model, test, *arguments, batch_size, session_key="SessionId", **options):
        size = min(batch_size, test[session_key].nunique())
        return evaluate(model, test, *arguments, batch_size=size, session_key=session_key, **options)

    return batch_eval


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    torch.tensor = in_single_precision(torch.tensor)
    if importlib.util.find_spec("joblib") is None:
        sys.modules["joblib"] = types.ModuleType("joblib")
    sys.argv = sys.argv[1:]
    sys.path.insert(0, str(Path(sys.argv[0]).parent))
    if importlib.util.find_spec("evaluation"):
        evaluation = importlib.import_module("evaluation")
        evaluation.batch_eval = in_small_batches(evaluation.batch_eval)
    runpy.run_path(sys.argv[0], run_name="__main__")

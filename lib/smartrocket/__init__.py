"""SmartRocket Analytics: from a shop's raw click log to a published report."""

import os

# Waiting threads must sleep: OpenMP's spinning slows training many times over when the cores are shared. OpenMP reads
# this when it is loaded, so it stands before any import that loads it.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

"""SmartRocket Analytics: from a shop's raw click log to a published report."""

import os
import sys

# A waiting thread spins for some microseconds and then sleeps: spinning on slows training many times over when the
# cores are shared, and sleeping at once halves its speed when they are not. OpenMP reads this when it is loaded, so
# it stands before any import that loads it.
os.environ.setdefault("GOMP_SPINCOUNT", "3000")

# jsonschema, by which notebooks are checked, would have this package build a grammar of web addresses in every process,
# for more than a second, to check a kind of text that no notebook has to hold. Without the package it goes without.
sys.modules.setdefault("rfc3987_syntax", None)

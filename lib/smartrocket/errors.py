"""The one error a user is meant to read."""


class InputError(Exception):
    """A mistake in what the user gave: one sentence that names the file, row or key, and the remedy.

    The command line prints the sentence without a traceback and exits with status 2.
    """

"""Failure: what keeps Pensieve from running, in one sentence with its remedy."""


class Failure(Exception):
    """The command ends with this sentence on stderr and exit code 1; no stack trace."""

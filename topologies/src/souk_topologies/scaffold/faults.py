"""The failure of making a service."""


class ScaffoldError(Exception):
    """A service can't be made as it was asked for. Nothing was changed."""

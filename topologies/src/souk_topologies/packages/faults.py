"""What ends the building of packages."""


class PackageError(Exception):
    """A package can't be built; its text says why, in one line."""

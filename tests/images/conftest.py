"""Images, each built once a run where a test asks for it: their recipes are followed without Docker."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.images.recipe import build

Images = Callable[[str], Path]
"""The folder that stands for `/srv` in the image of a Dockerfile."""


@pytest.fixture(scope="session")
def images() -> Iterator[Images]:
    """Builds them, in a folder that any user of the machine may read: pytest's own are closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="souk-images-"))
    folder.chmod(0o755)
    yield cache(lambda dockerfile: build(dockerfile, folder / dockerfile.replace("/", "-")))
    shutil.rmtree(folder)

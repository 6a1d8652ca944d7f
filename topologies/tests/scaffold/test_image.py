"""A new service's image is made as that of a service with the same needs."""

from pathlib import Path

import pytest

from souk_topologies.scaffold import ScaffoldError
from souk_topologies.scaffold.image import write_image
from souk_topologies.scaffold.words import Words

REVIEWS = Words("reviews", "review")
DOCKERFILE = (
    '# The image of {0}-service\nCOPY services/{0}s service\nLABEL title="{0}-service" \\\nENV X=souk_{0}s.bootstrap\n'
)


@pytest.fixture
def services(tmp_path: Path) -> Path:
    """Three services: orders needs what a new one does."""
    for name, needs in (("mails", '["smtp"]'), ("orders", "[]"), ("reviews", "[]")):
        folder = tmp_path / "services" / name
        folder.mkdir(parents=True)
        (folder / "pyproject.toml").write_text(f"[project]\ndependencies = {needs}\n")
        if name != "reviews":
            (folder / "requirements.lock").write_text(f"lock of {name}\n")
            (folder / "Dockerfile").write_text(DOCKERFILE.format(name.removesuffix("s")))
    return tmp_path


def test_it_is_that_of_a_service_with_the_same_needs(services: Path) -> None:
    write_image(services, REVIEWS)
    assert (services / "services/reviews/requirements.lock").read_text() == "lock of orders\n"
    assert (services / "services/reviews/Dockerfile").read_text() == DOCKERFILE.format("review")


def test_nobody_has_the_same_needs(services: Path) -> None:
    (services / "services/reviews/pyproject.toml").write_text('[project]\ndependencies = ["another"]\n')
    with pytest.raises(ScaffoldError, match="no service has the needs"):
        write_image(services, REVIEWS)


def test_services_without_images(services: Path) -> None:
    for name in ("mails", "orders"):
        (services / f"services/{name}/requirements.lock").unlink()
    write_image(services, REVIEWS)
    assert not (services / "services/reviews/Dockerfile").exists()

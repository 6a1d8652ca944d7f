"""What a new service adds to files that people edit."""

import pytest

from souk_topologies.scaffold import ScaffoldError
from souk_topologies.scaffold.additions import ADDITIONS, add_hearer, add_image
from souk_topologies.scaffold.words import Words

REVIEWS = Words("reviews", "review")
EKS = """\
images:
- name: souk/user-service
  newName: registry/souk/user-service
  newTag: none-yet
- name: souk/mail-service
  newName: registry/souk/mail-service
  newTag: none-yet
"""
KIND = """\
images:
- name: souk/mail-service
  newTag: local
- name: souk/gateway
  newTag: local
"""


def test_an_overlay_names_its_image_as_the_last_service_s() -> None:
    added = "- name: souk/review-service\n  newName: registry/souk/review-service\n  newTag: none-yet\n"
    assert add_image(EKS, REVIEWS) == EKS + added


def test_the_gateways_image_stays_last() -> None:
    gateway = "- name: souk/gateway\n  newTag: local\n"
    added = "- name: souk/review-service\n  newTag: local\n"
    assert add_image(KIND, REVIEWS) == KIND.removesuffix(gateway) + added + gateway


def test_the_pages_have_its_events_and_errors() -> None:
    event = ADDITIONS["docs/reference/events.md"]("| `A` | `souk.A.v1` | a | nobody | `id` |\n\nMore.\n", REVIEWS)
    assert event.splitlines()[1].startswith("| `ReviewCreated` | `souk.ReviewCreated.v1` | reviews | nobody |")
    needs = "| to | hear | gives |\n|---|---|---|\n| act | `A`, `B` | all |\n\n## More\n"
    added = ADDITIONS["docs/reference/which-event-to-hear.md"](needs, REVIEWS)
    assert added.splitlines()[3:5] == ["| act on a new review | `ReviewCreated` | its id and title |", ""]
    errors = ADDITIONS["docs/reference/errors.md"]("# Errors\n\n## Queues\n", REVIEWS)
    assert errors.index("## Reviews\n") < errors.index("## Queues\n")
    assert "| `review_not_found` | `not_found` | 404 |" in errors


def test_the_page_of_events_names_who_hears_them() -> None:
    text = "| `A` | `souk.A.v1` | a | nobody | `id` |\n| `B` | `souk.B.v1` | a | mails | `id` |\n"
    heard = "| `A` | `souk.A.v1` | a | reviews | `id` |\n| `B` | `souk.B.v1` | a | mails, reviews | `id` |\n"
    assert add_hearer(text, REVIEWS, ["A", "B"]) == heard
    with pytest.raises(ScaffoldError, match="C can't be found"):
        add_hearer(text, REVIEWS, ["C"])

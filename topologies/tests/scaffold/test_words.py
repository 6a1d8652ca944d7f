"""Names of services: which there can be, and how the templates are written with them."""

import pytest

from souk_topologies.scaffold import ScaffoldError
from souk_topologies.scaffold.words import MAX_NAME, Words, meanings, words_of


@pytest.mark.parametrize(
    ("plural", "singular"),
    [
        ("reviews", "review"),
        ("categories", "category"),
        ("addresses", "address"),
        ("boxes", "box"),
        ("branches", "branch"),
        ("dishes", "dish"),
        ("houses", "house"),
        ("xs", "x"),
        ("a" * (MAX_NAME - 1) + "s", "a" * (MAX_NAME - 1)),
    ],
)
def test_the_singular_of_a_regular_plural(plural: str, singular: str) -> None:
    assert words_of(plural, None) == Words(plural, singular)


def test_the_singular_may_be_said() -> None:
    assert words_of("children", "child").label == "child-service"
    assert words_of("series", "serie").singular == "serie"


@pytest.mark.parametrize(
    ("name", "singular", "said"),
    [
        *(
            (name, None, "lower-case letters")
            for name in ("", "Reviews", "re-views", "re views", "r2s", "réviews", "../s")
        ),
        ("a" * MAX_NAME + "s", None, "lower-case letters"),
        ("reviews\n", None, "lower-case letters"),
        ("reviews", "Review", "lower-case letters"),
        ("children", None, "--singular"),
        ("glass", None, "--singular"),
        ("status", None, "--singular"),
        ("analysis", None, "--singular"),
        ("s", None, "--singular"),
        ("sheep", "sheep", "the plural"),
        ("pass", "pas", "keyword of Python"),
        ("trys", None, "keyword of Python"),
        ("matches", None, "keyword of Python"),
        ("statistics", None, "Python's own"),
        ("types", None, "Python's own"),
        ("references", None, "keyword of PostgreSQL"),
        ("leading", "lead", "keyword of PostgreSQL"),
        ("trues", None, "keyword of Python"),
        ("gateways", None, "another meaning"),
        ("shops", None, "another meaning"),
        ("buses", "bus", "another meaning"),
        ("operators", None, "another meaning"),
        ("queues", None, "another meaning"),
        ("utils", None, "another meaning"),
    ],
)
def test_names_that_can_not_be(name: str, singular: str | None, said: str) -> None:
    with pytest.raises(ScaffoldError, match=said):
        words_of(name, singular)


@pytest.mark.parametrize(
    ("template", "written"),
    [
        ("class WidgetStore: widgets[widget_id], WIDGETS", "class ReviewStore: reviews[review_id], REVIEWS"),
        ("souk_widgets.Widgets, WidgetsEvents, _widget", "souk_reviews.Reviews, ReviewsEvents, _review"),
        ("A widget is a new widget.", "A review is a new review."),
    ],
)
def test_a_template_is_written_with_the_words(template: str, written: str) -> None:
    assert Words("reviews", "review").write(template) == written


def test_an_article_goes_with_the_word() -> None:
    assert Words("answers", "answer").write("A widget, a widget's, a new widget, aa widget") == (
        "An answer, an answer's, a new answer, aa answer"
    )


def test_a_name_that_holds_the_templates_own_is_written_once() -> None:
    assert Words("widgetries", "widgetry").write("Widgets widget") == "Widgetries widgetry"


def test_names_in_code_are_told_apart() -> None:
    made, others = meanings(
        [
            '"""Widgets, unread."""\nclass Widget:\n    title: str  # a remark\n',
            "from souk.widgets import WIDGETS\nkept = Store()",
        ]
    )
    assert made == {"Widget", "WIDGETS"}
    assert others == {"class", "title", "str", "from", "souk", "import", "kept", "Store"}

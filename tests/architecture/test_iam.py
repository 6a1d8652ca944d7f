"""docs/reference/iam.md says what each function may do, and nothing else does."""

import re

import pytest

from tests.architecture.iam import BEGIN, PAGE, functions, page


def test_page_is_that_of_the_inputs() -> None:
    text = PAGE.read_text("utf-8")
    assert text == page(text), "write it anew: .venv/bin/python -m tests.architecture.iam"


@pytest.mark.parametrize("planted", ["`sns:Publish`", "`table/Orders`", "## order-service\n", "Nothing."])
def test_a_planted_fault_is_caught(planted: str) -> None:
    text = PAGE.read_text("utf-8")
    begin = text.index(BEGIN)
    assert planted in text[begin:]
    faulty = text[:begin] + text[begin:].replace(planted, "", 1)
    assert faulty != page(faulty)


def test_nothing_is_granted_by_a_wildcard_or_without_a_reason() -> None:
    for name, function in functions():
        for each in function["permissions"]:
            assert each["why"].endswith("."), name
            assert not [word for word in (*each["actions"], *each["resources"]) if "*" in word], name
            assert all(re.fullmatch(r"[a-z0-9-]+:[A-Za-z]+", action) for action in each["actions"]), name

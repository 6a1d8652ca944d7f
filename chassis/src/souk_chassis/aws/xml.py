"""Answers of the Query protocol, which are XML. Imported by those who got one: the parser takes its time to load."""

from xml.etree import ElementTree as ET

from souk_chassis.aws.errors import aws_answer_lost


def members(body: bytes, name: str) -> list[dict[str, str]]:
    """The entries of the list `name` in an answer, each as the texts of its parts.

    Raises SoukError `timeout_unknown` where the answer is no XML: it came from something on the way.
    """
    try:
        root = ET.fromstring(body)  # noqa: S314 - as above
    except ET.ParseError as error:
        raise aws_answer_lost() from error
    lists = [element for element in root.iter() if _plain(element.tag) == name]
    return [_texts(member) for found in lists for member in found if _plain(member.tag) == "member"]


def error_of(body: bytes) -> tuple[str, str]:
    """The code and the message of an error answer; both empty where it can't be read."""
    try:
        root = ET.fromstring(body)  # noqa: S314 - as above
    except ET.ParseError:
        return "", ""
    for element in root.iter():
        if _plain(element.tag) == "Error":
            texts = _texts(element)
            return texts.get("Code", ""), texts.get("Message", "")
    return "", ""


def _texts(element: ET.Element) -> dict[str, str]:
    return {_plain(part.tag): part.text or "" for part in element}


def _plain(tag: str) -> str:
    """A tag without its namespace."""
    return tag.rpartition("}")[2]

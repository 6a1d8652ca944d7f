"""What every Dockerfile of ours must say, and must not: the rules that no linter knows."""

import re
from collections.abc import Iterator, Sequence

from tests.images.recipe import Stage, Step

EXACT = re.compile(r"python:3\.\d+\.\d+-slim-[a-z]+")
"""A base by its exact version."""
OWN = r'\["/srv/souk/bin/python", "-I", "-m", "souk_chassis\.'
"""The image's own interpreter, isolated."""

SAID = {
    "RUN": (
        r".*\bpip uninstall\b.* python -m compileall .*unchecked-hash /usr/local/lib/python3\.\*",
        "leaves an installer, or Python's own modules without byte code",
    ),
    "USER": (r"[1-9]\d*:[1-9]\d*", "is no number other than 0"),
    "ENTRYPOINT": (rf"{OWN}.*", "does not start the image's own interpreter, isolated"),
    "HEALTHCHECK": (rf".*CMD {OWN}.*", "does not start the image's own interpreter, isolated"),
    "STOPSIGNAL": ("SIGTERM", "is not SIGTERM"),
    "EXPOSE": ("8080", "is not 8080"),
    "LABEL": (r".*image\.title=.*image\.licenses=.*image\.revision=.*", "lacks one of title, licenses, revision"),
}
"""What the last stage says, by instruction, and what is wrong where it does not."""
FORBIDDEN = {
    r"ADD .*": "is an ADD, which fetches and unpacks",
    r".*\b(apt-get|apk|curl|wget|gcc|build-essential)\b.*": "installs or uses more than Python",
    r"RUN (?!.*--require-hashes).*\bpip install\b.*": "installs without hashes",
    r"(ENV|ARG) .*(KEY|SECRET|PASSWORD|TOKEN|_URL).*": "sets what is secret, or of one place",
}
"""What no instruction is."""


def faults(text: str, stages: Sequence[Stage]) -> Iterator[str]:
    """What is wrong with a Dockerfile, one sentence each."""
    base = re.search(r"^ARG BASE=(.+)$", text, re.MULTILINE)
    if base is None or not EXACT.fullmatch(base[1]):
        yield "ARG BASE names no exact version"
    if any(stage.base != "${BASE}" for stage in stages):
        yield "a stage is made from something else than BASE"
    for step in (step for stage in stages for step in stage.steps):
        for pattern, why in FORBIDDEN.items():
            if re.fullmatch(pattern, f"{step.word} {step.rest}"):
                yield f"line {step.line} {why}"
    if [stage.name for stage in stages] != ["build", ""]:
        yield "its stages are not a build stage and the image"
        return
    yield from _faults_of_image(stages[-1].steps)


def _faults_of_image(steps: Sequence[Step]) -> Iterator[str]:
    said = {step.word: step.rest for step in steps}
    for word, (pattern, why) in SAID.items():
        if not re.fullmatch(pattern, said.get(word, "")):
            yield f"{word} {why}"
    is_user = False
    for step in steps:
        is_user = is_user or step.word == "USER"
        if is_user and step.word in {"RUN", "COPY"}:
            yield f"line {step.line} writes something after USER"
        if step.word == "COPY" and not step.rest.startswith("--from=build /srv/"):
            yield f"line {step.line} copies past the build stage"

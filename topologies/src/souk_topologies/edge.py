"""What the gateway serves on AWS and in containers besides operations, as files: the document and the pages.

`python -m souk_topologies.edge WEB OUT` writes them into a folder, for the gateway's image.
"""

import json
import mimetypes
import sys
from collections.abc import Sequence
from pathlib import Path

import swagger_ui_bundle

from souk_chassis.manifest import Service
from souk_topologies.api import api_document, in_json
from souk_topologies.gateway import CONTENT_POLICY, DOCS_POLICY
from souk_topologies.shop import manifests

SWAGGER_FILES = ("swagger-ui.css", "swagger-ui-bundle.js")
"""What the API's page needs of Swagger UI: the rest of it would make the package four times as large."""


def edge_files(services: Sequence[Service], web: Path) -> dict[str, bytes]:
    """The files beside the code, by their names in the package: `openapi.json`, `pages.json`, and the pages.

    `pages.json` has by path which file it is and with which headers it goes out, as the local gateway sends them.
    """
    swagger = Path(swagger_ui_bundle.swagger_ui_path)
    sources = {
        "/": (web / "storefront" / "index.html", CONTENT_POLICY),
        "/mailbox": (web / "console" / "mailbox.html", CONTENT_POLICY),
        "/docs": (web / "console" / "docs.html", DOCS_POLICY),
        **{f"/static/swagger/{name}": (swagger / name, DOCS_POLICY) for name in SWAGGER_FILES},
        **{
            f"/static/{file.relative_to(web).as_posix()}": (file, CONTENT_POLICY)
            for file in sorted(web.rglob("*"))
            if file.is_file()
        },
    }
    files = {"openapi.json": in_json(api_document(services))}
    pages = {}
    for path, (file, policy) in sources.items():
        name = f"pages{path if path.startswith('/static/') else '/' + file.name}"
        files[name] = file.read_bytes()
        pages[path] = {"file": name, "headers": _headers(file, policy)}
    files["pages.json"] = json.dumps(pages, sort_keys=True).encode()
    return files


def _headers(file: Path, policy: str) -> dict[str, str]:
    kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    return {
        "content-type": f"{kind}; charset=utf-8" if kind.startswith("text/") else kind,
        "cache-control": "no-cache",
        "content-security-policy": policy,
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
    }


def write_edge(web: Path, folder: Path) -> None:
    """Write the files of the shop's edge into a folder, which is made."""
    for name, content in edge_files(list(manifests().values()), web).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


if __name__ == "__main__":
    write_edge(Path(sys.argv[1]), Path(sys.argv[2]))

"""The pages of the shop, and all that its gateway serves besides operations as files: the document and the pages.

`python -m souk_topologies.edge WEB OUT` writes them into a folder, for the gateway's image.
"""

import json
import mimetypes
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
import swagger_ui_bundle

from souk_chassis.edge.edge import Page
from souk_chassis.http.routing import in_json
from souk_chassis.manifest import Service
from souk_topologies.api import api_document
from souk_topologies.shop import manifests

CONTENT_POLICY = "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'"
"""Pages run nothing and load nothing that is not the shop's own."""
DOCS_POLICY = "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'"
"""Swagger UI writes style attributes."""
SWAGGER_FILES = ("swagger-ui.css", "swagger-ui-bundle.js")
"""What the API's page needs of Swagger UI: the rest of it would make the package four times as large."""


def pages(web: Path) -> dict[str, Page]:
    """The storefront, the mailbox, the API page and their files, by path. `web` is the folder of that name."""
    swagger = Path(swagger_ui_bundle.swagger_ui_path)
    return {
        "/": _page(web / "storefront" / "index.html"),
        "/mailbox": _page(web / "console" / "mailbox.html"),
        "/docs": _page(web / "console" / "docs.html", DOCS_POLICY),
        **{f"/static/swagger/{name}": _page(swagger / name, DOCS_POLICY) for name in SWAGGER_FILES},
        **{
            f"/static/{file.relative_to(web).as_posix()}": _page(file)
            for file in sorted(web.rglob("*"))
            if file.is_file()
        },
    }


def _page(file: Path, policy: str = CONTENT_POLICY) -> Page:
    kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    headers = {
        "content-type": f"{kind}; charset=utf-8" if kind.startswith("text/") else kind,
        "cache-control": "no-cache",  # by ETag: a browser must not mix the modules of two versions
        "content-security-policy": policy,
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
    }
    return Page(str(file), headers)


def edge_files(services: Sequence[Service], web: Path) -> dict[str, bytes]:
    """The files beside the code, by their names in the package: `openapi.json`, `pages.json`, and the pages.

    `pages.json` has by path which file it is and with which headers it goes out.
    """
    files, packed = {"openapi.json": in_json(api_document(services))}, {}
    for path, page in pages(web).items():
        name = f"pages{path if path.startswith('/static/') else '/' + Path(page.file).name}"
        files[name] = Path(page.file).read_bytes()
        packed[path] = msgspec.to_builtins(Page(name, page.headers))
    files["pages.json"] = json.dumps(packed, sort_keys=True).encode()
    return files


def write_edge(web: Path, folder: Path) -> None:
    """Write the files of the shop's edge into a folder, which is made."""
    for name, content in edge_files(list(manifests().values()), web).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


if __name__ == "__main__":
    write_edge(Path(sys.argv[1]), Path(sys.argv[2]))

"""A shop for Terraform: the example's inputs, the API's document, and zips that only answer."""

import json
import zipfile
from pathlib import Path

from souk_topologies.api import api_document
from souk_topologies.shop import manifests

INPUTS = Path(__file__).with_name("inputs.example.json")

HANDLER = '''
import json


def handler(event, context):
    """Answers as each source of events wants it."""
    if event.get("type") == "REQUEST":
        return {"isAuthorized": True, "context": {"who": event["headers"].get("authorization", "nobody")}}
    if "requestContext" not in event:
        return {"batchItemFailures": []}
    who = event["requestContext"].get("authorizer", {}).get("lambda", {}).get("who")
    body = json.dumps({"name": context.function_name, "version": context.function_version, "who": who})
    return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": body}
'''


def write(folder: Path) -> None:
    """inputs.json, openapi.json, and a zip for each function's package."""
    folder.mkdir(parents=True)
    (folder / "inputs.json").write_bytes(INPUTS.read_bytes())
    (folder / "openapi.json").write_text(json.dumps(api_document(list(manifests().values()))))
    inputs = json.loads(INPUTS.read_text())
    for part in (*inputs["services"].values(), inputs["gateway"]):
        for function in part["functions"].values():
            with zipfile.ZipFile(folder / function["package"], "w") as package:
                package.writestr("souk_chassis/__init__.py", "")
                package.writestr("souk_chassis/runtimes/__init__.py", "")
                package.writestr("souk_chassis/runtimes/lambda_.py", HANDLER)

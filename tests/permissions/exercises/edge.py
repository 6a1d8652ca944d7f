"""What the gateway's function does: the authorizer's does nothing at AWS."""

from souk_chassis.manifest import DYNAMODB
from souk_topologies.shop import GATEWAY, manifests
from tests.permissions.events import answer, http
from tests.permissions.exercise import exercise
from tests.permissions.stage import Stage


@exercise(GATEWAY)
def asks_whether_all_are_ready(stage: Stage) -> None:
    event = {**http("GET /ready"), "routeKey": "$default"}
    in_containers = {name for name, service in manifests().items() if DYNAMODB not in service.stores}
    missing = answer(stage.act(event), 503 if in_containers else 200)["missing"]
    assert missing.keys() == in_containers  # of which there are none here

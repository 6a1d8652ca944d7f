"""What the gateway's function does: the authorizer's does nothing at AWS."""

from souk_topologies.shop import GATEWAY
from tests.permissions.events import answer, http
from tests.permissions.exercise import exercise
from tests.permissions.stage import Stage


@exercise(GATEWAY)
def asks_whether_all_are_ready(stage: Stage) -> None:
    event = {**http("GET /ready"), "routeKey": "$default"}
    assert answer(stage.act(event), 200) == {"status": "ready", "missing": {}}

"""What runs: the objects of one service's containers, of the gateway's, and of the one that makes the databases."""

from collections.abc import Iterator, Mapping
from typing import Any

from souk_topologies.containers import PORT, SERVICE_PORT, Size, image_of
from souk_topologies.kubernetes.documents import Body, Document, labels, of_kind, selector

RUN_AS = 10_001
"""The user and the group of every container: a number that no user of a node has."""
DRAIN_S = 5
"""How long a pod that is to end goes on serving, in seconds: meanwhile others learn that it is gone."""
TERMINATION_GRACE_S = 45
"""How long a pod may take to end, in seconds: draining, the requests under way, the batches under way, and its
database's connections."""
LIVE_AFTER_S, LIVE_EACH_S = 30, 10
READY_AFTER_S, READY_EACH_S = 5, 5
"""When probes begin, and how often they come, in seconds."""
ANSWERS_IN_S = 4
"""How long a probe waits, in seconds: longer than `/ready` takes to give up a database, so that its answer is seen."""
START_EACH_S, STARTS_IN_S = 5, 360
"""How long a start may take, in seconds, before the pod is started anew: it awaits its database, and migrates it."""
CPU_TARGET_PERCENT = 70
"""Of the requested processor time: above it, more pods are started."""
CALM_S = 300
"""How long the load must have been lower before pods are taken away, in seconds."""
TMP_MIB = 64
"""The one place where a container writes, in MiB."""
KEYS = "keys"
"""The ConfigMap of the public keys, which the overlay has."""
PROVISION_ATTEMPTS = 10
"""How often its pod may fail: while the server starts, it can't do its work."""
KEPT_S = 600
"""How long a Job that has ended stays to be looked at, in seconds. Applying another image needs it gone."""

Variable = dict[str, Any]


def plain(told: Mapping[str, str]) -> list[Variable]:
    """Variables with their values in sight."""
    return [{"name": name, "value": value} for name, value in told.items()]


def from_config(config: str, name: str) -> Variable:
    """A variable out of a ConfigMap."""
    return {"name": name, "valueFrom": {"configMapKeyRef": {"name": config, "key": name}}}


def from_secret(secret: str, name: str) -> Variable:
    """A variable out of a Secret."""
    return {"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": name}}}


def workload(
    label: str, component: str, size: Size, environment: list[Variable], *, ready: str = "/ready", why: str = ""
) -> Iterator[Document]:
    """All objects of a part that serves, but its NetworkPolicy. `ready` says where it is asked whether it is to get
    requests, and `why` what else there is to say of it."""
    marked = labels(label, component)
    yield Document(
        of_kind("apps/v1", "Deployment", label, _deployment(label, marked, size, environment, ready), marked),
        "A pod is not ready while what it needs is away, and live as long as it answers. preStop keeps it serving "
        f"until the others know that it goes; then it has time to finish what it took. {why}",
    )
    ports = [{"name": "http", "port": SERVICE_PORT, "targetPort": "http"}]
    yield Document(of_kind("v1", "Service", label, {"selector": selector(label), "ports": ports}, marked))
    yield Document(
        account(label, marked), "An identity of its own, without a token of the cluster: it asks nothing of it."
    )
    yield Document(
        of_kind("autoscaling/v2", "HorizontalPodAutoscaler", label, _scaling(label, size), marked),
        "More pods at once when they are busy, fewer only after a calm time.",
    )
    disruption = {
        "maxUnavailable": 1,
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
        "selector": {"matchLabels": selector(label)},
    }
    yield Document(
        of_kind("policy/v1", "PodDisruptionBudget", label, disruption, marked),
        "Nodes are emptied a pod at a time. One that is not ready holds nobody up.",
    )


def account(label: str, marked: Mapping[str, str]) -> Body:
    """A service account."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": label, "labels": dict(marked)},
        "automountServiceAccountToken": False,
    }


def job(label: str, image: str, size: Size, environment: list[Variable]) -> Iterator[Document]:
    """The objects of a part that runs once."""
    marked = labels(label, label)
    container = _container(label, image, size, environment)
    spec = {
        "backoffLimit": PROVISION_ATTEMPTS,
        "ttlSecondsAfterFinished": KEPT_S,
        "template": {
            "metadata": {"labels": dict(marked)},
            "spec": {**_pod(label), "restartPolicy": "OnFailure", "containers": [container], "volumes": [_tmp()]},
        },
    }
    yield Document(
        of_kind("batch/v1", "Job", label, spec, marked),
        "Makes a database and a role for each service; repeated, it changes nothing but passwords. A Job can't be "
        "changed: it goes by itself some minutes after its end, and the next `kubectl apply` makes it anew.",
    )
    yield Document(account(label, marked))


def _deployment(label: str, marked: Mapping[str, str], size: Size, environment: list[Variable], ready: str) -> Body:
    container = _container(label, image_of(label), size, environment) | {
        "ports": [{"name": "http", "containerPort": PORT}],
        "startupProbe": _probe("/health", 0, START_EACH_S) | {"failureThreshold": STARTS_IN_S // START_EACH_S},
        "livenessProbe": _probe("/health", LIVE_AFTER_S, LIVE_EACH_S),
        "readinessProbe": _probe(ready, READY_AFTER_S, READY_EACH_S),
        "lifecycle": {"preStop": {"sleep": {"seconds": DRAIN_S}}},
    }
    pod = {
        **_pod(label),
        "terminationGracePeriodSeconds": TERMINATION_GRACE_S,
        "topologySpreadConstraints": [
            _spread(label, over) for over in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
        ],
        "containers": [container],
        "volumes": [_tmp()],
    }
    return {
        "replicas": size.replicas,
        "selector": {"matchLabels": selector(label)},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
        "template": {"metadata": {"labels": dict(marked)}, "spec": pod},
    }


def _pod(label: str) -> Body:
    return {
        "serviceAccountName": label,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": RUN_AS,
            "runAsGroup": RUN_AS,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }


def _container(label: str, image: str, size: Size, environment: list[Variable]) -> Body:
    return {
        "name": label,
        "image": image,
        "env": environment,
        "resources": {
            "requests": {"cpu": f"{size.cpu_m}m", "memory": f"{size.memory_mib}Mi"},
            "limits": {"cpu": f"{size.cpu_limit_m}m", "memory": f"{size.memory_limit_mib}Mi"},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108  # a folder of the container, nobody else's
    }


def _tmp() -> Body:
    return {"name": "tmp", "emptyDir": {"sizeLimit": f"{TMP_MIB}Mi"}}


def _probe(path: str, after_s: int, each_s: int) -> Body:
    return {
        "httpGet": {"path": path, "port": "http"},
        "initialDelaySeconds": after_s,
        "periodSeconds": each_s,
        "timeoutSeconds": ANSWERS_IN_S,
    }


def _spread(label: str, over: str) -> Body:
    """Evenly where that is possible; a pod is rather run anywhere than not."""
    return {
        "maxSkew": 1,
        "topologyKey": over,
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": selector(label)},
        "matchLabelKeys": ["pod-template-hash"],
    }


def _scaling(label: str, size: Size) -> Body:
    target = {"type": "Utilization", "averageUtilization": CPU_TARGET_PERCENT}
    return {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": label},
        "minReplicas": size.replicas,
        "maxReplicas": size.most,
        "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
        "behavior": {"scaleDown": {"stabilizationWindowSeconds": CALM_S}},
    }

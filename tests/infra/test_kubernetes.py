"""The overlays as kustomize renders them: whole, valid against the schemas of Kubernetes, and by checkov's rules."""

import copy
import json
import os
import re
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from souk_topologies.cli.main import souk
from souk_topologies.containers import NAMESPACE, Place, secret_names
from souk_topologies.kubernetes.workloads import DRAIN_S, TERMINATION_GRACE_S
from souk_topologies.shop import manifests
from tests.infra.overlays import OVERLAYS, copy_with_secrets, copy_without_secrets, kubectl, objects_of, render
from tests.kubernetes.objects import Object, of_kind, pod_templates

ROOT = Path(__file__).resolve().parents[2]
SERVICES = manifests()
LABELS = {service.label for service in SERVICES.values()}
VERSIONS = ("1.32", "1.37")
"""Of Kubernetes: the oldest that is told to work, and the newest that the schemas know."""
OF_OTHERS = ("ExternalSecret", "SecretStore", "TargetGroupBinding")
"""Kinds that a cluster has from elsewhere: Kubernetes has no schema of them."""
EXPLAINED = {
    "CKV_K8S_15": "Always pulling: a tag is a commit's id and never changes, and what was loaded can't be pulled",
    "CKV_K8S_35": "Secrets as files: the environment's names are those of every place where a container runs",
    "CKV_K8S_43": "Images by digest: the pipeline resolves it when it deploys; the tag in the repository stands for it",
}
"""What checkov finds, and why it stays."""


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_with_secrets(tmp_path_factory.mktemp("kubernetes"))


def tool(name: str, variable: str) -> Path:
    found = Path(os.environ.get(variable, ROOT / f"build/{name}/bin/{name}"))
    if not found.exists():
        pytest.fail(f"There is no {found}: run `make test-infra`, or name {name} by {variable}.")
    return found


# --- the schemas


def schema_faults(objects: Sequence[Object], folder: Path) -> list[str]:
    """What kubernetes-validate says of objects of Kubernetes' own kinds, against each version."""
    path = folder / "objects.yaml"
    path.write_text(yaml.safe_dump_all([each for each in objects if each["kind"] not in OF_OTHERS]))
    versions = [option for version in VERSIONS for option in ("-k", version)]
    command = [str(tool("kubernetes-validate", "SOUK_KUBERNETES_VALIDATE")), "--strict", *versions, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    told = (done.stdout + done.stderr).splitlines()
    assert len(told) >= len(VERSIONS), done
    return [line for line in told if not re.match(r"INFO .* passed for resource ", line)]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_objects_are_valid(sources: Path, overlay: str, tmp_path: Path) -> None:
    assert schema_faults(objects_of(sources, overlay), tmp_path) == []


def test_a_planted_field_and_a_wrong_type_are_caught(sources: Path, tmp_path: Path) -> None:
    objects = copy.deepcopy(list(objects_of(sources, "kind")))
    deployments = of_kind(objects, "Deployment")
    deployments["order-service"]["spec"]["replica"] = 2
    deployments["user-service"]["spec"]["template"]["spec"]["containers"][0]["ports"][0]["containerPort"] = "http"
    found = "\n".join(schema_faults(objects, tmp_path))
    assert "replica" in found
    assert "user-service" in found


def external_secret_faults(each: Object) -> list[str]:
    """What External Secrets' own definition (external-secrets.io/v1) asks of what is used of it here."""
    spec = each["spec"]
    faults = [] if each["apiVersion"] == "external-secrets.io/v1" else ["apiVersion"]
    faults += sorted(spec.keys() ^ {"refreshInterval", "secretStoreRef", "target", "data"})
    faults += sorted(spec["secretStoreRef"].keys() ^ {"kind", "name"}) + sorted(spec["target"].keys() ^ {"name"})
    for entry in spec["data"]:
        faults += sorted(entry.keys() ^ {"secretKey", "remoteRef"}) + sorted(entry["remoteRef"].keys() ^ {"key"})
    return faults


def target_faults(each: Object) -> list[str]:
    """What the definition of AWS's load balancer controller (elbv2.k8s.aws/v1beta1) asks of what is used of it here."""
    spec = each["spec"]
    faults = [] if each["apiVersion"] == "elbv2.k8s.aws/v1beta1" else ["apiVersion"]
    faults += sorted(spec.keys() ^ {"serviceRef", "targetGroupName", "targetType"})
    faults += sorted(spec["serviceRef"].keys() ^ {"name", "port"})
    return faults + ([] if len(spec.get("targetGroupName", "")) <= 32 else ["targetGroupName"])


@pytest.mark.parametrize(
    ("kind", "faults"), [("ExternalSecret", external_secret_faults), ("TargetGroupBinding", target_faults)]
)
def test_kinds_from_elsewhere_have_their_form(sources: Path, kind: str, faults: Callable[[Object], list[str]]) -> None:
    found = of_kind(objects_of(sources, "eks"), kind)
    assert found.keys() == LABELS
    assert [fault for each in found.values() for fault in faults(each)] == []
    planted = copy.deepcopy(found["user-service"])
    planted["spec"]["refName"] = "planted"
    assert faults(planted) == ["refName"]


def test_external_secrets_hold_what_pods_ask_for(sources: Path) -> None:
    found = of_kind(objects_of(sources, "eks"), "ExternalSecret")
    for service in SERVICES.values():
        keys = {entry["secretKey"] for entry in found[service.label]["spec"]["data"]}
        assert keys == set(secret_names(service, Place.AWS)) == asked(objects_of(sources, "eks"), service.label)
    [store] = of_kind(objects_of(sources, "eks"), "SecretStore")
    assert {each["spec"]["secretStoreRef"]["name"] for each in found.values()} == {store}


def lacking(objects: Sequence[Object], label: str) -> set[tuple[str, str, str]]:
    """What a service's pipeline does in the cluster and may not: group, resource and verb."""
    role = of_kind(objects, "Role")["deployers"]
    may = {
        (group, resource, verb)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    needs = {("apps", "deployments", verb) for verb in ("list", "watch")} | {("apps", "replicasets", "list")}
    for each in objects:
        if each["metadata"].get("labels", {}).get("app.kubernetes.io/name") == label:
            group = each["apiVersion"].rpartition("/")[0]
            resource = re.sub("ys$", "ies", f"{each['kind'].lower()}s")
            needs |= {(group, resource, verb) for verb in ("get", "create", "patch")}
    return needs - may


def test_the_pipelines_may_do_what_they_do(sources: Path) -> None:
    objects = list(copy.deepcopy(objects_of(sources, "eks")))
    assert [(label, lacking(objects, label)) for label in LABELS if lacking(objects, label)] == []
    rules = of_kind(objects, "Role")["deployers"]["rules"]
    rules[:] = [rule for rule in rules if rule["apiGroups"] != ["external-secrets.io"]]
    assert ("external-secrets.io", "externalsecrets", "create") in lacking(objects, "order-service")


def asked(objects: Sequence[Object], label: str) -> set[str]:
    """The keys of Secrets that a workload's pods ask for."""
    [container] = dict(pod_templates(objects))[label]["spec"]["containers"]
    return {
        each["valueFrom"]["secretKeyRef"]["key"]
        for each in container["env"]
        if "secretKeyRef" in each.get("valueFrom", {})
    }


# --- whole


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_each_overlay_has_every_service_whole(sources: Path, overlay: str) -> None:
    objects = objects_of(sources, overlay)
    kinds = (
        "Deployment",
        "Service",
        "ServiceAccount",
        "HorizontalPodAutoscaler",
        "PodDisruptionBudget",
        "NetworkPolicy",
    )
    for kind in kinds:
        assert of_kind(objects, kind).keys() >= LABELS, kind
    assert {each["metadata"].get("namespace") for each in objects if each["kind"] != "Namespace"} == {NAMESPACE}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_a_pod_refers_to_is_there(sources: Path, overlay: str) -> None:
    """Secrets, ConfigMaps and service accounts: kustomize renames some, and would leave a name that is wrong."""
    objects = objects_of(sources, overlay)
    secrets = {name: {*each.get("data", {})} for name, each in of_kind(objects, "Secret").items()}
    for name, each in of_kind(objects, "ExternalSecret").items():
        secrets[name] = {entry["secretKey"] for entry in each["spec"]["data"]}
    configs = {name: {*each["data"]} for name, each in of_kind(objects, "ConfigMap").items()}
    for name, template in pod_templates(objects):
        assert template["spec"]["serviceAccountName"] in of_kind(objects, "ServiceAccount"), name
        for variable in template["spec"]["containers"][0]["env"]:
            source = variable.get("valueFrom", {})
            for reference, known in (("secretKeyRef", secrets), ("configMapKeyRef", configs)):
                if reference in source:
                    assert source[reference]["key"] in known[source[reference]["name"]], (name, variable)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_services_and_policies_find_pods(sources: Path, overlay: str) -> None:
    objects = objects_of(sources, overlay)
    labels = [template["metadata"]["labels"].items() for _, template in pod_templates(objects)]
    for name, service in of_kind(objects, "Service").items():
        assert sum(service["spec"]["selector"].items() <= each for each in labels) == 1, name
    for name, policy in of_kind(objects, "NetworkPolicy").items():
        wanted = policy["spec"]["podSelector"].get("matchLabels", {}).items()
        assert any(wanted <= each for each in labels), name


def pod_security_faults(template: Object) -> list[str]:
    """What the standard `restricted` refuses, and what of it the shop asks for besides.

    https://kubernetes.io/docs/concepts/security/pod-security-standards/
    """
    spec = template["spec"]
    pod = spec["securityContext"]
    faults = [] if pod.get("runAsNonRoot") and pod.get("runAsUser", 0) > 0 else ["root"]
    faults += [] if pod.get("seccompProfile") == {"type": "RuntimeDefault"} else ["seccomp"]
    faults += [] if spec.get("automountServiceAccountToken") is False else ["token"]
    faults += [
        f"volume {each['name']}" for each in spec.get("volumes", ()) if "sizeLimit" not in each.get("emptyDir", {})
    ]
    faults += [name for name in ("hostNetwork", "hostPID", "hostIPC") if spec.get(name)]
    for container in spec["containers"]:
        context = container["securityContext"]
        faults += [] if context.get("allowPrivilegeEscalation") is False else ["escalation"]
        faults += [] if context.get("readOnlyRootFilesystem") is True else ["writable"]
        faults += [] if context.get("capabilities") == {"drop": ["ALL"]} else ["capabilities"]
        faults += [] if {"cpu", "memory"} <= container["resources"]["limits"].keys() else ["limits"]
    return faults


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_pods_are_as_the_namespace_wants_them(sources: Path, overlay: str) -> None:
    objects = objects_of(sources, overlay)
    marked = of_kind(objects, "Namespace")[NAMESPACE]["metadata"]["labels"]
    assert marked["pod-security.kubernetes.io/enforce"] == "restricted"
    assert {name: found for name, each in pod_templates(objects) if (found := pod_security_faults(each))} == {}


def test_a_planted_privilege_is_caught(sources: Path) -> None:
    template = copy.deepcopy(dict(pod_templates(objects_of(sources, "kind")))["order-service"])
    template["spec"]["hostNetwork"] = True
    template["spec"]["containers"][0]["securityContext"]["capabilities"]["add"] = ["NET_ADMIN"]
    del template["spec"]["securityContext"]["runAsNonRoot"]
    assert pod_security_faults(template) == ["root", "hostNetwork", "capabilities"]


# --- what overlays change


def test_kind_is_small_and_eks_leaves_the_number_to_the_autoscaler(sources: Path) -> None:
    small = of_kind(objects_of(sources, "kind"), "Deployment").values()
    assert {each["spec"]["replicas"] for each in small} == {1}
    assert all("replicas" not in each["spec"] for each in of_kind(objects_of(sources, "eks"), "Deployment").values())
    scaling = of_kind(objects_of(sources, "eks"), "HorizontalPodAutoscaler")
    assert scaling["user-service"]["spec"]["minReplicas"] == 3


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_pod_has_time_to_drain_and_to_stop(sources: Path, overlay: str) -> None:
    for name, each in of_kind(objects_of(sources, overlay), "Deployment").items():
        pod = each["spec"]["template"]["spec"]
        drain = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
        assert pod["terminationGracePeriodSeconds"] - drain >= TERMINATION_GRACE_S - DRAIN_S, name
    gate = of_kind(objects_of(sources, "eks"), "Namespace")[NAMESPACE]["metadata"]["labels"]
    assert gate["elbv2.k8s.aws/pod-readiness-gate-inject"] == "enabled"


def test_settings_of_an_account_reach_every_place(tmp_path: Path) -> None:
    sources = copy_without_secrets(tmp_path)
    settings = sources / "overlays/eks/settings.env"
    text = settings.read_text()
    assert text.count("eu-west-1") == 2
    settings.write_text(text.replace("10.0.0.0/16", "10.77.0.0/16").replace("eu-west-1", "eu-north-1"))
    rendered = render(sources / "overlays/eks")
    assert "10.0.0.0/16" not in rendered
    assert rendered.count("10.77.0.0/16") > 10
    objects = objects_of(sources, "eks")
    assert of_kind(objects, "SecretStore")["secrets-manager"]["spec"]["provider"]["aws"]["region"] == "eu-north-1"
    topics = [each["data"]["SOUK_TOPICS"] for name, each in of_kind(objects, "ConfigMap").items() if "aws" in name]
    assert topics == ["arn:aws:sns:eu-north-1:111122223333:"]


OPTIONAL = {
    "charge-with-stripe": ("payment-service", "SOUK_STRIPE_KEY", "payment-provider"),
    "mail-by-smtp": ("notification-service", "SOUK_SMTP_URL", "mail-server"),
    "legacy-application": ("gateway", "SOUK_LEGACY_URL", "legacy-application"),
    "aws-over-the-internet": ("order-service", "AWS_REGION", "aws-over-the-internet"),
}
"""Components that people add: whom each tells what, and the policy that it brings."""


@pytest.mark.parametrize(
    ("overlay", "components"),
    [
        ("kind", ["charge-with-stripe", "mail-by-smtp", "legacy-application"]),
        ("eks", ["charge-with-stripe", "mail-by-smtp", "aws-over-the-internet"]),
    ],
)
def test_components_are_added_by_an_overlay_of_ones_own(tmp_path: Path, overlay: str, components: list[str]) -> None:
    mine = copy_with_secrets(tmp_path) / "overlays/mine"
    mine.mkdir()
    written = {"resources": [f"../{overlay}"], "components": [f"../../components/{name}" for name in components]}
    (mine / "kustomization.yaml").write_text(yaml.safe_dump(written))
    objects = objects_of(mine.parents[1], "mine")
    told = {name: each["spec"]["containers"][0]["env"] for name, each in pod_templates(objects)}
    for name, variable, policy in (OPTIONAL[component] for component in components):
        assert {variable, "PORT"} <= {each["name"] for each in told[name]}
        assert policy in of_kind(objects, "NetworkPolicy")


def test_a_service_that_runs_elsewhere_leaves_nothing_on_eks(tmp_path: Path) -> None:
    sources = copy_without_secrets(tmp_path)
    options = ["--runtime=users=lambda", "--runtime=orders=ecs", "--out", str(sources), "--data-dir", str(tmp_path)]
    assert CliRunner().invoke(souk, ["render", "kubernetes", *options]).exit_code == 0
    objects = objects_of(sources, "eks")
    names = {each["metadata"]["name"] for each in objects}
    assert names & LABELS == LABELS - {"user-service", "order-service"}
    assert of_kind(objects, "Deployment").keys() == of_kind(objects, "ExternalSecret").keys() == names & LABELS


def test_every_component_is_tried() -> None:
    assert {path.name for path in (ROOT / "infra/kubernetes/components").iterdir()} == {*OPTIONAL, "aws"}


def test_without_its_secrets_kind_is_refused_with_what_is_missing(tmp_path: Path) -> None:
    folder = copy_without_secrets(tmp_path) / "overlays/kind"
    done = subprocess.run([kubectl(), "kustomize", folder], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert "file sources: [SOUK_JWKS=keys/SOUK_JWKS]" in done.stderr


# --- checkov


def test_checkov_finds_only_what_is_explained(sources: Path, tmp_path: Path) -> None:
    for overlay in OVERLAYS:
        (tmp_path / f"{overlay}.yaml").write_text(yaml.safe_dump_all(objects_of(sources, overlay)))
    planted = copy.deepcopy(of_kind(objects_of(sources, "kind"), "Deployment")["user-service"])
    planted["spec"]["template"]["spec"]["containers"][0]["securityContext"] |= {"privileged": True}
    (tmp_path / "planted.yaml").write_text(yaml.safe_dump(planted))
    options = ["--framework", "kubernetes", "--skip-download", "--quiet", "--output", "json"]
    command = [str(tool("checkov", "SOUK_CHECKOV")), "-d", str(tmp_path), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    report: dict[str, Any] = json.loads(done.stdout)
    failed = report["results"]["failed_checks"]
    ours = {each["check_id"] for each in failed if "planted" not in each["file_path"]}
    assert ours == EXPLAINED.keys()
    assert {each["check_id"] for each in failed if "planted" in each["file_path"]} - ours == {"CKV_K8S_16"}
    assert report["summary"]["parsing_errors"] == 0
    assert report["summary"]["passed"] > 1_000

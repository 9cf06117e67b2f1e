"""The files that others run by: compose and Kubernetes manifests say what the program knows, and name what is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from app.settings import ROOT, SETTINGS

VARIABLES = {row.variable for row in SETTINGS} | {"DATABASE_URL", "PORT"}
COMPOSE = {path: yaml.safe_load((ROOT / path).read_text()) for path in ("compose.yaml", "deploy/compose.yaml")}
KUBERNETES = list(yaml.safe_load_all((ROOT / "deploy/kubernetes/glassbox.yaml").read_text()))


def containers(kind: str = "Deployment") -> Iterator[tuple[str, dict[str, Any]]]:
    for document in KUBERNETES:
        if document["kind"] == kind:
            for container in document["spec"]["template"]["spec"]["containers"]:
                yield document["metadata"]["name"], container


@pytest.mark.parametrize("path", COMPOSE)
def test_compose_files_set_only_settings_that_exist_and_refer_to_what_is_there(path: str) -> None:
    composed = COMPOSE[path]
    services, volumes = composed["services"], set(composed.get("volumes") or {})
    for name, service in services.items():
        assert ("image" in service) != ("build" in service), name
        environment = service.get("environment") or {}
        assert {key for key in environment if key.startswith("GLASSBOX_")} <= VARIABLES, name
        assert set(service.get("depends_on") or []) <= set(services), name
        for volume in service.get("volumes") or []:
            source = volume.split(":")[0]
            is_file = source.startswith("./") and (ROOT / path).parent.joinpath(source).exists()
            assert is_file or source in volumes, f"{name}: {volume}"


@pytest.mark.parametrize("path", COMPOSE)
def test_our_containers_have_no_rights_that_they_do_not_need(path: str) -> None:
    for service in COMPOSE[path]["services"].values():
        if "build" in service:
            assert service["read_only"] is True
            assert service["cap_drop"] == ["ALL"]
            assert service["security_opt"] == ["no-new-privileges:true"]


def test_the_proxy_knows_the_servers_of_the_compose_file_and_only_it_is_reached_from_outside() -> None:
    services = COMPOSE["deploy/compose.yaml"]["services"]
    upstream = re.findall(r"server (glassbox-\d+):8000;", (ROOT / "deploy/nginx.conf").read_text())
    assert set(upstream) == {name for name in services if name.startswith("glassbox")}
    assert [name for name, service in services.items() if "ports" in service] == ["nginx"]


def test_every_kubernetes_object_has_a_name_of_its_own() -> None:
    for document in KUBERNETES:
        assert re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", document["metadata"]["name"])
    names = [(document["kind"], document["metadata"]["name"]) for document in KUBERNETES]
    assert len(set(names)) == len(names)


def test_selectors_find_their_pods_and_ports_their_containers() -> None:
    pods = [d["spec"]["template"] for d in KUBERNETES if d["kind"] == "Deployment"]
    for document in KUBERNETES:
        selector = document["spec"].get("selector")
        if document["kind"] == "Deployment":
            labels = document["spec"]["template"]["metadata"]["labels"]
            assert selector["matchLabels"].items() <= labels.items()
        if document["kind"] == "Service":
            found = [pod for pod in pods if selector.items() <= pod["metadata"]["labels"].items()]
            assert found, document["metadata"]["name"]
            open_ports = {p["containerPort"] for pod in found for c in pod["spec"]["containers"] for p in c["ports"]}
            assert {port.get("targetPort", port["port"]) for port in document["spec"]["ports"]} <= open_ports


def test_kubernetes_sets_only_settings_that_exist_and_mounts_what_it_declares() -> None:
    for document in KUBERNETES:
        if document["kind"] != "Deployment":
            continue
        pod = document["spec"]["template"]["spec"]
        assert pod["automountServiceAccountToken"] is False
        declared = {volume["name"] for volume in pod.get("volumes") or []}
        for container in pod["containers"]:
            names = {row["name"] for row in container.get("env") or []}
            assert {name for name in names if name.startswith("GLASSBOX_")} <= VARIABLES
            assert {mount["name"] for mount in container.get("volumeMounts") or []} <= declared


def test_our_pods_run_as_an_ordinary_user_without_rights_and_are_asked_whether_they_serve() -> None:
    container = dict(containers())["glassbox"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["readinessProbe"]["httpGet"] == {"path": "/health", "port": 8000}
    pod = next(d for d in KUBERNETES if d["kind"] == "Deployment" and d["metadata"]["name"] == "glassbox")
    context = pod["spec"]["template"]["spec"]["securityContext"]
    assert context["runAsNonRoot"] is True
    assert str(context["runAsUser"]) in re.findall(r"--uid (\d+)", (ROOT / "Dockerfile").read_text())
    assert {volume["name"] for volume in pod["spec"]["template"]["spec"]["volumes"]} >= {"data", "tmp"}


def test_the_image_has_every_program_that_the_server_runs() -> None:
    last_stage = (ROOT / "Dockerfile").read_text().rpartition("FROM ")[2]
    assert {"nasm", "binutils", "python3"} <= set(re.findall(r"[a-z0-9-]+", last_stage))

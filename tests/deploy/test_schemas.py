"""What Kubernetes, Compose, nginx and a checker of Dockerfiles say to the files that others run by."""

from __future__ import annotations

import copy
import json
import re
import subprocess
import sys
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from app.settings import ROOT
from tests.deploy.conftest import find, nginx_configuration

KUBERNETES = list(yaml.safe_load_all((ROOT / "deploy/kubernetes/glassbox.yaml").read_text()))
VENDORED = resources.files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"
COMPOSE = jsonschema.Draft202012Validator(json.loads(VENDORED.read_text()))


def each(document: dict[str, Any]) -> str:
    return f"{document['kind']}-{document['metadata']['name']}"


def test_there_are_manifests_to_check() -> None:
    assert {document["kind"] for document in KUBERNETES} >= {"Deployment", "Service", "NetworkPolicy"}


@pytest.mark.parametrize("version", ["1.28", "1.37"])
@pytest.mark.parametrize("document", KUBERNETES, ids=each)
def test_kubernetes_takes_every_manifest(document: dict[str, Any], version: str) -> None:
    kubernetes_validate.validate(document, version, strict=True)


def test_a_slip_in_a_manifest_is_found() -> None:
    for path, name in ((("spec",), "replica"), (("spec", "template", "spec"), "hostNetworks")):
        broken: Any = copy.deepcopy(KUBERNETES[0])
        at = broken
        for step in path:
            at = at[step]
        at[name] = 2
        with pytest.raises(kubernetes_validate.ValidationError, match=name):
            kubernetes_validate.validate(broken, "1.37", strict=True)


@pytest.mark.parametrize("path", ["compose.yaml", "deploy/compose.yaml"])
def test_compose_files_are_as_the_specification_says(path: str) -> None:
    composed = yaml.safe_load((ROOT / path).read_text())
    assert [error.message for error in COMPOSE.iter_errors(composed)] == []
    composed["services"]["glassbox-9"] = {"image": "x", "capdrop": ["ALL"]}
    assert [error for error in COMPOSE.iter_errors(composed) if "capdrop" in error.message]


def test_the_image_is_built_as_images_should_be() -> None:
    checker = Path(sys.executable).with_name("hadolint")
    said = subprocess.run([checker, "--no-color", ROOT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (said.returncode, said.stdout) == (0, "")


def check_nginx(folder: Path, http: str) -> None:
    path = nginx_configuration(folder, http)
    said = subprocess.run([find("nginx"), "-t", "-c", path, "-p", folder], capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr


def test_nginx_takes_the_shipped_configuration(tmp_path: Path) -> None:
    shipped = (ROOT / "deploy" / "nginx.conf").read_text()
    check_nginx(tmp_path, re.sub(r"glassbox-\d:8000", "127.0.0.1:8000", shipped))


def test_nginx_takes_what_the_documentation_says_about_it(tmp_path: Path) -> None:
    said = (ROOT / "docs" / "hosting.md").read_text().split("## Behind nginx")[1]
    location = re.findall(r"```\n(.*?)```", said, re.DOTALL)[0]
    outside = re.findall(r"`(map [^`]*)`", said)[0]
    check_nginx(tmp_path, f"{outside}\nserver {{ listen 127.0.0.1:1; {location} }}")

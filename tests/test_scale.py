"""The commands in docs/scale.md and its examples are accepted as they stand; the manifest is what Kubernetes and KubeRay know."""

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import kubernetes_validate
import pytest
import yaml

from flawsmith.cli.main import main

DOCS = Path(__file__).parent.parent / "docs"
MANIFEST = yaml.safe_load((DOCS / "scale/kuberay.yaml").read_text(encoding="utf-8"))
# Fields of KubeRay's API types of ray.io/v1, those without which it refuses a manifest first
JOB = (
    (),
    ("entrypoint", "backoffLimit", "shutdownAfterJobFinishes", "ttlSecondsAfterFinished", "rayClusterSpec", "submissionMode", "suspend"),
)
CLUSTER = (("headGroupSpec",), ("workerGroupSpecs", "rayVersion", "enableInTreeAutoscaling", "autoscalerOptions", "suspend"))
HEAD = (("rayStartParams", "template"), ("serviceType", "headService", "enableIngress"))
WORKERS = (("groupName", "minReplicas", "maxReplicas", "rayStartParams", "template"), ("replicas", "numOfHosts", "scaleStrategy"))


def commands() -> Iterator[list[str]]:
    """Yield the words after "flawsmith" of every command in the page and its examples."""
    page = (DOCS / "scale.md").read_text(encoding="utf-8")
    lines = [line for block in re.findall(r"```bash\n(.*?)```", page, flags=re.DOTALL) for line in block.splitlines()]
    lines += re.findall(r'="(flawsmith [^"]*)"', (DOCS / "scale/slurm.sh").read_text(encoding="utf-8"))
    lines.append(MANIFEST["spec"]["entrypoint"])
    for line in lines:
        words = shlex.split(line)
        yield words[words.index("flawsmith") + 1 :]


def test_every_command_is_accepted() -> None:
    found = list(commands())
    assert {words[0] for words in found} == {"sweep", "fit", "generate"} and len(found) >= 8
    for name, *words in found:
        command = main.get_command(click.Context(main), name)
        assert command is not None
        command.make_context(name, words)  # raises click.UsageError for what it does not know


def test_the_page_s_test_sees_an_unknown_option() -> None:
    command = main.get_command(click.Context(main), "sweep")
    assert command is not None
    with pytest.raises(click.UsageError):
        command.make_context("sweep", ["root", "-o", "out", "--rays", "auto"])


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
def test_the_slurm_script_is_bash() -> None:
    assert subprocess.run(["bash", "-n", str(DOCS / "scale/slurm.sh")], capture_output=True).returncode == 0


def check_pod(template: dict[str, Any]) -> None:
    """Raise ValidationError unless Kubernetes' own schema knows every field of a pod's template."""
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "ray"}, **template}
    kubernetes_validate.validate(pod, "1.33", strict=True)


def test_a_field_that_kubernetes_does_not_know_is_seen() -> None:
    container = {"name": "ray", "image": "ray", "volumeMount": []}
    with pytest.raises(kubernetes_validate.ValidationError, match="volumeMount"):
        check_pod({"spec": {"containers": [container]}})


def test_the_manifest_has_the_fields_that_kuberay_knows() -> None:
    def check(found: dict[str, Any], fields: tuple[tuple[str, ...], tuple[str, ...]]) -> None:
        required, optional = fields
        assert set(required) <= set(found) <= {*required, *optional}

    assert (MANIFEST["apiVersion"], MANIFEST["kind"]) == ("ray.io/v1", "RayJob")
    check(MANIFEST["spec"], JOB)
    cluster = MANIFEST["spec"]["rayClusterSpec"]
    check(cluster, CLUSTER)
    check(cluster["headGroupSpec"], HEAD)
    for group in cluster["workerGroupSpecs"]:
        check(group, WORKERS)
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())  # map[string]string
        pod = group["template"]["spec"]
        check_pod(group["template"])
        volumes = {volume["name"] for volume in pod["volumes"]}
        assert all(mount["name"] in volumes for container in pod["containers"] for mount in container["volumeMounts"])

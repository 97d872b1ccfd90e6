"""The project that AWX checks out, and the image in which its jobs run."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from tests.integration.playbooks import CHECKOUT

PROJECT = CHECKOUT / "awx"
#: What a bundle is written to is thrown away with the job: it is packed from a terminal.
NOT_A_JOB = {"bundle"}


def imports() -> dict[str, list[str]]:
    """What each playbook of the project imports."""
    plays = {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in PROJECT.glob("*.yml")}
    return {
        name: [play["ansible.builtin.import_playbook"] for play in content]
        for name, content in plays.items()
        if all("ansible.builtin.import_playbook" in play for play in content)
    }


def test_each_playbook_of_the_collection_is_one_of_the_project() -> None:
    there = {path.stem for path in (CHECKOUT / "playbooks").glob("*.yml")}
    assert imports().keys() == there - NOT_A_JOB
    assert imports() == {name: [f"ibgw.ops.{name}"] for name in imports()}


def test_ansible_understands_all_of_them() -> None:
    playbooks = [PROJECT / f"{name}.yml" for name in (*imports(), "configure")]
    command = [Path(sys.executable).with_name("ansible-playbook"), "--syntax-check", *playbooks]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr


def test_a_slice_reports_to_a_host_that_it_does_not_have(tmp_path: Path) -> None:
    here = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, "ansible_become": False}
    store = {
        "diagnose_store_host": "127.0.0.1",
        "diagnose_store_dir": str(tmp_path / "store"),
        "diagnose_report_dir": "",
    }
    machine = {"diagnose_docker_host": "unix:///nonexistent/docker.sock", "gateways": [{"name": "ib-gateway"}]}
    inventory = tmp_path / "inventory.json"
    inventory.write_text(json.dumps({"all": {"vars": here | store}, "gateway_hosts": {"hosts": {"beta": machine}}}))
    ended = subprocess.run(
        [Path(sys.executable).with_name("ansible-playbook"), PROJECT / "diagnose.yml", "-i", inventory],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    report = tmp_path / "store" / "report.json"
    assert report.is_file(), ended.stdout
    assert [row["id"] for row in json.loads(report.read_text())["gateways"]] == ["beta/ib-gateway"]


def test_the_project_asks_for_this_collection() -> None:
    requirements = yaml.safe_load((PROJECT / "collections" / "requirements.yml").read_text(encoding="utf-8"))
    galaxy = yaml.safe_load((CHECKOUT / "galaxy.yml").read_text(encoding="utf-8"))
    assert [each["name"] for each in requirements["collections"]] == [f"{galaxy['repository']}.git"]


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the image would be built from."""
    context = tmp_path_factory.mktemp("context")
    command = [Path(sys.executable).with_name("ansible-builder"), "create", "--context", context]
    subprocess.run(command, cwd=CHECKOUT, check=True, capture_output=True, timeout=120)
    return context


def pinned() -> dict[str, Requirement]:
    """What a clone has installed of each distribution, by its own requirements."""
    files = [CHECKOUT / name for name in ("requirements.txt", "requirements-dev.txt")]
    lines = [line for file in files for line in file.read_text().splitlines() if line and line[0] not in "#-"]
    requirements = [Requirement(line) for line in lines]
    # The image has Python 3.11.
    return {
        each.name: each for each in requirements if not each.marker or each.marker.evaluate({"python_version": "3.11"})
    }


def test_the_image_has_the_ansible_that_is_tested(context: Path) -> None:
    (dockerfile,) = (file for file in context.iterdir() if file.is_file())
    text = dockerfile.read_text(encoding="utf-8")
    for name in ("ansible-core", "ansible-runner"):
        assert f"{name}{pinned()[name].specifier}" in text
    assert "/usr/bin/python3.11" in text


def test_the_image_has_what_the_collection_takes_on_a_controller(context: Path) -> None:
    build = context / "_build"
    wanted = [Requirement(line) for line in (build / "requirements.txt").read_text().splitlines() if line[0] != "#"]
    for each in wanted:
        (exact,) = pinned()[each.name].specifier
        assert exact.version in each.specifier
    collections = yaml.safe_load((build / "requirements.yml").read_text(encoding="utf-8"))["collections"]
    assert [each["name"] for each in collections] == ["community.docker"]
    assert {"openssh-clients", "sshpass"} <= set(
        re.findall(r"^[\w-]+", (build / "bindep.txt").read_text(), re.MULTILINE)
    )


def test_another_image_gets_the_same_with_the_collection(context: Path) -> None:
    installed = Path(sys.prefix) / "collections"
    command = [Path(sys.executable).with_name("ansible-builder"), "introspect", installed]
    told = yaml.safe_load(subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout)
    for kind, name in (("python", "requirements.txt"), ("system", "bindep.txt")):
        lines = [line for line in (context / "_build" / name).read_text().splitlines() if not line.startswith("#")]
        assert [line.partition("#")[0].strip() for line in told[kind]] == lines

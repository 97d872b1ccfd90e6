"""The project that AWX checks out, and the image in which its jobs run."""

from __future__ import annotations

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


def playbooks() -> dict[str, list[dict[str, str]]]:
    texts = {path.stem: path.read_text(encoding="utf-8") for path in PROJECT.glob("*.yml")}
    return {name: yaml.safe_load(text) for name, text in texts.items() if "import_playbook" in text}


def test_each_playbook_of_the_collection_is_one_of_the_project() -> None:
    there = {path.stem for path in (CHECKOUT / "playbooks").glob("*.yml")}
    assert playbooks().keys() == there - NOT_A_JOB
    for name, (only,) in playbooks().items():
        assert only["ansible.builtin.import_playbook"] == f"ibgw.ops.{name}"


def test_ansible_understands_all_of_them() -> None:
    command = [Path(sys.executable).with_name("ansible-playbook"), "--syntax-check", *sorted(PROJECT.glob("*.yml"))]
    ended = subprocess.run(
        [each for each in command if each.name != "settings.yml"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr


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

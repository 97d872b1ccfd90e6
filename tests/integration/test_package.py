# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The package holds the collection and nothing else, and serves a user who has ansible-core and no checkout."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tarfile
import uuid
import venv
from collections.abc import Callable, Iterator
from importlib.metadata import distribution
from pathlib import Path, PurePosixPath
from typing import Any

import docker
import pytest
from ansible_collections.ibgw.ops.plugins.module_utils.engine import address_of
from packaging.requirements import Requirement

from simulator.containers import Simulation
from tests.integration.playbooks import CHECKOUT

ALLOWED = (
    "README.md",
    "CHANGELOG.md",
    "LICENSE",
    "awx/*",
    "awx/collections/requirements.yml",
    "awx/configuration/*.yml",
    "awx/inventory/hosts.yml",
    "changelogs/changelog.yaml",
    "changelogs/config.yaml",
    "docs/*.json",
    "docs/*.md",
    "docs/examples/*.py",
    "docs/findings/*.md",
    "execution-environment.yml",
    "inventories/example/hosts.yml",
    "inventories/local/hosts.yml",
    "meta/ee-bindep.txt",
    "meta/ee-requirements.txt",
    "meta/execution-environment.yml",
    "meta/runtime.yml",
    "monitoring/alerts.test.yml",
    "monitoring/alerts.yml",
    "monitoring/dashboard.json",
    "playbooks/*.yml",
    "plugins/*/*.py",
    "plugins/module_utils/*/*.py",
    "plugins/plugin_utils/*/*.py",
    "plugins/plugin_utils/findings/config/*.py",
    "plugins/plugin_utils/page/*",
    "roles/*/README.md",
    "roles/*/defaults/main.yml",
    "roles/*/files/listen.py",
    "roles/*/files/requirements.txt",
    "roles/*/meta/*.yml",
    "roles/*/meta/readme.md",
    "roles/*/tasks/*.yml",
    "roles/*/tasks/remedies/*.yml",
    "roles/*/templates/*.j2",
    "roles/*/vars/main.yml",
)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The collection as it is published."""
    place = tmp_path_factory.mktemp("package")
    command = [Path(sys.executable).with_name("ansible-galaxy"), "collection", "build", "--output-path", place]
    subprocess.run(command, cwd=CHECKOUT, check=True, capture_output=True, timeout=60)
    (package,) = place.iterdir()
    return package


@pytest.fixture(scope="module")
def packed(package: Path) -> set[str]:
    """Every file in it, by Galaxy's own list."""
    with tarfile.open(package) as archive:
        entries = json.load(archive.extractfile("FILES.json"))["files"]
    return {entry["name"] for entry in entries if entry["ftype"] == "file"}


def test_nothing_else_is_packed(packed: set[str]) -> None:
    strays = [name for name in packed if not any(PurePosixPath("/", name).match(f"/{allowed}") for allowed in ALLOWED)]
    assert strays == [], "list it in build_ignore of galaxy.yml, or here when users need it"


def test_nothing_is_left_out(packed: set[str]) -> None:
    folders = [CHECKOUT / name for name in ("awx", "docs", "meta", "monitoring", "playbooks", "plugins", "roles")]
    needed = (path for folder in folders for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc")
    assert {path.relative_to(CHECKOUT).as_posix() for path in needed} <= packed


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with ansible-core and what that requires; no library of the probes, no link to the checkout."""
    place = tmp_path_factory.mktemp("python")
    venv.create(place, symlinks=True)
    (packages,) = place.glob("lib/*/site-packages")
    for name in required("ansible-core"):
        installed = distribution(name)
        for top in {file.parts[0] for file in installed.files or ()} - {"..", "__pycache__"}:
            (packages / top).symlink_to(Path(str(installed.locate_file(top))))
    return place / "bin" / "python3"


def required(name: str) -> set[str]:
    """The distribution and all that it requires here."""
    requirements = map(Requirement, distribution(name).requires or ())
    needed = [each.name for each in requirements if each.marker is None or each.marker.evaluate({"extra": ""})]
    return {name}.union(*(required(each) for each in needed))


Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def ansible(python: Path, home: Path, package: Path) -> Run:
    """Run a command of Ansible, say `ansible("doc", …)`, as a user who installed the package: from an empty home."""

    def run(command: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [python, "-m", "ansible", command, *arguments],
            cwd=home,
            env={"HOME": str(home), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "ANSIBLE_NOCOLOR": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )

    # What deploy needs beside it is not here; diagnosis needs nothing.
    installing = run("galaxy", "collection", "install", package, "--offline")
    assert installing.returncode == 0, installing.stdout + installing.stderr
    return run


@pytest.fixture
def installed(home: Path) -> Path:
    return home / ".ansible" / "collections" / "ansible_collections" / "ibgw" / "ops"


def diagnosed(ansible: Run, installed: Path, home: Path, *arguments: str | Path) -> dict[str, Any]:
    """The one row of a diagnosis; every task of it, and so every plugin, came from where the package was installed."""
    ended = ansible("playbook", "ibgw.ops.diagnose", "-vv", *arguments)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    tasks = re.findall(r"^task path: (.*):\d+$", ended.stdout, re.MULTILINE)
    assert tasks
    assert [task for task in tasks if not Path(task).is_relative_to(installed)] == []
    report = json.loads((home / "reports" / "report.json").read_text(encoding="utf-8"))
    assert (
        report["collection_version"]
        == json.loads((installed / "MANIFEST.json").read_text())["collection_info"]["version"]
    )
    (row,) = report["gateways"]
    return dict(row)


def test_a_saved_log_is_judged(ansible: Run, installed: Path, home: Path, log: Path) -> None:
    row = diagnosed(ansible, installed, home, "-e", f"diagnose_log_path={log}")
    assert row["code"] == "twofa.pending"


def test_metrics_need_a_library_and_say_so_before_anything_is_probed(ansible: Run, python: Path, log: Path) -> None:
    said = ansible(
        "playbook", "ibgw.ops.diagnose", "-e", f"diagnose_log_path={log}", "-e", "diagnose_metrics_file=x.prom"
    )
    assert said.returncode == 2
    assert f"please run: {python} -m pip install prometheus_client" in said.stdout + said.stderr


@pytest.fixture
def gateway(engine: docker.DockerClient) -> Iterator[str]:
    """The name of a gateway that is logged in."""
    simulation = Simulation(engine, f"ibgw-package-{uuid.uuid4().hex[:8]}")
    name = f"{simulation.name}-gateway"
    try:
        broker = simulation.start()
        broker.add_user(name, "simulated-password", "DU1234567")
        simulation.start_gateway(name, name, "simulated-password")
        broker.wait_for("login_completed", name, timeout=90)
        yield name
    finally:
        simulation.remove()


def test_a_machine_is_diagnosed(
    ansible: Run, installed: Path, home: Path, python: Path, engine: docker.DockerClient, gateway: str
) -> None:
    machine = {
        "ansible_connection": "local",
        "ansible_python_interpreter": str(python),
        "diagnose_docker_host": address_of(engine),
        "diagnose_probe_python": sys.executable,  # the libraries of the probes are on the machine, not on the controller
        "diagnose_undeclared": False,
        "gateways": [{"name": gateway, "trading_mode": "paper"}],
    }
    inventory = home / "inventory.json"
    inventory.write_text(json.dumps({"gateway_hosts": {"hosts": {"alpha": machine}}}), encoding="utf-8")
    row = diagnosed(ansible, installed, home, "-i", inventory)
    assert (row["id"], row["status"]) == (f"alpha/{gateway}", "healthy")


# Deploying names modules of community.docker from its first task on; a rebuild, only where it makes a container.
@pytest.mark.parametrize("playbook", ["audit", "bundle", "enroll", "rebuild", "recover", "release"])
def test_a_playbook_is_understood_without_another_collection(ansible: Run, playbook: str) -> None:
    ended = ansible("playbook", f"ibgw.ops.{playbook}", "--syntax-check")
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.parametrize(
    ("kind", "folder", "names"),
    [("module", "plugins/modules", "*.py"), ("filter", "plugins/filter", "*.py"), ("role", "roles", "*")],
)
def test_everything_is_documented(ansible: Run, installed: Path, kind: str, folder: str, names: str) -> None:
    there = {f"ibgw.ops.{path.stem}" for path in (installed / folder).glob(names)}
    ended = ansible("doc", "--type", kind, "--json", *sorted(there))
    assert ended.returncode == 0, ended.stderr
    documented = json.loads(ended.stdout)
    assert documented.keys() == there
    assert [name for name, said in documented.items() if "error" in said] == []

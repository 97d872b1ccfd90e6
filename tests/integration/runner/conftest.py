# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Jobs as AWX runs them, with the collection as its project installs it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.integration.playbooks import CHECKOUT
from tests.integration.runner import awx

Launch = Callable[..., awx.Job]


@pytest.fixture(scope="session")
def collections(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where `collections/requirements.yml` of a project brings the collection; without what `deploy` needs beside it."""
    built, place = tmp_path_factory.mktemp("built"), tmp_path_factory.mktemp("requirements_collections")
    galaxy = [str(Path(sys.executable).with_name("ansible-galaxy")), "collection"]
    subprocess.run(
        [*galaxy, "build", "--output-path", built], cwd=CHECKOUT, check=True, capture_output=True, timeout=60
    )
    (package,) = built.iterdir()
    install = [*galaxy, "install", package, "--offline", "--no-deps", "--force", "-p", place]
    subprocess.run(install, cwd=built, check=True, capture_output=True, timeout=60)
    return place


@pytest.fixture
def launch(collections: Path, tmp_path: Path) -> Iterator[Launch]:
    """Begin a job in a directory of its own: `launch("diagnose", {"alpha": {…}}, "--check", extra={…})`."""
    if subprocess.run([*awx.MOUNTS_OF_ITS_OWN, "true"], capture_output=True, check=False).returncode:
        pytest.skip("takes mounts of its own, by root or in a user namespace, to make a file system read-only")
    jobs: list[awx.Job] = []
    numbers = count(1)

    def launch(playbook: str, machines: dict[str, Any], *arguments: str, **how: Any) -> awx.Job:
        jobs.append(awx.launch(tmp_path / f"awx_{next(numbers)}", collections, playbook, machines, *arguments, **how))
        return jobs[-1]

    yield launch
    for job in jobs:
        job.kill()

# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A job as AWX runs it: by ansible-runner, in a directory of its own, from an inventory that is a script, without any configuration."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from simulator.waiting import until

#: What AWX sets for a job, beside paths (its settings/defaults.py and tasks/jobs.py).
ENVIRONMENT = {
    "ANSIBLE_FORCE_COLOR": "True",
    "ANSIBLE_INVENTORY_UNPARSED_FAILED": "True",
    "ANSIBLE_PARAMIKO_RECORD_HOST_KEYS": "False",
    "ANSIBLE_RETRY_FILES_ENABLED": "False",
    "AWX_HOST": "https://awx.example",
    "AWX_PRIVATE_DATA_DIR": "/tmp/awx_1_8c6ap4q5",
    "INVENTORY_ID": "1",
    "JOB_ID": "1",
    "MAX_EVENT_RES": "700000",
}
#: What AWX tells a job of itself, as extra variables.
ABOUT_THE_JOB = {
    "awx_job_id": 1,
    "awx_job_launch_type": "scheduled",
    "awx_job_template_name": "Diagnose",
    "tower_job_id": 1,
}

#: How a command gets mounts that nobody else sees: whoever is not root is so in a user namespace, where a machine allows that.
MOUNTS_OF_ITS_OWN = ("unshare", "--mount", *(("--map-root-user",) if os.geteuid() else ()))

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_SECONDS = 300.0


@dataclass(frozen=True)
class Ended:
    """How a job ended, and what AWX keeps of it."""

    status: str
    rc: int
    printed: str
    events: list[dict[str, Any]] = field(repr=False)

    @cached_property
    def output(self) -> str:
        """What its page shows, without colours."""
        return _COLOUR.sub("", "\n".join(event["stdout"] for event in self.events))

    @property
    def artifacts(self) -> dict[str, Any]:
        """What the next node of a workflow gets as extra variables."""
        (stats,) = (event["event_data"] for event in self.events if event["event"] == "playbook_on_stats")
        return dict(stats["artifact_data"])

    @property
    def verdicts(self) -> dict[str, tuple[str, str | None]]:
        """Status and code of each gateway, by the artifacts."""
        return {name: (said["status"], said["code"]) for name, said in self.artifacts["ibgw"].items()}


@dataclass
class Job:
    """A job that AWX has begun: `directory` is what it makes for it and throws away, `/runner` in its container."""

    directory: Path
    process: subprocess.Popen[str]

    def ended(self) -> Ended:
        """Wait for its end."""
        try:
            printed, _none = self.process.communicate(timeout=_SECONDS)
        finally:
            self.kill()
        kept = self.directory / "artifacts" / "1"
        events = [json.loads(path.read_text(encoding="utf-8")) for path in (kept / "job_events").glob("*-*.json")]
        return Ended(
            (kept / "status").read_text(encoding="utf-8"),
            int((kept / "rc").read_text(encoding="utf-8")),
            printed,
            sorted((event for event in events if "counter" in event), key=lambda event: int(event["counter"])),
        )

    def begun(self, task: str) -> None:
        """Wait until it is at that task."""
        events = self.directory / "artifacts" / "1" / "job_events"
        until(lambda: any(task in path.read_text(encoding="utf-8") for path in events.glob("*-*.json")), task, 120)

    def kill(self) -> None:
        """Nothing more of it happens, as if its container was taken away."""
        home = f"HOME={self.directory}".encode()
        for each in Path("/proc").glob("[0-9]*/environ"):
            with suppress(OSError):
                if home in each.read_bytes().split(b"\0"):
                    os.kill(int(each.parent.name), signal.SIGKILL)
        self.process.wait()


def launch(
    directory: Path,
    collections: Path,
    playbook: str,
    machines: Mapping[str, Any],
    *arguments: str,
    others: Mapping[str, Any] | None = None,
    extra: Mapping[str, Any] | None = None,
    writable: Sequence[Path] = (),
    **environment: str,
) -> Job:
    """Begin a playbook of the collection on `machines`; `others` are hosts of the inventory that have no gateways.

    `arguments` are what a job template sets, such as `--check` and a limit. All of this machine but the job's own directory and what
    is `writable` is read-only for it.
    """
    hosts = {**machines, **(others or {})}
    inventory = {
        "all": {"hosts": list(others or {}), "children": ["gateway_hosts"]},
        "gateway_hosts": {"hosts": list(machines)},
        "_meta": {"hostvars": {name: _told(number, said) for number, (name, said) in enumerate(hosts.items(), 1)}},
    }
    for name in ("env", "inventory", "project", "cp", "tmp"):
        (directory / name).mkdir(parents=True)
    script = directory / "inventory" / "hosts"
    script.write_text(f"#! /usr/bin/env python3\n# -*- coding: utf-8 -*-\nprint({json.dumps(inventory)!r})\n", "utf-8")
    script.chmod(0o700)
    given = yaml.dump({**ABOUT_THE_JOB, **(extra or {})}, Dumper=_Unsafe, default_flow_style=False)
    (directory / "env" / "extravars").write_text(given, encoding="utf-8")
    (directory / "env" / "cmdline").write_text(shlex.join(["-u", "root", *arguments]), encoding="utf-8")
    (directory / "project" / "job.yml").write_text(f"- import_playbook: ibgw.ops.{playbook}\n", encoding="utf-8")
    runner = Path(sys.executable).with_name("ansible-runner")
    confined = [*MOUNTS_OF_ITS_OWN, "sh", "-euc", _READ_ONLY, directory, *writable, "--"]
    command = [*confined, runner, "run", directory, "-p", "job.yml", "-i", "1"]
    process = subprocess.Popen(
        list(map(str, command)),
        cwd=directory,
        env={
            **ENVIRONMENT,
            "ANSIBLE_COLLECTIONS_PATH": f"{collections}:~/.ansible/collections:/usr/share/ansible/collections",
            "ANSIBLE_REMOTE_TMP": str(directory / "tmp"),  # that of this machine, where it is one of the inventory
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(directory / "cp"),
            "HOME": str(directory),
            "PATH": f"{runner.parent}:/usr/local/bin:/usr/bin:/bin",  # the runner calls Ansible by name
            "TMPDIR": str(directory / "tmp"),
            **environment,
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    return Job(directory, process)


#: Arguments: the job's directory (as the name of the script), what else may be written, `--`, and the command.
_READ_ONLY = """
mount --make-rprivate /
mount --bind "$0" "$0"
while [ "$1" != -- ]; do mount --bind "$1" "$1"; shift; done
shift
mount --bind "$0/project" "$0/project"
mount -o remount,bind,ro "$0/project"
mount -o remount,bind,ro /
exec "$@"
"""


class _Unsafe(yaml.SafeDumper):
    """Every text is marked as none that Ansible may take for a template (AWX utils/safe_yaml.py)."""

    def represent_data(self, data: Any) -> yaml.Node:
        return self.represent_scalar("!unsafe", data) if isinstance(data, str) else super().represent_data(data)


def _told(number: int, variables: Mapping[str, Any]) -> dict[str, Any]:
    """The variables of a host, and what AWX adds to them."""
    return {**variables, "remote_tower_enabled": "true", "remote_tower_id": number}

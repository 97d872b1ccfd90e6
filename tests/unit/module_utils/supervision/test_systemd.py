# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Units, quadlets and lines of cron that own a container, read from their files."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import pytest
from ansible_collections.ibgw.ops.plugins.module_utils.supervision import systemd
from ansible_collections.ibgw.ops.plugins.module_utils.supervision.supervisor import Managed, Supervisor, deeds

from tests.unit.module_utils.supervision.managed import gateway


def written(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def seen(tmp_path: Path, managed: Managed | None = None) -> list[Supervisor]:
    one = managed or gateway()
    folders = [[str(tmp_path / name)] for name in ("units", "quadlets", "cron/*")]
    return systemd.supervisors([one], [f"{tmp_path}/first", *folders[0]], *folders[1:])[one.id]


OWNS = "[Service]\nExecStartPre=-/usr/bin/docker stop ib-gateway\nExecStart=/usr/bin/docker start \\\n  -a ib-gateway\nRestart=always\n"


def test_a_unit_that_names_the_container_is_told_with_its_file_and_its_terms(tmp_path: Path) -> None:
    written(
        tmp_path, {"units/ib.service": OWNS, "units/ssh.service": "[Service]\nExecStart=/usr/sbin/sshd ib-gateway\n"}
    )
    (unit,) = seen(tmp_path)
    assert (str(unit), unit.does, unit.terms) == (
        "systemd unit ib.service",
        {"start", "stop", "kill"},
        "Restart=always",
    )
    assert unit.where == str(tmp_path / "units" / "ib.service")


def test_a_unit_that_runs_is_told_with_the_moment_at_which_it_was_started(tmp_path: Path) -> None:
    written(tmp_path, {"units/ib.service": OWNS})
    link = tmp_path / "invocation:ib.service"
    found = partial(systemd.supervisors, [gateway()], [f"{tmp_path}/units"], [], [], str(tmp_path))
    assert [one.began for one in found()[gateway().id]] == [None]
    link.symlink_to("0123456789abcdef0123456789abcdef")
    os.utime(link, (5, 1000), follow_symlinks=False)
    assert [(one.who, one.since, one.does) for one in deeds(found()[gateway().id])] == [
        ("systemd unit ib.service", 1000, {"start", "stop", "kill"})
    ]


@pytest.mark.parametrize(
    "files",
    [
        {"units/ib.service": OWNS.replace("ib-gateway", "other")},
        {"units/ib.service": "[Unit]\n# ExecStart=docker start ib-gateway\n"},
        {"units/ib.service": OWNS, "first/ib.service": "[Service]\nExecStart=/bin/true\n"},
        {
            "units/ib.service": "[Service]\nExecStart=docker start ib-gateway\n",
            "units/ib.service.d/own.conf": "[Service]\nExecStart=\nExecStart=docker start other\n",
        },
        {"units/run@.service": "[Service]\nExecStart=docker start %i\n"},
    ],
    ids=[
        "another container",
        "a comment",
        "overridden as a whole",
        "overridden by a drop-in",
        "a template of no instance",
    ],
)
def test_a_unit_that_does_not_own_the_container_is_not_told(tmp_path: Path, files: dict[str, str]) -> None:
    written(tmp_path, files)
    assert seen(tmp_path) == []


def test_an_instance_of_a_template_owns_what_its_name_says(tmp_path: Path) -> None:
    text = "[Service]\nWorkingDirectory=/srv/%i\nExecStart=/usr/bin/docker compose up\nExecStop=docker compose down\n"
    written(tmp_path, {"units/compose@.service": text})
    wants = tmp_path / "units" / "multi-user.target.wants"
    wants.mkdir()
    for instance in ("trading", "other"):
        (wants / f"compose@{instance}.service").symlink_to("../compose@.service")
    (unit,) = seen(tmp_path)
    assert unit.name == "compose@trading.service"


def test_the_unit_that_podman_wrote_on_the_container_owns_it(tmp_path: Path) -> None:
    written(tmp_path, {"units/pod.service": "[Service]\nExecStart=/usr/bin/podman run --cidfile=/run/x image\n"})
    (unit,) = seen(tmp_path, gateway({"PODMAN_SYSTEMD_UNIT": "pod.service"}))
    assert unit.name == "pod.service"


@pytest.mark.parametrize(
    ("name", "text", "owns"),
    [
        ("ib", "[Container]\nContainerName=ib-gateway\n[Service]\nRestart=on-failure\n", True),
        ("ib", "[Container]\nImage=gateway\n", False),
    ],
)
def test_a_quadlet_owns_the_container_that_it_names(tmp_path: Path, name: str, text: str, owns: bool) -> None:
    written(tmp_path, {f"quadlets/{name}.container": text})
    assert [one.kind for one in seen(tmp_path)] == ["quadlet"] * owns


def test_a_quadlet_without_a_name_calls_its_container_after_itself(tmp_path: Path) -> None:
    written(tmp_path, {"quadlets/own.container": "[Container]\nImage=gateway\n"})
    assert seen(tmp_path, Managed("systemd-own", "b" * 64, {}))


@pytest.mark.parametrize(
    ("line", "at"),
    [
        ("0 5 * * 1-5 root docker restart ib-gateway", "at 0 5 * * 1-5"),
        ("@daily /usr/bin/docker restart ib-gateway >/dev/null", "at @daily"),
        ("# 0 5 * * * docker restart ib-gateway", None),
        ("0 5 * * * docker restart other", None),
        ("MAILTO=docker", None),
    ],
)
def test_a_line_of_cron_is_told_with_its_times(tmp_path: Path, line: str, at: str | None) -> None:
    written(tmp_path, {"cron/ib": f"PATH=/usr/bin\n{line}\n"})
    assert [one.name for one in seen(tmp_path)] == ([at] if at else [])


def test_what_is_no_file_or_no_text_owns_nothing(tmp_path: Path) -> None:
    (tmp_path / "units" / "ib.service").mkdir(parents=True)
    (tmp_path / "units" / "odd.service").write_bytes(b"ExecStart=docker start \xff\xfe ib-gateway\n")
    (tmp_path / "units" / "gone.service").symlink_to("/nowhere")
    assert [one.name for one in seen(tmp_path)] == ["odd.service"]

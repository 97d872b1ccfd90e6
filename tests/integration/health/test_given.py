# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What real containers are given in files and how they are defined; a machine's paths, so the engine must be on this machine."""

from __future__ import annotations

import io
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.models.containers import Container

Start = Callable[..., Container]
Look = Callable[..., dict[str, Any]]

SALT = "a secret of the tests' run"
SETTINGS = "/home/ibgateway/tws_settings"
WAITS = ["bash", "-c", "ln -s {link} /tmp/link; exec sleep 1000"]


def only(result: dict[str, Any]) -> dict[str, Any]:
    (gateway,) = result["gateways"]
    return dict(gateway["container"])


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Secrets, each with something wrong, and settings that belong to another."""
    if os.geteuid() != 0:
        pytest.skip("takes root to give files away")
    for name, content, mode in (
        ("crlf", "hunter2\r\n", 0o644),
        ("of_root", "hunter2\n", 0o600),
        ("well", "FredTrader\n", 0o644),
        ("of_the_machine", "hunter2\n", 0o644),
    ):
        (tmp_path / name).write_text(content, newline="")
        (tmp_path / name).chmod(mode)
    (tmp_path / "settings").mkdir(mode=0o755)
    return tmp_path


def test_secrets_and_settings_are_seen_as_the_gateway_sees_them(start: Start, look: Look, files: Path) -> None:
    container = start(
        command=[*WAITS[:2], WAITS[2].format(link=files / "of_the_machine")],
        volumes=[
            f"{files / 'crlf'}:/run/secrets/password:ro",
            f"{files / 'of_root'}:/run/secrets/vnc:ro",
            f"{files / 'well'}:/run/secrets/other:ro",
            f"{files / 'gone'}:/opt/passphrase",  # the engine makes a directory of it
            f"{files / 'settings'}:{SETTINGS}",
        ],
        environment={
            "TRADING_MODE": "paper",
            "TWS_USERID": "FredTrader",
            "TWS_PASSWORD_FILE": "/run/secrets/password",
            "VNC_SERVER_PASSWORD_FILE": "/run/secrets/vnc",
            "SSH_PASSPHRASE_FILE": "/opt/passphrase",
            "TWS_PASSWORD_PAPER_FILE": "/tmp/link",
            "TWS_SETTINGS_PATH": SETTINGS,
        },
        tmpfs={"/scratch": "size=1m"},
    )

    def secrets(seen: dict[str, Any]) -> dict[str | None, tuple[Any, ...]]:
        told = ("kind", "readable_by_gateway", "carriage_return")
        return {one["variable"]: tuple(one[key] for key in told) for one in seen["secrets"]}

    result = look(container, user_salt=SALT)
    seen = only(result)
    expected = {
        "TWS_PASSWORD_FILE": ("file", True, True),
        "VNC_SERVER_PASSWORD_FILE": ("file", False, False),
        "SSH_PASSPHRASE_FILE": ("directory", None, None),
        None: ("file", True, False),
    }
    assert secrets(seen) == {**expected, "TWS_PASSWORD_PAPER_FILE": ("missing", None, None)}  # the link stays inside
    (settings,) = seen["settings"]
    assert (settings["mount"], settings["kind"], settings["writable_by_gateway"]) == (SETTINGS, "directory", False)
    assert settings["owner"] == {"uid": 0, "gid": 0, "mode": "0755"}
    assert seen["user"] == {"uid": 1000, "gid": 1000}
    assert seen["tmpfs"] == {"/scratch": "size=1m"}
    assert seen["users"]["paper"]
    assert not {"hunter2", "fredtrader"} & set(json.dumps(result).lower().replace('"', " ").split())
    assert "TWS_PASSWORD_FILE" in seen["environment_given"]
    assert "TWS_MAJOR_VRSN" not in seen["environment_given"]

    container.stop(timeout=1)
    (files / "settings").chmod(0o777)
    stopped = only(look(container, user_salt=SALT))
    assert secrets(stopped) == {
        **expected,
        "TWS_PASSWORD_PAPER_FILE": (None, None, None),
    }  # its own files are out of reach
    assert stopped["settings"][0]["writable_by_gateway"] is True
    assert stopped["users"] == seen["users"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with little room and few file entries."""
    if os.geteuid() != 0:
        pytest.skip("takes root to mount one")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,nr_inodes=3", "small", str(tmp_path)], check=True)
    yield tmp_path
    subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)


def test_a_full_disk_under_the_settings_is_seen(
    engine: docker.DockerClient, start: Start, look: Look, small_disk: Path
) -> None:
    settings = small_disk / "settings"
    settings.mkdir()
    container = start(command=["sleep", "1000"], volumes=[f"{settings}:{SETTINGS}"])

    def disk() -> dict[str, Any]:
        result = look(container)
        (mount,) = only(result)["mounts"]
        assert engine.info()["DockerRootDir"] in {one["path"] for one in result["host"]["disks"]}
        return next(one for one in result["host"]["disks"] if one["path"] == mount["disk"])

    assert (disk()["total"], disk()["free_inodes"]) == (2**20, 1)
    (settings / "all").write_bytes(b"x" * 2**20)
    assert (disk()["free"], disk()["free_inodes"]) == (0, 0)


def test_a_derived_image_is_of_its_family_and_says_what_it_adds(
    engine: docker.DockerClient, start: Start, look: Look, image: str
) -> None:
    dockerfile = f"FROM {image}\nENV OWN=1\nHEALTHCHECK --interval=7s CMD true\nLABEL org.opencontainers.image.description=\nCMD sleep 1000\n"
    derived, _log = engine.images.build(fileobj=io.BytesIO(dockerfile.encode()), tag="health-derived:latest", rm=True)
    try:
        by_tag = start("tag", image="health-derived", command=None, environment={"OWN": "2"})
        by_id = start("id", image=derived.id, command=None, healthcheck={"test": ["NONE"]})
        first, second = look(by_tag, by_id)["gateways"]
    finally:
        engine.images.remove("health-derived:latest", force=True)

    assert first["family"]["name"] == second["family"]["name"] == "gnzsnz-ibc"
    named = [one["container"]["image_named_by"] for one in (first, second)]
    assert named == ["latest", "id"]
    check = first["container"]["healthcheck"]
    assert (check["test"], check["interval"], check["retries"], check["from_image"]) == ("CMD-SHELL true", 7, 3, True)
    assert second["container"]["healthcheck"] is None
    assert first["container"]["environment_given"] == ["OWN"]
    assert second["container"]["environment_given"] == []
    assert first["container"]["image_created"] > "2026"


def test_two_gateways_with_one_user_show_it_and_no_name(start: Start, look: Look, tmp_path: Path) -> None:
    ini = tmp_path / "config.ini"
    ini.write_text("IbLoginId=FREDTRADER\nIbPassword=hunter2\n")
    by_variable = start(command=["sleep", "1000"], environment={"TRADING_MODE": "live", "TWS_USERID": "fredtrader"})
    own = {"TRADING_MODE": "live", "CUSTOM_CONFIG": "yes"}
    by_file = start(
        "file", command=["sleep", "1000"], environment=own, volumes=[f"{ini}:/home/ibgateway/ibc/config.ini"]
    )

    result = look(by_variable, by_file, user_salt=SALT)
    first, second = (one["container"]["users"] for one in result["gateways"])
    if os.geteuid() == 0:
        assert first == second
    assert first["live"]
    assert first["paper"] is None
    assert "fredtrader" not in json.dumps(result).lower()
    assert only(look(by_variable))["users"] == {"live": None, "paper": None}

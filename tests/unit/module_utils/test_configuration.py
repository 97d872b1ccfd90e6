# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a gateway is given in files; a container's root directory is a directory of the test here."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.module_utils import configuration, host, procfs
from ansible_collections.ibgw.ops.plugins.module_utils.families.recognise import BY_NAME

IBC = BY_NAME["gnzsnz-ibc"]
SALT = "a secret of this run"
ME = procfs.Credentials(os.getuid(), os.getgid())
STRANGER = procfs.Credentials(4711, 4711)
SETTINGS = "/home/ibgateway/tws_settings"


@pytest.fixture
def inside(tmp_path: Path) -> Path:
    """The container's root directory."""
    tmp_path.chmod(0o755)
    for directory in ("root", "root/run/secrets", f"root{SETTINGS}", "root/home/ibgateway/ibc"):
        (tmp_path / directory).mkdir(parents=True, exist_ok=True)
    return tmp_path / "root"


@pytest.fixture
def where(inside: Path) -> Iterator[Any]:
    """Looks into that directory, as into the root of a container with this environment and these mounts."""
    opened = os.open(inside, os.O_PATH)

    def given(
        *mounts: tuple[str, str], user: procfs.Credentials = ME, running: bool = True, **environment: str
    ) -> configuration.Surroundings:
        told = [{"Type": "bind", "Source": source, "Destination": target, "RW": True} for source, target in mounts]
        root = opened if running else None
        return configuration.Surroundings(told, {"TRADING_MODE": "paper", **environment}, user, root, here=True)

    yield given
    os.close(opened)


# Secrets


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("hunter2", {}),
        ("hunter2\n\n", {}),
        ("hunter2\r\n", {"carriage_return": True}),
        ("hunter2 \n", {"trailing_blank": True}),
        ("\n", {"empty": True}),
        ("", {"empty": True}),
    ],
)
def test_of_a_secret_is_told_what_makes_it_fail_and_nothing_else(
    inside: Path, where: Any, content: str, told: dict[str, bool]
) -> None:
    (inside / "run/secrets/password").write_text(content, newline="")
    (secret,) = configuration.secrets(where(TWS_PASSWORD_FILE="/run/secrets/password"))
    well = {"kind": "file", "readable_by_gateway": True, "empty": False, "carriage_return": False}
    assert {**well, "trailing_blank": False, **told}.items() <= secret.items()
    assert "hunter2" not in json.dumps(secret)


@pytest.mark.parametrize(
    ("path", "kind"), [("/run/secrets/gone", "missing"), ("/run/secrets", "directory"), ("/run/link", "missing")]
)
def test_a_secret_that_is_no_file(inside: Path, where: Any, path: str, kind: str) -> None:
    (inside / "run/link").symlink_to("/etc/shadow")  # of the machine there is one
    (secret,) = configuration.secrets(where(TWS_PASSWORD_FILE=path))
    assert (secret["kind"], secret["readable_by_gateway"], secret["empty"]) == (kind, None, None)


def test_whose_secret_it_is_decides_who_reads_it(inside: Path, where: Any) -> None:
    (inside / "run/secrets/password").write_text("hunter2")
    for mode, mine, others in ((0o600, True, False), (0o644, True, True)):
        (inside / "run/secrets/password").chmod(mode)
        seen = [
            configuration.secrets(where(user=user, TWS_PASSWORD_FILE="/run/secrets/password"))[0]
            for user in (ME, STRANGER)
        ]
        assert [one["readable_by_gateway"] for one in seen] == [mine, others]
        assert [one["world_readable"] for one in seen] == [others, others]


def test_secrets_are_those_that_a_variable_names_and_what_else_is_mounted_as_one(where: Any, tmp_path: Path) -> None:
    (tmp_path / "own").write_text("x")
    told = configuration.secrets(
        where(
            (str(tmp_path / "own"), "/run/secrets/api_key"),
            (str(tmp_path / "own"), "/opt/own"),
            running=False,
            TWS_PASSWORD_FILE="/run/secrets/gone",
            VNC_SERVER_PASSWORD_FILE="",
            CA_FILE="/etc/ca.pem",
            IBC_SETTINGS_FILE="/home/ibgateway/settings.toml",
        )
    )
    assert [(one["variable"], one["path"], one["kind"]) for one in told] == [
        ("TWS_PASSWORD_FILE", "/run/secrets/gone", None),  # it does not run, and nothing is mounted there
        (None, "/run/secrets/api_key", "file"),
    ]


def test_a_container_that_does_not_run_is_seen_through_its_mounts(where: Any, tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files/password").write_text("hunter2\r\n", newline="")
    (tmp_path / "files/link").symlink_to("/etc/passwd")
    mounts = [(str(tmp_path / "files"), "/files"), (str(tmp_path / "gone"), "/gone")]
    asked = {
        "TWS_PASSWORD_FILE": "/files/password",
        "SSH_PASSPHRASE_FILE": "/gone",
        "VNC_SERVER_PASSWORD_FILE": "/files/link",
    }
    told = {one["variable"]: one for one in configuration.secrets(where(*mounts, running=False, **asked))}
    assert told["TWS_PASSWORD_FILE"]["carriage_return"] is True
    assert told["TWS_PASSWORD_FILE"]["source"] == str(tmp_path / "files")
    assert told["SSH_PASSPHRASE_FILE"]["kind"] == "missing"
    assert told["VNC_SERVER_PASSWORD_FILE"]["kind"] is None  # inside it leads elsewhere


# Settings


def test_settings_lie_where_the_variable_says_and_in_its_mount(inside: Path, where: Any, tmp_path: Path) -> None:
    mount = (str(tmp_path), SETTINGS)
    (told,) = configuration.settings(where(mount, TWS_SETTINGS_PATH=SETTINGS), IBC)
    assert (told["path"], told["mount"], told["kind"]) == (SETTINGS, SETTINGS, "directory")
    assert (told["writable_by_gateway"], told["blocked_by"]) == (True, [])
    (told,) = configuration.settings(where(mount, TWS_PATH="/home/ibgateway/Jts"), IBC)
    assert (told["path"], told["mount"]) == ("/home/ibgateway/Jts", None)


def test_in_mode_both_each_mode_has_its_own_beside_the_mount(where: Any, tmp_path: Path) -> None:
    given = where((str(tmp_path), SETTINGS), TWS_SETTINGS_PATH=SETTINGS, TRADING_MODE="both")
    told = [(one["path"], one["mount"], one["kind"]) for one in configuration.settings(given, IBC)]
    assert told == [(f"{SETTINGS}_live", None, "missing"), (f"{SETTINGS}_paper", None, "missing")]


@pytest.mark.parametrize(
    ("path", "writable"),
    [
        (SETTINGS, False),
        ("/open/settings", True),  # is made in a directory that it may write to
        ("/closed/settings", False),
        ("/gone/settings", False),  # its parent is not made
        ("/file", False),
    ],
)
def test_settings_can_be_written_or_made_by_the_gateways_user(
    inside: Path, where: Any, path: str, writable: bool
) -> None:
    for name, mode in (("open", 0o777), ("closed", 0o755)):
        (inside / name).mkdir()
        (inside / name).chmod(mode)
    (inside / "file").touch()
    (inside / "file").chmod(0o666)
    (told,) = configuration.settings(where(user=STRANGER, TWS_SETTINGS_PATH=path), IBC)
    assert told["writable_by_gateway"] is writable


@pytest.mark.parametrize(
    ("written", "zone"),
    [
        (
            "[IBGateway]\nTrustedIPs=127.0.0.1\n[Logon]\nuseRemoteSettings=false\nTimeZone=Etc/UTC\nLocale=en\n",
            "Etc/UTC",
        ),
        ("[Logon]\r\nTimeZone=America/New_York\r\n", "America/New_York"),
        ("[Logon]\nLocale=en\n[Communication]\nTimeZone=Etc/UTC\n", None),
        ("[Logon]\nTimeZone=\x1b[31mred", "red"),
        ("TimeZone=Etc/UTC\n", None),
        ("[Logon]\nTimeZone= Etc/UTC \t\r\n[S3store]\nTimeZone=Asia/Tokyo\n", "Etc/UTC"),
        (f"[Logon]\nTimeZone=a{' ' * 65_000}b", "a"),  # at once, not after half a minute
    ],
)
def test_the_zone_that_the_settings_keep_is_told(inside: Path, where: Any, written: str, zone: str | None) -> None:
    (inside / SETTINGS[1:] / "jts.ini").write_bytes(written.encode())
    (told,) = configuration.settings(where(user=STRANGER, TWS_SETTINGS_PATH=SETTINGS), IBC)
    assert told["time_zone"] == zone


def test_what_stands_in_the_way_of_jts_ini_is_told(inside: Path, where: Any) -> None:
    settings = inside / SETTINGS[1:]
    settings.chmod(0o777)

    def blocked() -> list[str]:
        (told,) = configuration.settings(where(user=STRANGER, TWS_SETTINGS_PATH=SETTINGS), IBC)
        return list(told["blocked_by"])

    assert blocked() == []
    (settings / "jts.ini").touch(0o644)
    assert blocked() == ["jts.ini"]
    (settings / "jts.ini").chmod(0o666)
    assert blocked() == []
    (settings / "jts.ini").unlink()
    (settings / "jts.ini").mkdir(0o777)
    assert blocked() == ["jts.ini"]


def test_a_mount_that_is_read_only_is_written_by_nobody(where: Any, tmp_path: Path) -> None:
    given = where((str(tmp_path), SETTINGS), TWS_SETTINGS_PATH=SETTINGS)
    given.mounts[0]["RW"] = False
    assert configuration.settings(given, IBC)[0]["writable_by_gateway"] is False
    assert configuration.mounts(given, IBC)[0]["writable_by_gateway"] is False


# Mounts


def test_mounts_of_settings_and_secrets_are_told_first(where: Any, tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    given = where(
        (str(tmp_path), "/own/scripts"),
        (str(tmp_path / "f"), "/run/secrets/password"),
        (str(tmp_path / "gone"), "/data"),
        (str(tmp_path), "/home/ibgateway"),
        TWS_SETTINGS_PATH=SETTINGS,
        running=False,
    )
    told = configuration.mounts(given, IBC)
    assert [one["target"] for one in told] == ["/run/secrets/password", "/home/ibgateway", "/own/scripts", "/data"]
    assert [one["kind"] for one in told] == ["file", "directory", "directory", "missing"]
    assert [one["source_exists"] for one in told] == [True, True, True, False]


def test_a_mount_tells_the_disk_that_it_lies_on(where: Any, tmp_path: Path) -> None:
    given = where((str(tmp_path), SETTINGS))
    disks = host.disks(["/proc", str(tmp_path)])
    on = configuration.Surroundings(given.mounts, {}, ME, here=True, disks=disks)
    assert configuration.mounts(on, IBC)[0]["disk"] == str(tmp_path)
    assert configuration.mounts(given, IBC)[0]["disk"] is None


# Users


def users(given: configuration.Surroundings, family: str = "gnzsnz-ibc", salt: str = SALT) -> dict[str, str | None]:
    return configuration.users(given, BY_NAME[family], salt)


def test_the_same_user_has_the_same_hash_however_it_is_given(inside: Path, where: Any) -> None:
    (inside / "run/secrets/user").write_text("fredtrader\n")
    (inside / "home/ibgateway/ibc/config.ini").write_text("IbLoginId=old\nIbPassword=x\n IbLoginId = FredTrader \n")
    by_variable = users(where(TWS_USERID="FredTrader"))
    ini = "/home/ibgateway/ibc/config.ini"
    assert by_variable["live"] is None
    assert by_variable["paper"]
    assert by_variable == users(where(IBC_INI=ini, TWS_USERID="ignored"))
    by_file = where(IBC_TRADING_MODE="paper", IBC_USERID_FILE="/run/secrets/user")
    assert by_variable == users(by_file, "gnzsnz-ibcontroller")
    assert by_variable != users(where(TWS_USERID="somebody"))
    assert by_variable != users(where(TWS_USERID="FredTrader"), salt="the secret of another run")
    assert "fred" not in json.dumps(by_variable).lower()


@pytest.mark.parametrize(
    ("family", "environment", "same", "known"),
    [
        ("gnzsnz-ibc", {"TRADING_MODE": "both"}, False, {"live", "paper"}),
        ("gnzsnz-ibc", {"TRADING_MODE": "live"}, False, {"live"}),
        ("ibg-controller", {"TRADING_MODE": "paper"}, False, {"paper"}),
        ("gnzsnz-ibc", {"TRADING_MODE": "demo"}, True, {"live", "paper"}),  # nobody knows in which
    ],
)
def test_each_mode_has_its_user(
    where: Any, family: str, environment: dict[str, str], same: bool, known: set[str]
) -> None:
    told = users(where(**{"TWS_USERID": "me", "TWS_USERID_PAPER": "mypaper", **environment}), family)
    assert {mode for mode, name in told.items() if name} == known
    assert (told["live"] == told["paper"]) is same
    if known == {"paper"}:
        assert told["paper"] == users(where(TWS_USERID="mypaper"))["paper"]


def test_a_user_that_can_not_be_read_is_not_known(where: Any) -> None:
    assert users(where(TWS_USERID="")) == {"live": None, "paper": None}

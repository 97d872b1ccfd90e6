# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is collected of a gateway tells all that helps and no secret, wherever one stands."""

from __future__ import annotations

import io
import json
import os
import tarfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from ansible_collections.ibgw.ops.plugins.module_utils import collect
from ansible_collections.ibgw.ops.plugins.module_utils.families.recognise import BY_NAME, Recognition
from ansible_collections.ibgw.ops.plugins.module_utils.probe import Misuse, Unavailable
from ansible_collections.ibgw.ops.plugins.module_utils.redact import spellings
from ansible_collections.ibgw.ops.plugins.module_utils.targets import Target
from docker.errors import NotFound

USER, PASSWORD, KEY, ACCOUNT = "alice1977", 'hunter2"pass word', "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", "U1234567"
EXTRA, LABEL, OPTION, ON_LINE, CHECK = (
    "extra-secret-1",
    "label-secret-2",
    "option-secret-3",
    "line-secret-4",
    "check-secret-5",
)
PLANTED = (USER, PASSWORD, KEY, ACCOUNT, EXTRA, LABEL, OPTION, ON_LINE, CHECK, json.dumps(PASSWORD)[1:-1], "hunter2")

LOG = f"""\
2026-03-02T10:00:00.000000000Z 2026-03-02 10:00:00:000 IBC: version: 3.24.1
2026-03-02T10:00:00.000000000Z     TradingMode=live
2026-03-02T10:00:00.000000000Z     IbPassword={ON_LINE}
2026-03-02T10:00:01.000000000Z logging in as {USER}, with {PASSWORD} and {KEY}
2026-03-02T10:00:01.000000000Z \x1b[31mhook says {EXTRA}; {LABEL}; {OPTION}; {CHECK}\x1b[0m
2026-03-02T10:00:02.000000000Z account {ACCOUNT} connected
2026-03-02T10:00:03.000000000Z trading mode live is plain
"""

INSPECTED: dict[str, Any] = {
    "Id": "c0ffee",
    "Image": "sha256:1",
    "Name": "/ib-gateway",
    "Path": "run.sh",
    "Args": ["--pw", OPTION, "--mode", "live"],
    "State": {"Status": "running", "Error": f"for {USER}", "Health": {"Log": [{"Output": f"user {USER} {ACCOUNT}"}]}},
    "Config": {
        "Env": [
            f"TWS_USERID={USER}",
            "TWS_PASSWORD_FILE=/run/secrets/password",
            "IBC_INI=/home/ibgateway/ibc/config.ini",
            f"SOME_TOTP_KEY={KEY}",
            f"MY_TOKEN={EXTRA}",
            "TRADING_MODE=live",
        ],
        "Labels": {"deploy.password": LABEL, "com.docker.compose.project": "trading"},
        "Cmd": ["java", "ibcalpha.ibc.IbcGateway", "/config.ini", USER, PASSWORD],
        "Healthcheck": {"Test": ["CMD", "check", "--token", CHECK]},
    },
    "HostConfig": {
        "NetworkMode": "bridge",
        "LogConfig": {"Type": "json-file", "Config": {"max-size": "10m", "splunk-token": EXTRA}},
        "Mounts": [{"VolumeOptions": {"DriverConfig": {"Options": {"o": f"user={USER},pass={PASSWORD}"}}}}],
    },
}

FILES = {
    "/run/secrets/password": PASSWORD + "\n",
    "/home/ibgateway/ibc/config.ini": f"IbLoginId={USER}\nIbPassword={PASSWORD}\nReadOnlyApi=no\n",
}


class Engine:
    """The part of the SDK's client that is asked, over what one container holds."""

    base_url, api_version = "http+docker://localhost", "1.41"

    def __init__(self, log: str = LOG, files: dict[str, str] = FILES) -> None:
        self.api = self
        self._log = log.encode()
        self._files = files

    def get_adapter(self, _url: str) -> object:
        return object()

    def get_archive(self, _container: str, path: str) -> tuple[Iterator[bytes], dict[str, Any]]:
        if path not in self._files:
            raise NotFound("no such file")
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            entry = tarfile.TarInfo(os.path.basename(path))
            entry.size = len(self._files[path].encode())
            archive.addfile(entry, io.BytesIO(self._files[path].encode()))
        return iter([packed.getvalue()]), {}

    def logs(self, _container: str, tail: int, **_options: Any) -> Iterator[bytes]:
        if self._log == b"":
            raise RuntimeError("configured logging driver does not support reading")
        yield b"".join(self._log.splitlines(keepends=True)[-tail:])

    def info(self) -> dict[str, Any]:
        return {}

    def get(self, _url: str, **_options: Any) -> requests.Response:
        """The events."""
        started = {"time": 1767225600, "Action": "start", "Actor": {"ID": "c0ffee", "Attributes": {"note": LABEL}}}
        answer = requests.Response()
        answer.status_code, answer.raw = 200, io.BytesIO(json.dumps(started).encode())
        return answer


def collected(engine: Any, log_bytes: int = 1 << 20) -> tuple[dict[str, Any], dict[str, str]]:
    """What is told of the container, and the files about it."""
    target = Target(
        "ib-gateway", True, (), INSPECTED, recognition=Recognition(BY_NAME["gnzsnz-ibc"], "certain", ("test",))
    )
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        told = collect._collect(collect.Look(engine, target, log_bytes, time.monotonic() + 60), "0", archive)
    packed.seek(0)
    with tarfile.open(fileobj=packed) as archive:
        held = {entry.name: archive.extractfile(entry) for entry in archive}
        files = {name: file.read().decode() for name, file in held.items() if file}
    return told, files


def test_no_planted_secret_is_in_any_file() -> None:
    told, files = collected(Engine())
    assert sorted(files) == ["0/config.ini", "0/events.json", "0/inspect.json", "0/log"]
    for name, text in {**files, "result": json.dumps(told)}.items():
        assert [secret for secret in PLANTED if secret in text] == [], name
    assert told["missing"] == []


def test_what_helps_is_still_there() -> None:
    _told, files = collected(Engine())
    assert "trading mode live is plain" in files["0/log"]
    assert "    TradingMode=live" in files["0/log"]
    assert "account U12***67 connected" in files["0/log"]
    assert "\x1b" not in files["0/log"]
    assert files["0/log"].count("\n") == LOG.count("\n")
    assert "ReadOnlyApi=no" in files["0/config.ini"]
    inspected = json.loads(files["0/inspect.json"])
    assert inspected["Config"]["Env"]["TRADING_MODE"] == "live"
    assert inspected["Config"]["Env"]["TWS_USERID"] == "<set>"
    assert inspected["Config"]["Labels"] == {"com.docker.compose.project": "trading", "deploy.password": "<set>"}
    assert inspected["Args"] == ["--pw", "***", "--mode", "live"]
    assert inspected["Config"]["Cmd"] == ["java", "ibcalpha.ibc.IbcGateway", "/config.ini", "***", "***"]
    assert inspected["HostConfig"]["LogConfig"]["Config"] == {"max-size": "10m", "splunk-token": "<set>"}


def test_it_says_what_was_taken_out_by_which_rule() -> None:
    told, _files = collected(Engine())
    (log,) = (each for each in told["files"] if each["kind"] == "log")
    assert log["masked"] == {"known_value": 8, "account_id": 1}
    assert log["whole"]


def test_a_long_log_is_kept_from_its_end_and_said_to_have_begun_before() -> None:
    told, files = collected(Engine(LOG * 50), log_bytes=500)
    (log,) = (each for each in told["files"] if each["kind"] == "log")
    assert not log["whole"]
    assert len(files["0/log"]) <= 500
    assert files["0/log"].startswith("2026-03-02T10:00:0")
    assert files["0/log"].endswith("plain\n")


def test_a_log_that_can_not_be_read_costs_nothing_else() -> None:
    told, files = collected(Engine(log=""))
    assert sorted(files) == ["0/config.ini", "0/events.json", "0/inspect.json"]
    assert [(each["what"], "can not be read" in each["reason"]) for each in told["missing"]] == [("log", True)]


def test_nothing_is_told_where_it_is_not_known_what_must_not_be() -> None:
    class Hung(Engine):
        def get_archive(self, _container: str, path: str) -> tuple[Iterator[bytes], dict[str, Any]]:
            raise TimeoutError(path)

    with pytest.raises(Unavailable, match="did not answer"):
        collected(Hung())


def test_a_file_of_settings_is_taken_once_whatever_families_name_it() -> None:
    told, _files = collected(Engine())
    assert [each["path"] for each in told["files"]].count("0/config.ini") == 1


def test_a_container_without_files_of_settings_has_none() -> None:
    told, files = collected(Engine(files={}))
    assert "0/config.ini" not in files
    assert told["missing"] == []


@pytest.mark.parametrize(
    ("line", "redacted"),
    [
        (b"plain \xff words", "plain \N{REPLACEMENT CHARACTER} words"),
        (b"a " * 3000, "a " * 2047 + "a …"),
        (b"x" * 9000, " …"),  # nothing but one word: half a secret can not be told from a word
        (b"ok " * 1360 + b"password=" + b"s" * 99, "ok " * 1359 + "ok …"),
    ],
)
def test_odd_lines(line: bytes, redacted: str) -> None:
    assert collect.redacted_line(line, (), Counter()) == redacted


@pytest.mark.parametrize("word", ["live", "paper", "yes", "true"])
def test_a_secret_that_is_a_word_of_every_log_is_not_taken_out_of_it(word: str) -> None:
    assert word not in spellings([word, "secret"])


def test_a_directory_that_others_may_use_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with pytest.raises(Misuse, match="only its owner"):
        collect.probe([], str(tmp_path), 1000, None, 1.0)


@pytest.mark.parametrize("log_bytes", [0, -1, collect.LOG_BYTES + 1])
def test_as_much_of_a_log_as_makes_no_sense_is_refused(tmp_path: Path, log_bytes: int) -> None:
    with pytest.raises(Misuse, match="allowed are 1 to"):
        collect.probe([], str(tmp_path), log_bytes, None, 1.0)


def test_the_file_is_never_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / collect.ARCHIVE).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError):
        collect._new_file(str(tmp_path / collect.ARCHIVE), os.stat(tmp_path))
    assert not (tmp_path / "elsewhere").exists()

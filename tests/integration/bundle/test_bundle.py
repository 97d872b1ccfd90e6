"""A bundle of a real container: whoever gets it comes to the same verdict, and finds no secret in it."""

from __future__ import annotations

import json
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.gateways import PUSH, Running, Start
from tests.integration.playbooks import HERE, Play, Run, write_inventory

TOTP_KEY, TOKEN, LABEL, OPTION = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", "token-of-a-hook", "secret-label", "secret-option"
PASSWORD, ACCOUNT = "simulated-password", "U1234567"

#: What a script of the user's own, which the image runs, prints into the log.
SAYS = f"echo user $TWS_USERID uses {TOKEN}, {LABEL}, {OPTION}; echo {ACCOUNT} {TOTP_KEY}; cat $TWS_PASSWORD_FILE"


@pytest.fixture(scope="module")
def waiting(start: Start) -> Running:
    """A live gateway that waits for its push, and gives away what it can on its way there."""
    gateway = start(
        "live",
        user=PUSH,
        environment={"HOOK_TOKEN": TOKEN, "SOME_TOTP_KEY": TOTP_KEY},
        labels={"deploy.password": LABEL, "com.example.note": f"password={LABEL}"},
        healthcheck={"test": ["CMD", "true", "--password", OPTION], "interval": 10**9},
    )
    said = gateway.container.exec_run(["sh", "-c", f"({SAYS}) > /proc/1/fd/1"])
    assert said.exit_code == 0, said.output
    gateway.wait_for_line("Second Factor Authentication initiated")
    return gateway


Pack = Callable[..., Run]


@pytest.fixture
def pack(ansible_playbook: Play, waiting: Running, address: str, tmp_path: Path) -> Pack:
    """Make a bundle of that gateway, and of a machine beside it that does not answer."""
    gateways = [{"name": waiting.user, "trading_mode": "live"}]
    alpha = {**HERE, "diagnose_docker_host": address, "gateways": gateways}
    beta = {"ansible_host": "127.0.0.1", "ansible_port": 1, "gateways": [{"name": "other"}]}
    inventory = write_inventory(tmp_path, {"alpha": alpha, "beta": beta})

    def pack(*arguments: str) -> Run:
        (tmp_path / "tmp").mkdir(exist_ok=True)
        return ansible_playbook("bundle", "-i", inventory, *arguments, TMPDIR=str(tmp_path / "tmp"))

    return pack


def unpacked(directory: Path) -> tuple[Path, dict[str, str]]:
    """The one bundle in `directory`, and its files."""
    (path,) = directory.glob("ibgw-bundle-*.tar.gz")
    with tarfile.open(path) as archive:
        members = {entry.name.partition("/")[2]: archive.extractfile(entry) for entry in archive}
        return path, {name: file.read().decode() for name, file in members.items() if file}


def test_whoever_gets_it_comes_to_the_same_verdict_and_finds_no_secret(
    pack: Pack, ansible_playbook: Play, waiting: Running, tmp_path: Path
) -> None:
    packed = pack()
    assert packed.status == 0, packed.output
    path, files = unpacked(tmp_path / "bundles")
    name = waiting.container.name
    manifest = json.loads(files["manifest.json"])

    assert {*files} == {
        *("manifest.json", "report.json", "evidence.json", "versions.json"),
        *(f"{kind}/alpha/{name}.{end}" for kind, end in (("logs", "log"), ("inspect", "json"), ("events", "json"))),
        f"configuration/alpha/{name}/config.ini",
    }
    assert [(each["machine"], each["gateway"], each["what"]) for each in manifest["missing"]] == [("beta", None, "all")]

    # The name of the container is the user's, too, in these tests; no name of a gateway is taken for a secret.
    planted = (PASSWORD, ACCOUNT, TOTP_KEY, TOKEN, LABEL, OPTION, f"user {waiting.user}")
    assert {f"{where}: {secret}" for where, text in files.items() for secret in planted if secret in text} == set()
    assert planted[-1] in waiting.log()
    assert manifest["masked"]["account_id"] >= 1
    assert "Second Factor Authentication initiated" in files[f"logs/alpha/{name}.log"]

    again = ansible_playbook("diagnose", "-e", f"diagnose_bundle={path}", "-e", "diagnose_fail_on=never")
    assert again.status == 0, again.output
    first = json.loads(files["report.json"])
    second = again.report
    assert second is not None
    assert json.dumps(second["gateways"]) == json.dumps(first["gateways"])
    assert {row["id"]: row["code"] for row in second["gateways"]} == {
        f"alpha/{name}": "twofa.pending",
        "beta/other": "host.unreachable",
    }
    assert os.listdir(tmp_path / "tmp") == []


def test_nothing_stays_behind_when_it_can_not_be_written(pack: Pack, tmp_path: Path) -> None:
    (tmp_path / "bundles").write_text("a file")
    packed = pack("-l", "alpha")
    assert packed.status == 2
    assert "bundle_dir names another directory" in packed.output
    assert os.listdir(tmp_path / "tmp") == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["bundle_log_bytes=0"], "allowed are 1 to 67108864 bytes"),
        (["bundle_timeout=-5"], "bundle_timeout is -5; allowed are 1 to 3600 seconds"),
        (["bundle_only=alpha/nobody"], "no such gateway is declared or found"),
    ],
)
def test_what_makes_no_sense_is_refused(pack: Pack, tmp_path: Path, arguments: list[str], said: str) -> None:
    packed = pack("-l", "alpha", "-e", *arguments)
    assert packed.status == 2
    assert said in packed.output
    assert not (tmp_path / "bundles").exists()

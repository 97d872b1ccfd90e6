# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is merged into daemon.json, what is refused, what waits for a restart, and what such a restart would harm."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.filter.docker_engine_plan import docker_engine_plan
from ansible_collections.ibgw.ops.plugins.plugin_utils.docker_engine import Refused, plan, restart_obstacle

SETTINGS = {"live-restore": True, "log-opts": {"max-size": "50m", "max-file": "5"}}
IN_EFFECT = json.dumps(SETTINGS)


def unit(
    options: str = "-H fd:// --containerd=/run/containerd/containerd.sock", pid: int = 7, environment: str = ""
) -> str:
    """What systemctl shows of a unit that is loaded."""
    command = f"{{ path=/usr/sbin/dockerd ; argv[]=/usr/sbin/dockerd {options} ; ignore_errors=no ; pid={pid} }}"
    return f"MainPID={pid}\nExecStart={command}\nEnvironment={environment}\nLoadState=loaded\n"


def after(current: dict[str, Any] | None, extra: dict[str, Any] | None = None) -> Any:
    text = None if current is None else json.dumps(current)
    return json.loads(plan(text, SETTINGS, extra or {}, unit()).text)


def test_what_is_there_and_not_set_is_kept() -> None:
    current = {"data-root": "/srv/docker", "log-opts": {"labels": "team", "max-size": "1g"}}
    assert after(current) == {
        "data-root": "/srv/docker",
        "log-opts": {"labels": "team", "max-size": "50m", "max-file": "5"},
        "live-restore": True,
    }


def test_extra_keys_win() -> None:
    extra = {"log-opts": {"max-size": "1m"}, "live-restore": False}
    assert after(None, extra) == {"log-opts": {"max-size": "1m", "max-file": "5"}, "live-restore": False}


@pytest.mark.parametrize(
    ("current", "extra", "options"),
    [
        ({"log-driver": "local"}, {}, {"max-size": "50m", "max-file": "5"}),
        ({"log-driver": "journald", "log-opts": {"tag": "x"}}, {}, {"tag": "x"}),
        ({"log-driver": "journald"}, {}, None),
        # Options of one driver stop dockerd with another.
        ({"log-opts": {"max-size": "50m"}}, {"log-driver": "journald"}, None),
        (
            {"log-driver": "journald", "log-opts": {"tag": "x"}},
            {"log-driver": "local"},
            {"max-size": "50m", "max-file": "5"},
        ),
    ],
)
def test_rotation_is_set_for_the_drivers_that_know_it(
    current: dict[str, Any], extra: dict[str, Any], options: dict[str, str] | None
) -> None:
    assert after(current, extra).get("log-opts") == options


def test_a_file_that_says_it_already_is_left_as_it_is_written() -> None:
    current = '{"log-opts":{"max-file":"5","max-size":"50m"},"live-restore":true}'
    made = plan(current, SETTINGS, {}, unit())
    assert (made.text, made.differs, made.waiting) == (current, False, ())


@pytest.mark.parametrize("current", ["", " \n", "{}"])
def test_an_empty_file_is_filled(current: str) -> None:
    assert json.loads(plan(current, SETTINGS, {}, unit()).text) == SETTINGS


@pytest.mark.parametrize(
    ("current", "because"),
    [
        ("{", "is not valid JSON (Expecting property name"),
        ("# none yet", "is not valid JSON"),
        ("[]", "holds no JSON object"),
        ("null", "holds no JSON object"),
    ],
)
def test_what_is_no_object_is_refused(current: str, because: str) -> None:
    with pytest.raises(Refused) as refused:
        plan(current, SETTINGS, {}, unit())
    assert f"/etc/docker/daemon.json {because}" in str(refused.value)


def test_bytes_that_are_no_text_are_refused() -> None:
    assert "not text in UTF-8" in docker_engine_plan("/w==", SETTINGS)["problem"]


@pytest.mark.parametrize(
    ("options", "environment", "defaults", "extra", "named"),
    [
        ("-H fd://", "", "", {"hosts": ["tcp://127.0.0.1:2375"]}, "hosts (-H)"),
        ("--host=fd://", "", "", {"hosts": []}, "hosts (--host)"),
        ("--log-opt max-size=1m", "", "", {}, "log-opts (--log-opt)"),
        (
            "$DOCKER_OPTS",
            "",
            "# a comment\nDOCKER_OPTS='--live-restore --debug'\n",
            {},
            "live-restore (--live-restore)",
        ),
        ("${OPTS}", '"OPTS=--live-restore -D"', "", {"debug": True}, "debug (-D)"),
    ],
)
def test_an_option_in_two_places_is_refused(
    options: str, environment: str, defaults: str, extra: dict[str, Any], named: str
) -> None:
    with pytest.raises(Refused) as refused:
        plan(None, SETTINGS, extra, unit(options, environment=environment), defaults)
    assert named in str(refused.value)


@pytest.mark.parametrize(
    ("options", "extra"),
    [
        ("-H fd:// --containerd=/run/containerd/containerd.sock $DOCKER_OPTS", {}),
        ("--add-runtime=crun=/usr/bin/crun", {"runtimes": {"crun": {"path": "/usr/bin/crun"}}}),
        ("--storage-driver=overlay2", {"debug": True}),
    ],
)
def test_options_in_one_place_are_not_refused(options: str, extra: dict[str, Any]) -> None:
    assert plan(None, SETTINGS, extra, unit(options)).differs


def test_before_docker_is_installed_its_usual_unit_is_reckoned_with() -> None:
    with pytest.raises(Refused, match="hosts"):
        plan(None, SETTINGS, {"hosts": ["tcp://127.0.0.1:2375"]}, "MainPID=0\nLoadState=not-found\n")


def test_another_configuration_file_is_refused() -> None:
    with pytest.raises(Refused, match="never reads /etc/docker/daemon.json"):
        plan(None, SETTINGS, {}, unit("--config-file=/srv/daemon.json"))


@pytest.mark.parametrize(
    ("extra", "waiting"),
    [
        ({"labels": ["rack=7"], "registry-mirrors": ["https://mirror.example"], "live-restore": False}, ()),
        ({"log-opts": {"max-size": "1m"}, "labels": ["rack=7"]}, ("log-opts",)),
        ({"default-ulimits": {}, "bip": "10.9.0.1/24"}, ("bip", "default-ulimits")),
    ],
)
def test_what_a_reload_does_not_take_over_waits(extra: dict[str, Any], waiting: tuple[str, ...]) -> None:
    assert plan(IN_EFFECT, SETTINGS, extra, unit()).waiting == waiting


def test_where_nothing_runs_nothing_waits() -> None:
    assert plan(None, SETTINGS, {}, unit(pid=0)).waiting == ()


def test_what_waits_is_remembered_as_long_as_the_engine_is_the_same() -> None:
    note = plan(IN_EFFECT, SETTINGS, {"log-opts": {"max-size": "1m"}}, unit(pid=7)).note
    written = plan(IN_EFFECT, SETTINGS, {"log-opts": {"max-size": "1m"}}, unit(pid=7)).text
    again = {"log-opts": {"max-size": "1m"}}
    assert plan(written, SETTINGS, again, unit(pid=7), waiting=note).waiting == ("log-opts",)
    assert plan(written, SETTINGS, again, unit(pid=8), waiting=note).waiting == ()


def test_what_a_run_that_was_cut_off_did_not_tell_the_engine_is_told_by_the_next() -> None:
    extra = {"log-opts": {"max-size": "1m"}, "labels": ["rack=8"]}
    begun = plan(IN_EFFECT, SETTINGS, extra, unit(pid=7))
    again = plan(begun.text, SETTINGS, extra, unit(pid=7), waiting=begun.begun)
    assert (again.differs, again.waiting, again.unread) == (False, ("log-opts",), ("labels",))
    ended = plan(begun.text, SETTINGS, extra, unit(pid=7), waiting=begun.note)
    assert (ended.waiting, ended.unread) == (("log-opts",), ())


def test_what_was_refused_before_it_was_written_does_not_wait() -> None:
    refused = plan(IN_EFFECT, SETTINGS, {"lgo-level": "debug"}, unit(pid=7)).begun
    assert plan(IN_EFFECT, SETTINGS, {}, unit(pid=7), waiting=refused).waiting == ()


@pytest.mark.parametrize(
    ("current", "secret"),
    [
        ({"proxies": {"http-proxy": "http://anna:hunter2@proxy:3128"}}, True),
        ({"log-driver": "splunk", "log-opts": {"splunk-token": "0123"}}, True),
        ({"proxies": {"http-proxy": "http://proxy:3128"}, "labels": ["rack=7"]}, False),
    ],
)
def test_a_file_with_a_secret_is_known(current: dict[str, Any], secret: bool) -> None:
    assert plan(json.dumps(current), SETTINGS, {}, unit()).secret is secret


CLIENT = '0 0 127.0.0.1:4002 127.0.0.1:51054 users:(("docker-proxy",pid=2010,fd=3))'
LOGIN = '0 0 10.0.0.5:22 10.0.0.9:43880 users:(("sshd",pid=1834,fd=4))'


@pytest.mark.parametrize(
    ("waiting", "running", "live_restore", "sockets", "obstacle"),
    [
        ("log-opts", 0, False, CLIENT, ""),
        ("log-opts", 2, True, LOGIN, ""),
        ("log-opts", 2, False, LOGIN, "containers run (2), and without live-restore a restart stops them"),
        ("log-opts", 1, True, CLIENT, "clients are connected through published ports"),
        ("bip", 1, True, LOGIN, "may not survive a change of bip"),
    ],
)
def test_a_restart_that_harms_nobody(
    waiting: str, running: int, live_restore: bool, sockets: str, obstacle: str
) -> None:
    info = {"ContainersRunning": running, "LiveRestoreEnabled": live_restore}
    found = restart_obstacle([waiting], info, sockets)
    assert obstacle in found
    assert bool(found) is bool(obstacle)


def test_an_engine_that_does_not_say_what_runs_is_left_alone() -> None:
    assert restart_obstacle(["log-opts"], {}, "")

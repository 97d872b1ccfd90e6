# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What `deploy` leaves on a server that had no engine, and what a later run does to an engine with something running on it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from conftest import Server, deploy, deployed

PORT = 7497
FILE = "/etc/docker/daemon.json"
#: Of the inventory; a variable given on the command line takes the place of the whole mapping.
CONFIG = {"default-cgroupns-mode": "private"}

once = pytest.mark.skipif(os.environ.get("SERVER") != "trixie", reason="the same on every release; tested on trixie")

# Sends something to everybody who connects, every tenth of a second.
TALKER = f"""
import socketserver, time
class Talk(socketserver.BaseRequestHandler):
    def handle(self):
        while True:
            self.request.sendall(b".")
            time.sleep(0.1)
socketserver.ThreadingTCPServer(("", {PORT}), Talk).serve_forever()
"""
# Listens to it until there is nothing more to hear.
LISTENER = f"""
import socket
peer = socket.create_connection(("127.0.0.1", {PORT}))
while peer.recv(100): pass
"""


def docker(server: Server, command: str, *arguments: str) -> str:
    return str(server.as_user().check_output(f"docker {command}", *arguments))


def configuration(server: Server) -> Any:
    return json.loads(server.as_root().file(FILE).content_string)


def engine(server: Server) -> str:
    """The engine's process: another one after a restart."""
    return str(server.as_root().check_output("systemctl show docker --property=MainPID --value"))


def process(server: Server, container: str) -> str:
    """A container's process, and since when: others after a restart."""
    return docker(server, "inspect --format '{{.State.Pid}} {{.State.StartedAt}}' %s", container)


@contextmanager
def created(server: Server, image: str, program: str) -> Iterator[str]:
    """A container that was not started yet."""
    new = docker(server, "create %s python3 -c %s", image, program)
    yield new
    docker(server, "rm --force %s", new)


def log_options(server: Server, container: str) -> dict[str, str]:
    options = json.loads(docker(server, "inspect --format '{{json .HostConfig.LogConfig}}' %s", container))
    assert options["Type"] == "json-file"
    return dict(options["Config"])


@pytest.fixture(scope="session")
def image(server: Server) -> str:
    """An image for the server's engine, of the server's own Python."""
    server.as_user().check_output(
        "tar -C / -c bin lib lib64 usr/bin usr/lib usr/lib64 2>/dev/null | docker import - own"
    )
    return "own"


@pytest.fixture
def container(server: Server, image: str) -> Iterator[str]:
    """A container that runs, and talks on a port published on the server's loopback."""
    docker(server, f"run -d --name talker -p 127.0.0.1:{PORT}:{PORT} {image} python3 -c %s", TALKER)
    yield "talker"
    docker(server, "rm -f talker")


@pytest.fixture
def client(server: Server, container: str) -> Iterator[str]:
    """A unit on the server that is connected to the container, and ends when it is cut off."""
    server.as_root().check_output("systemd-run --unit=listener python3 -c %s", LISTENER)
    yield "listener"
    server.as_root().run("systemctl stop listener")


def test_the_service_runs_and_starts_at_boot(server: Server) -> None:
    service = server.as_root().service("docker")
    assert service.is_running
    assert service.is_enabled


def test_its_user_may_ask_the_engine(server: Server) -> None:
    info = json.loads(docker(server, "info --format '{{json .}}'"))
    assert (info["LoggingDriver"], info["LiveRestoreEnabled"]) == ("json-file", True)


def test_containers_get_the_limits(server: Server, image: str) -> None:
    with created(server, image, "import resource; print(resource.getrlimit(resource.RLIMIT_NOFILE))") as new:
        assert docker(server, "start --attach %s", new) == "(10000, 10000)"
        assert log_options(server, new).items() >= {"max-size": "50m", "max-file": "5"}.items()


def test_what_was_there_is_kept(server: Server) -> None:
    if server.name != "trixie":
        pytest.skip("nothing was there")
    file = server.as_root().file(FILE)
    assert file.mode == 0o640
    kept = configuration(server)
    assert kept["labels"] == ["rack=7"]
    assert kept["log-opts"] == {"labels": "team", "max-size": "50m", "max-file": "5"}
    assert "rack=7" in docker(server, "info --format '{{json .Labels}}'")
    assert server.as_root().run("grep -l 1g /etc/docker/daemon.json.*~").rc == 0


def test_a_running_container_survives_a_changed_setting(server: Server, container: str, image: str) -> None:
    engine_before, container_before = engine(server), process(server, container)
    deployed(server, docker_engine_log_max_size="20m")
    assert process(server, container) == container_before
    assert engine(server) != engine_before
    with created(server, image, "") as new:
        assert log_options(server, new)["max-size"] == "20m"

    # What the engine takes over while it runs needs no restart.
    engine_before = engine(server)
    config = {**CONFIG, "labels": ["rack=8"]}
    deployed(server, docker_engine_log_max_size="20m", docker_engine_daemon_config=config)
    assert docker(server, "info --format '{{json .Labels}}'") == '["rack=8"]'
    assert engine(server) == engine_before


def test_a_restart_that_cuts_a_client_off_is_put_off_until_commanded(
    server: Server, container: str, client: str
) -> None:
    engine_before, container_before = engine(server), process(server, container)
    waits = f"log-opts in {FILE} takes effect only when Docker is started anew, which was not done: "
    run = deployed(server, docker_engine_log_max_size="30m")
    assert waits + "clients are connected through published ports" in run.output

    run = deployed(server, docker_engine_log_max_size="30m", docker_engine_restart="never")
    assert waits + "docker_engine_restart is never" in run.output
    assert run.changed == 0
    assert engine(server) == engine_before
    assert server.as_root().service(client).is_running

    run = deployed(server, docker_engine_log_max_size="30m", docker_engine_restart="always")
    assert waits not in run.output
    assert engine(server) != engine_before
    assert not server.as_root().service(client).is_running
    assert process(server, container) == container_before


def test_check_mode_tells_and_changes_nothing(server: Server, container: str) -> None:
    engine_before, file_before = engine(server), configuration(server)
    run = deployed(server, "--check", "--diff", docker_engine_log_max_size="60m")
    assert '+    "max-size": "60m"' in run.output
    assert run.changed
    assert (engine(server), configuration(server)) == (engine_before, file_before)


@pytest.mark.parametrize(
    ("mistake", "named"),
    [
        ({"lgo-level": "debug"}, "lgo-level"),
        # Only a start finds this out.
        ({"log-opts": {"no-such-option": "1"}}, "no-such-option"),
    ],
)
def test_a_configuration_that_the_engine_refuses_is_taken_back(
    server: Server, container: str, mistake: dict[str, Any], named: str
) -> None:
    file_before, container_before = configuration(server), process(server, container)
    run = deploy(server, docker_engine_daemon_config={**CONFIG, **mistake})
    assert run.status == 2, run.output
    assert named in run.output
    assert configuration(server) == file_before
    assert process(server, container) == container_before


@once
@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"docker_engine_daemon_config": {"hosts": ["fd://"]}}, "does not start with both: hosts (-H)"),
        ({"docker_engine_source": "docker"}, "docker.io"),
        ({"docker_engine_users": ["nobody-here"]}, "there is no such user"),
    ],
)
def test_what_can_not_be_done_stops_before_a_change(server: Server, variables: dict[str, Any], sentence: str) -> None:
    before = configuration(server)
    run = deploy(server, **variables)
    assert run.status == 2, run.output
    assert sentence in run.output
    assert "Nothing was changed" in run.output
    assert run.changed == 0
    assert configuration(server) == before


@once
def test_a_file_that_is_no_object_stops_before_a_change(server: Server) -> None:
    root = server.as_root()
    root.check_output(f"cp -a {FILE} /root/daemon.json && echo '[]' > {FILE}")
    try:
        run = deploy(server)
        assert root.file(FILE).content_string == "[]\n"
    finally:
        root.check_output(f"cp -a /root/daemon.json {FILE}")
    assert run.status == 2, run.output
    assert "holds no JSON object" in run.output
    assert run.changed == 0


def test_another_distribution_is_refused(server: Server) -> None:
    root = server.as_root()
    root.check_output(
        "mv /etc/os-release /etc/os-release.debian && printf 'ID=rocky\\nNAME=\"Rocky Linux\"\\n' > /etc/os-release"
    )
    try:
        run = deploy(server)
    finally:
        root.check_output("mv /etc/os-release.debian /etc/os-release")
    assert run.status == 2, run.output
    assert "on Debian and Ubuntu with systemd only" in run.output
    assert run.changed == 0

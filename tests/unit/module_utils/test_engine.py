# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reaching an engine, or saying exactly why not."""

from __future__ import annotations

import os
import shutil
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.ibgw.ops.plugins.module_utils import engine
from ansible_collections.ibgw.ops.plugins.module_utils.probe import Misuse, Unavailable


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[socket.socket]:
    """A local socket on which nobody speaks the engine's language."""
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(tmp_path / "docker.sock"))
        yield bound


@pytest.mark.parametrize(
    "address",
    [
        "unix:///var/run/docker.sock",
        "tcp://10.0.0.5:2375",
        "tcp://[::1]:2376",
        "https://engine.example:2376",
        "ssh://operator@engine.example",
        "ssh://engine.example:2222",
    ],
)
def test_addresses_of_engines_are_accepted(address: str) -> None:
    assert engine.engine_address(address) == address


@pytest.mark.parametrize(
    "address",
    [
        "",
        "foo",
        "unix://",
        "unix://docker.sock",
        "tcp://",
        "tcp://host",
        "tcp://host:0",
        "tcp://host:70000",
        "ssh://a b",
        "fd://",
    ],
)
def test_what_is_no_address_is_misuse_and_says_what_is_allowed(address: str) -> None:
    with pytest.raises(Misuse, match=r"allowed are unix:///.*tcp://host:port.*ssh://user@host"):
        engine.connect(address, 1)


def test_without_an_argument_the_environment_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://10.0.0.5:2375")
    assert engine.engine_address(None) == "tcp://10.0.0.5:2375"
    monkeypatch.delenv("DOCKER_HOST")
    assert engine.engine_address(None).startswith("unix:///")


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), 4000])
def test_a_time_that_makes_no_sense_is_misuse(seconds: float) -> None:
    with pytest.raises(Misuse, match="timeout"):
        engine.connect("unix:///nowhere", seconds)


def problem(address: str, timeout: float = 5) -> Unavailable:
    with pytest.raises(Unavailable) as raised:
        engine.connect(address, timeout)
    return raised.value


def test_no_socket_is_a_missing_engine_only_where_none_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = tmp_path / "bin"
    installed.mkdir()
    monkeypatch.setattr(engine, "_program_path", lambda: str(installed))
    address = f"unix://{tmp_path}/docker.sock"

    assert problem(address).problem == "engine.missing"

    shutil.copy(sys.executable, installed / "dockerd")
    down = problem(address)
    assert down.problem == "engine.down"
    assert address in down.reason
    assert "systemctl start docker" in down.fix


def test_a_socket_that_refuses_is_an_engine_that_is_down(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine.shutil, "which", lambda *_, **__: "/usr/bin/dockerd")
    refused = problem(f"unix://{listener.getsockname()}")
    assert refused.problem == "engine.down"
    assert "refused" in refused.reason


def test_a_remote_engine_that_refuses_is_down_and_never_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine.shutil, "which", lambda *_, **__: None)
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        assert problem(f"tcp://127.0.0.1:{reserved.getsockname()[1]}").problem == "engine.down"


def test_a_socket_that_never_answers_is_a_hung_engine(listener: socket.socket) -> None:
    listener.listen(1)
    assert problem(f"unix://{listener.getsockname()}", timeout=0.4).problem == "engine.hung"


@pytest.mark.skipif(os.geteuid() != 0, reason="takes root to become a user who may not use the socket")
def test_a_socket_that_may_not_be_used_is_denied_and_names_user_and_socket(listener: socket.socket) -> None:
    listener.listen(1)
    os.chmod(listener.getsockname(), 0o600)
    for folder in Path(listener.getsockname()).parents:
        if folder.stat().st_mode & 0o007 == 0 and folder != Path("/"):
            folder.chmod(0o711)
    os.seteuid(65534)
    try:
        denied = problem(f"unix://{listener.getsockname()}")
    finally:
        os.seteuid(0)
    assert denied.problem == "engine.denied"
    assert str(listener.getsockname()) in denied.reason
    assert "group" in denied.fix


def test_what_is_no_engine_is_a_broken_probe_and_its_words_are_harmless(listener: socket.socket) -> None:
    listener.listen(1)

    def answer() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(b"\x1b[2Jpassword=hunter2 \xff\xfe\r\n\r\n")

    thread = threading.Thread(target=answer)
    thread.start()
    stranger = problem(f"unix://{listener.getsockname()}")
    thread.join()

    assert stranger.problem in ("probe.incomplete", "engine.down")
    assert "\x1b" not in stranger.reason
    assert "hunter2" not in stranger.reason


def test_a_missing_library_is_a_broken_probe_that_names_the_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "docker", None)
    missing = problem("unix:///nowhere")
    assert missing.problem == "probe.incomplete"
    assert sys.executable in missing.reason
    assert "enroll" in missing.fix


def test_an_engine_behind_ssh_without_the_library_for_it_names_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("docker.api.client.SSHHTTPAdapter", raising=False)  # so is the SDK without paramiko
    missing = problem("ssh://operator@engine.example")
    assert missing.problem == "probe.incomplete"
    assert "paramiko" in missing.reason
    assert "paramiko" in missing.fix


def test_a_port_that_wants_tls_says_how_to_give_it(monkeypatch: pytest.MonkeyPatch) -> None:
    words = b"Client sent an HTTP request to an HTTPS server.\n"
    answer = b"HTTP/1.0 400 Bad Request\r\nContent-Length: %d\r\n\r\n%b" % (len(words), words)

    def once(listening: socket.socket) -> None:
        connection, _address = listening.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(answer)

    monkeypatch.delenv("DOCKER_TLS_VERIFY", raising=False)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=once, args=(listening,), daemon=True).start()
        told = problem(f"tcp://127.0.0.1:{listening.getsockname()[1]}")
    assert (told.problem, "no TLS" in told.reason, "DOCKER_CERT_PATH" in told.fix) == ("probe.incomplete", True, True)


def test_tls_without_its_files_is_a_broken_probe(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    monkeypatch.setenv("DOCKER_CERT_PATH", str(tmp_path))
    told = problem("tcp://127.0.0.1:2376")
    assert (told.problem, "DOCKER_CERT_PATH" in told.fix) == ("probe.incomplete", True)


def test_an_engine_that_ssh_does_not_reach_is_not_called_down() -> None:
    told = engine.unavailable(ConnectionError("Remote end closed connection"), "ssh://trader@beta")
    assert (told.problem, "docker -H ssh://trader@beta version" in told.fix) == ("probe.incomplete", True)

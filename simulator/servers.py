"""Servers for the scenarios under molecule/: containers with systemd as init, sshd, and a user who may use sudo.

    python -m simulator.servers create DIRECTORY bookworm=bookworm trixie=trixie    # name=release of Debian
    python -m simulator.servers create DIRECTORY bookworm=bookworm --image 3.24.1
    python -m simulator.servers remove DIRECTORY

DIRECTORY holds what it takes to reach them: `ssh -F DIRECTORY/ssh_config trixie` logs in. Nothing is written to ~/.ssh.
The port of a server stays the same when it is restarted (`docker restart` is its reboot). With `--image`, they find a broker, and a
registry that has the simulator's image of that IBC release.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import os
import shutil
import socket
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from docker import DockerClient
from docker.errors import APIError, DockerException
from docker.models.containers import Container

from simulator import base_image, engine, registry
from simulator.containers import CanNotSimulate, Simulation

#: Its value is the directory of the set that a server belongs to.
LABEL = "ibgw.ops.servers"
USER = "admin"

_IMAGE_LABEL = "ibgw.ops.servers.release"
_SSH_PORT = 22
_BOOT_SECONDS = 60
#: As long as a gateway may take for its logout.
_SHUTDOWN_SECONDS = 90
_HERE = Path(__file__).parent


class ServerDown(RuntimeError):
    """A server can not be had; the message says what was tried and what its journal says."""


def create(docker: DockerClient, directory: Path, releases: Mapping[str, str], images: Iterable[str] = ()) -> None:
    """Servers that let their user in, by name; `releases` says which release of Debian each of them is.

    With `images`, IBC releases, they share a network with a broker and with a registry of the simulator's images.
    """
    remove(docker, directory)
    directory.mkdir(parents=True, exist_ok=True)
    network = _start_simulation(docker, directory, images) if images else "bridge"
    user_key = _key_pair(directory / "id_ed25519")
    ports = {}
    for name, release in releases.items():
        ports[name] = free_port()
        server = docker.api.create_container(
            _build(docker, "server", release),
            hostname=name,
            labels={LABEL: str(directory)},
            ports=[_SSH_PORT],
            host_config=_host_config(docker, ports[name], network),
        )
        host_key = _key_pair(directory / f"{name}_host_key")
        docker.api.put_archive(server, "/", _identity(host_key, user_key))
        docker.api.start(server)
    (directory / "known_hosts").write_text(_known_hosts(directory, ports), encoding="ascii")
    (directory / "ssh_config").write_text(_ssh_config(directory, ports), encoding="utf-8")
    for name in releases:
        _wait_for_login(docker, directory, name)


def remove(docker: DockerClient, directory: Path) -> None:
    """Remove the servers of that directory with their volumes, what they found in their network, and how to reach them."""
    for server in _servers(docker, directory):
        server.remove(force=True, v=True)
    simulation(docker, directory).remove()
    for pattern in ("id_ed25519*", "*_host_key*", "known_hosts", "ssh_config"):
        for path in directory.glob(pattern):
            path.unlink()


def reboot(docker: DockerClient, directory: Path, name: str) -> None:
    """Shut a server down and start it again; it lets its user in when that is done."""
    for server in _servers(docker, directory):
        if server.attrs["Config"]["Hostname"] == name:
            server.restart(timeout=_SHUTDOWN_SECONDS)
    _wait_for_login(docker, directory, name)


def simulation(docker: DockerClient, directory: Path) -> Simulation:
    """The broker and the registry of the servers of that directory."""
    return Simulation(docker, f"servers-{hashlib.sha256(str(directory).encode()).hexdigest()[:12]}")


def remove_images(docker: DockerClient) -> None:
    """The images of servers and registries; not what is in use."""
    for image in docker.images.list(all=True, filters={"label": _IMAGE_LABEL}):
        with contextlib.suppress(APIError):
            docker.images.remove(str(image.id))


def _servers(docker: DockerClient, directory: Path) -> list[Container]:
    return list(docker.containers.list(all=True, filters={"label": f"{LABEL}={directory}"}))


def _start_simulation(docker: DockerClient, directory: Path, images: Iterable[str]) -> str:
    """The name of its network."""
    started = simulation(docker, directory)
    started.start()
    registry.start(started, _build(docker, "registry", "bookworm"))
    for release in images:
        registry.push(started, release)
    return started.name


def _build(docker: DockerClient, kind: str, release: str) -> str:
    """The image of a server or registry; the engine builds nothing again that is the same."""
    base_image.ensure(docker, release)
    tag = f"ibgw-ops-{kind}:{release}"
    docker.images.build(
        path=str(_HERE / "server"),
        dockerfile=f"{kind}.Dockerfile",
        tag=tag,
        buildargs={**base_image.proxies(), "RELEASE": release},
        labels={_IMAGE_LABEL: release},
        rm=True,
        forcerm=True,
    )
    docker.images.prune(filters={"dangling": True, "label": _IMAGE_LABEL})
    return tag


def _key_pair(path: Path) -> Path:
    """A new key pair; the private key's path."""
    if shutil.which("ssh-keygen") is None:
        raise ServerDown("ssh-keygen is missing: install OpenSSH's client (openssh-client)")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", path], check=True)
    return path


def _host_config(docker: DockerClient, ssh_port: int, network: str) -> dict[str, Any]:
    """What systemd and an engine in the container need; neither all of the machine's devices nor its control groups."""
    config = docker.api.create_host_config(
        port_bindings={_SSH_PORT: ("127.0.0.1", ssh_port)},
        network_mode=network,
        cap_add=["SYS_ADMIN", "NET_ADMIN", "SYS_PTRACE", "MKNOD"],
        security_opt=["seccomp=unconfined", "apparmor=unconfined"],
        cgroupns="private",
        tmpfs={"/run": "exec"},
    )
    return {**config, "MaskedPaths": [], "ReadonlyPaths": []}  # what the docker command calls systempaths=unconfined


def free_port() -> int:
    """A port of this machine that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _identity(host_key: Path, user_key: Path) -> bytes:
    """An archive with who the server is and who may log in."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for source, path in (
            (host_key, "etc/ssh/ssh_host_ed25519_key"),
            (user_key.with_suffix(".pub"), "etc/ssh/authorized_keys"),
        ):
            entry = tarfile.TarInfo(path)
            entry.mode = 0o600 if source is host_key else 0o644
            entry.size = source.stat().st_size
            tar.addfile(entry, io.BytesIO(source.read_bytes()))
    return archive.getvalue()


def _known_hosts(directory: Path, names: Mapping[str, int]) -> str:
    return "".join(f"{name} {(directory / f'{name}_host_key.pub').read_text(encoding='ascii')}" for name in names)


def _ssh_config(directory: Path, ports: Mapping[str, int]) -> str:
    return "".join(
        f"""Host {name}
    HostName 127.0.0.1
    Port {port}
    HostKeyAlias {name}
    User {USER}
    IdentityFile "{directory}/id_ed25519"
    IdentitiesOnly yes
    UserKnownHostsFile "{directory}/known_hosts"
    StrictHostKeyChecking yes

"""
        for name, port in ports.items()
    )


def _wait_for_login(docker: DockerClient, directory: Path, name: str) -> None:
    """Wait until it has booted and its user can log in and become root."""
    ssh = ["ssh", "-F", f"{directory}/ssh_config", "-o", "BatchMode=yes", "-o", "ConnectTimeout=5", name]
    end = time.monotonic() + _BOOT_SECONDS
    while True:
        tried = subprocess.run([*ssh, "sudo", "true"], capture_output=True, text=True, check=False)
        if tried.returncode == 0:
            return
        if time.monotonic() > end:
            raise ServerDown(
                f"waited {_BOOT_SECONDS} seconds for a login on {name}, in vain: {tried.stderr.strip()}\n"
                + _journal(docker, directory, name)
            )
        time.sleep(0.2)


def _journal(docker: DockerClient, directory: Path, name: str) -> str:
    """What the server says of its boot: its journal, or what it printed where it has ended."""
    for server in _servers(docker, directory):
        if server.attrs["Config"]["Hostname"] == name:
            command = ["journalctl", "--no-pager", "--lines=60"]
            running = server.status == "running"
            said: Any = server.exec_run(command).output if running else server.logs(tail=60)
            return f"{name} is {server.status}; it says:\n{said.decode(errors='replace')}"
    return f"there is no container of {name}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m simulator.servers", description="Servers for molecule's scenarios")
    parser.add_argument("action", choices=["create", "remove"])
    parser.add_argument("directory", type=Path)
    parser.add_argument("releases", nargs="*", metavar="name=release")
    parser.add_argument(
        "--image", action="append", default=[], metavar="RELEASE", help="IBC release of an image to pull"
    )
    return parser


def main() -> int:
    arguments = _parser().parse_args()
    directory = Path(os.path.abspath(arguments.directory))
    try:
        if arguments.action == "create":
            releases = dict(server.split("=", 1) for server in arguments.releases)
            create(engine.client(), directory, releases, arguments.image)
        elif running := engine.running():
            remove(running, directory)
    except (
        engine.EngineMissing,
        base_image.BaseMissing,
        CanNotSimulate,
        ServerDown,
        TimeoutError,
        DockerException,
    ) as error:
        print(f"servers: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

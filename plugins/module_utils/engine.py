# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The Docker engine of a machine: connect to it, ask it for containers, say what is wrong when it does not answer.

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

import difflib
import io
import json
import os
import re
import shutil
import socket
import ssl
import sys
import tarfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from ansible_collections.ibgw.ops.plugins.module_utils.probe import (
    AS_ROOT,
    Misuse,
    Unavailable,
    missing_library,
    user,
)
from ansible_collections.ibgw.ops.plugins.module_utils.redact import quote

if TYPE_CHECKING:
    import docker

#: The longest time that makes sense for one machine, in seconds.
LONGEST = 3600.0

_TLS = "set DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH, the directory of ca.pem, cert.pem and key.pem, in the environment of the task"

# The SDK wants a version of the API to begin with; before it is known which one the engine speaks, none is used.
_ANY = "1.24"

# One hung container holds one worker; the others go on.
_WORKERS = 8

#: What Docker takes for the name of a container (moby daemon/names/names.go, RestrictedNameChars), and how to say it.
CONTAINER_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")
CONTAINER_NAMES = "at least two letters, digits, '_', '.' or '-', the first a letter or digit"

_PORT = r":(?:6553[0-5]|655[0-2]\d|65[0-4]\d\d|6[0-4]\d{3}|[1-5]\d{4}|[1-9]\d{0,3})"
#: What an engine's address looks like, and how to say it.
ADDRESS = re.compile(
    rf"unix:///\S+|(?:tcp|https?)://(?:\[[0-9A-Fa-f:.]+\]|[\w.-]+){_PORT}/?|ssh://(?:[\w.-]+@)?[\w.-]+(?:{_PORT})?"
)
ADDRESSES = "unix:///path/to/socket, tcp://host:port or ssh://user@host"

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Container:
    """A container as the engine has it.

    `inspected` is what the engine says of it; None when there is no such container, or when asking failed (`unavailable`).
    """

    name: str
    exists: bool
    similar_names: tuple[str, ...] = ()
    inspected: Mapping[str, Any] | None = None
    unavailable: Unavailable | None = None

    @property
    def missing(self) -> str:
        """The sentence about it when there is none."""
        near = f"; there is {', '.join(self.similar_names)}" if self.similar_names else ""
        return f"there is no container called {self.name}{near}"

    def found(self) -> Mapping[str, Any]:
        """What the engine says of it; raises `Unavailable` where there is none, or asking failed."""
        if self.unavailable:
            raise self.unavailable
        if self.inspected is None:
            raise Unavailable("container.missing", self.missing, "correct the name, or create the container")
        return self.inspected


def check_names(names: Iterable[str]) -> None:
    """Raise `Misuse` for a name that no container can have."""
    for name in names:
        if not CONTAINER_NAME.fullmatch(name):
            raise Misuse(f"{quote(name)!r} is no container's name; allowed are {CONTAINER_NAMES}")


def connect(docker_host: str | None, timeout: float) -> docker.DockerClient:
    """A client of the engine at `docker_host` (default: DOCKER_HOST, then the local socket).

    All requests of the client together may take `timeout` seconds.
    """
    if not 0 < timeout <= LONGEST:
        raise Misuse(f"timeout {timeout:g} is not a number of seconds above 0, {LONGEST:g} at most")
    address = engine_address(docker_host)
    ends = time.monotonic() + timeout
    try:
        import docker
        from docker.utils import kwargs_from_env
    except ImportError as error:
        raise missing_library(error.name or "docker") from error
    try:
        settings = kwargs_from_env(environment={**os.environ, "DOCKER_HOST": address})
        # The SDK's stubs want whole seconds; it hands the timeout to requests, which takes a fraction.
        client = docker.DockerClient(version=_ANY, timeout=timeout / 2, use_ssh_client=True, **settings)  # type: ignore[arg-type]
        _share_time(client.api, ends)
        _speak_its_version(client.api)
    except Exception as error:
        raise unavailable(error, address) from error
    return client


def engine_address(docker_host: str | None) -> str:
    """Where the engine is asked: the argument, the environment's DOCKER_HOST, or the first local socket that exists."""
    address = docker_host if docker_host is not None else os.environ.get("DOCKER_HOST") or _local_socket()
    if not ADDRESS.fullmatch(address):
        raise Misuse(f"docker_host {quote(address)!r} is not an address of a Docker engine; allowed are {ADDRESSES}")
    return address


def address_of(client: docker.DockerClient) -> str:
    """The address that the client was connected with; the SDK shows a placeholder for a local socket."""
    adapter = client.api.get_adapter(client.api.base_url)
    if hasattr(adapter, "socket_path"):
        return f"unix://{adapter.socket_path}"
    return f"ssh://{adapter.ssh_host}" if hasattr(adapter, "ssh_host") else client.api.base_url


def containers(client: docker.DockerClient, names: Sequence[str]) -> list[Container]:
    """The containers called `names`, in that order."""
    return each(partial(inspect, client, all_containers(client)), names)


def all_containers(client: docker.DockerClient) -> dict[str, Mapping[str, Any]]:
    """All containers of the machine, running or not, by name."""
    try:
        told = client.api.containers(all=True)
        named = ((name.lstrip("/"), one) for one in told for name in one.get("Names") or ())
        return {name: one for name, one in named if "/" not in name}  # a legacy link shows as /other/alias
    except Exception as error:
        raise unavailable(error, address_of(client)) from error


def inspect(client: docker.DockerClient, listed: Mapping[str, Mapping[str, Any]], name: str) -> Container:
    """What the engine says of the container called `name`, by what it listed."""
    from docker.errors import NotFound

    if name not in listed:
        near = difflib.get_close_matches(name, listed, n=3, cutoff=0.5)
        return Container(name, exists=False, similar_names=tuple(near))
    try:
        return Container(name, exists=True, inspected=client.api.inspect_container(listed[name]["Id"]))
    except NotFound:  # removed since it was listed
        return Container(name, exists=False)
    except Exception as error:
        return Container(name, exists=True, unavailable=_about(name, unavailable(error, address_of(client))))


def _about(name: str, problem: Unavailable) -> Unavailable:
    return Unavailable(problem.problem, f"docker inspect {name}: {problem.reason}", problem.fix)


def each(function: Callable[[_Item], _Result], items: Iterable[_Item]) -> list[_Result]:
    """`function` of each item, side by side, so that one that hangs does not hold up the others; results in order."""
    with ThreadPoolExecutor(_WORKERS) as pool:
        return list(pool.map(function, items))


def is_podman(told: Mapping[str, Any]) -> bool:
    """Whether what `docker info` tells is Podman's, behind its Docker-compatible socket (pkg/api/handlers/compat/info.go)."""
    return "BuildahVersion" in told


def events(
    client: docker.DockerClient, since: float, until: float, actions: Sequence[str], podman: bool
) -> list[Mapping[str, Any]]:
    """What the engine remembers of its containers from one moment to another of its own clock, oldest first.

    Docker ends at `until`. Podman, where its events are in a file, may then end before it begins (libpod/events/logfile.go, Read); it ends
    by itself where it is not asked to go on. It filters by its own word for `die` and tells that as Docker does.
    """
    query = {
        "since": f"{since:.3f}",
        "filters": json.dumps({"type": ["container"], "event": [*actions, *(["died"] if podman else [])]}),
        **({"stream": "false"} if podman else {"until": f"{until:.3f}"}),
    }
    answer = client.api.get(f"{client.api.base_url}/v{client.api.api_version}/events", params=query)
    answer.raise_for_status()
    told = [json.loads(line) for line in answer.iter_lines() if line]
    return sorted(told, key=lambda event: event.get("timeNano") or 0)


def file_in(client: docker.DockerClient, container: str, path: str, limit: int) -> bytes | None:
    """A file in the container, from its beginning; None where the engine can not get at one: there is none, or its mount is broken."""
    from docker.errors import APIError

    try:
        stream, _stat = client.api.get_archive(container, path)
    except APIError:
        return None
    taken = bytearray()
    for chunk in stream:
        taken += chunk
        if len(taken) > limit + 2 * tarfile.RECORDSIZE:
            break
    try:
        with tarfile.open(fileobj=io.BytesIO(taken)) as archive:
            entry = archive.next()
            held = archive.extractfile(entry) if entry and entry.isreg() else None
            return held.read(limit) if held else None
    except (tarfile.TarError, OSError):  # longer than what was taken of it
        return None


def unavailable(error: Exception, address: str) -> Unavailable:
    """What is wrong with the engine at `address`, by the exception that a request raised."""
    if isinstance(error, Unavailable):
        return error
    causes = tuple(_causes(error))
    root, name = causes[-1], user()
    if any(isinstance(one, PermissionError) for one in causes):
        fix = f"{AS_ROOT}, or add {name} to the group that owns the socket"
        return Unavailable("engine.denied", f"user {name} may not use the Docker engine at {address}: {root}", fix)
    if any(isinstance(one, (TimeoutError, socket.timeout)) or "Timeout" in type(one).__name__ for one in causes):
        reason = f"the Docker engine at {address} did not answer user {name} in time"
        fix = (
            "look at the engine's log (journalctl -u docker), the disk and the load of the machine before restarting it"
        )
        return Unavailable("engine.hung", reason, fix)
    if isinstance(root, NameError):  # the SDK's way to lack its transport, docker/api/client.py
        reason = (
            f"the Python library paramiko, which takes the Docker SDK to {address}, is missing for {sys.executable}"
        )
        return Unavailable(
            "probe.incomplete", reason, "run the probe on the engine's machine, or install paramiko there"
        )
    if address.startswith("ssh://"):  # what ssh itself says of it goes to its standard error
        reason = f"nothing came back from a Docker engine through {address} as user {name}: {root}"
        return Unavailable("probe.incomplete", reason, f"try the way there: docker -H {address} version")
    if isinstance(root, ssl.SSLError) or type(root).__name__ == "TLSParameterError":
        reason = f"no TLS between user {name} and the Docker engine at {address}: {root}"
        return Unavailable("probe.incomplete", reason, _TLS)
    if any(isinstance(one, (ConnectionError, FileNotFoundError, socket.gaierror)) for one in causes):
        return _not_answering(address, root)
    reason = f"the Docker engine at {address} could not be asked by user {name}: {type(root).__name__}: {root}"
    fix = "check that docker_host is a Docker engine's and that the probes' libraries are current (ansible-playbook ibgw.ops.enroll)"
    return Unavailable("probe.incomplete", reason, fix)


def _not_answering(address: str, cause: BaseException) -> Unavailable:
    local = address.startswith("unix://")
    if local and not any(shutil.which(program, path=_program_path()) for program in ("dockerd", "podman")):
        reason = f"there is no Docker engine: no program dockerd or podman, and nothing answers at {address} ({cause})"
        return Unavailable("engine.missing", reason, "install one, or set docker_host to where the engine is")
    reason = f"no Docker engine answers user {user()} at {address}: {cause}"
    return Unavailable(
        "engine.down", reason, "systemctl start docker  (every container with a restart policy starts with it)"
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def _program_path() -> str:
    return os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/local/sbin:/usr/sbin:/sbin:/snap/bin"))


def _local_socket() -> str:
    runtime = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    candidates = (
        "/var/run/docker.sock",
        f"{runtime}/docker.sock",
        "/run/podman/podman.sock",
        f"{runtime}/podman/podman.sock",
    )
    return "unix://" + next((path for path in candidates if os.path.exists(path)), candidates[0])


def _share_time(api: docker.APIClient, ends: float) -> None:
    """Let all requests of `api` together end by `ends`, and any one take half of what is left: one that hangs leaves time."""
    request = api.request

    def bounded(*args: Any, **kwargs: Any) -> Any:
        # The engine's own authority counts, not one of the environment (REQUESTS_CA_BUNDLE).
        given = {"timeout": max((ends - time.monotonic()) / 2, 0.05), "verify": api.verify}
        return request(*args, **{**kwargs, **given})

    api.request = bounded  # type: ignore[method-assign]  # the SDK has no other place for a deadline


def _speak_its_version(api: docker.APIClient) -> None:
    """Let `api` speak the newest version of the API that the engine does.

    A ping tells it at once. The SDK would ask for `docker version`, which takes Podman seconds: it asks its package manager for all parts.
    """
    ping = api.get(f"{api.base_url}/_ping")
    if ping.status_code == 400 and b"HTTPS" in ping.content:  # Go's net/http, of a port that speaks TLS only
        raise ssl.SSLError("it speaks nothing else")
    ping.raise_for_status()
    told = ping.headers.get("Api-Version") or api.version(api_version=False)["ApiVersion"]
    api._version = told  # type: ignore[attr-defined]  # the SDK has no other place for it

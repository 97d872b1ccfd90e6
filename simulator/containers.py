"""Containers of the simulation: the image, its network, the broker, gateways; everything found again by one label.

For demo and tests only. What is created here carries `LABEL`, and only what carries it is ever touched.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import io
import os
import socket
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docker import DockerClient
from docker.errors import APIError, BuildError, ImageNotFound, NotFound
from docker.models.containers import Container

from simulator import base_image
from simulator.broker.client import Broker
from simulator.image.gateway.releases import NEWEST, RELEASES

#: Its value is the name of the simulation, so that several can live on one engine.
LABEL = "ibgw.ops.simulator"
_REPOSITORY = "ibgw-ops-simulator"
#: The tag is the IBC release that is simulated, and the Gateway build where that is not the one that came with it.
IMAGE = f"{_REPOSITORY}:{NEWEST.number}"
#: The broker has an image of its own: a container of the gateway's image is taken for a gateway.
BROKER_IMAGE = "ibgw-ops-simulator:broker"
#: A machine behind SSH whose user `observer` may not use the engine's socket.
MACHINE_IMAGE = "ibgw-ops-simulator:machine"

_CONTENT_LABEL = "ibgw.ops.simulator.content"
_BROKER_ALIAS = "ibkr.simulated"
_CONTROL_PORT = "8000/tcp"
_SSH_PORT = "22/tcp"
_SECRETS = "/run/secrets"
_TEMPLATE = "/home/ibgateway/ibc/config.ini.tmpl"
#: What the real image's sample compose file sets (gnzsnz docker-compose.yml:10-47).
_SAMPLE_ENVIRONMENT = {
    "TWS_ACCEPT_INCOMING": "manual",
    "READ_ONLY_API": "no",
    "TWOFA_TIMEOUT_ACTION": "exit",
    "RELOGIN_AFTER_TWOFA_TIMEOUT": "no",
    "TWOFA_EXIT_INTERVAL": "60",
    "EXISTING_SESSION_DETECTED_ACTION": "primary",
    "ALLOW_BLIND_TRADING": "no",
    "TIME_ZONE": "Etc/UTC",
    "TZ": "Etc/UTC",
    "CUSTOM_CONFIG": "NO",
}
_GATEWAY_USER = 1000
_HERE = Path(__file__).parent
#: Who builds such an image holds a lock on the file.
_GATEWAY_BUILDS = _HERE / "image/Dockerfile"
_MACHINE_BUILDS = _HERE / "image/machine/run.sh"


class CanNotSimulate(RuntimeError):
    """Something that the simulation needs is missing or taken; the message is one sentence."""


@dataclass
class Simulation:
    """One broker and its gateways on one engine."""

    engine: DockerClient
    name: str

    def start(self) -> Broker:
        """Image, network and broker, each only if it is not there yet."""
        build_image(self.engine)
        self._ensure_network()
        container = self._own(self._broker_name)
        if container is None or container.image != self.engine.images.get(BROKER_IMAGE):
            container = self.create(
                self._broker_name,
                image=BROKER_IMAGE,
                ports={_CONTROL_PORT: ("127.0.0.1", None)},
                alias=_BROKER_ALIAS,
            )
        container.start()
        broker = self.broker()
        broker.wait_until_up()
        return broker

    def broker(self) -> Broker:
        """The broker that runs."""
        container = self._own(self._broker_name)
        if container is None:
            raise CanNotSimulate(f"the simulation {self.name!r} has no broker: start it first")
        return Broker(f"http://127.0.0.1:{published_port(container, _CONTROL_PORT)}")

    def create_gateway(
        self,
        name: str,
        user: str,
        password: str,
        mode: str = "paper",
        *,
        paper_user: str = "",
        paper_password: str = "",
        ports: Mapping[str, int | None] | None = None,
        environment: Mapping[str, str] | None = None,
        controller_settings: Mapping[str, str] | None = None,
        release: str = NEWEST.number,
        gateway: str = "",
        **options: Any,
    ) -> Container:
        """A gateway that is not started yet. `ports`: container port to host port on 127.0.0.1, None for any.

        `release` is IBC's, `gateway` the program's build (default: the one that images of that release had).
        Passwords reach it as files; `environment` wins over what is set here; `controller_settings` change what the
        image's template fixes (a shorter second factor, say); `options` go to the engine.
        """
        secrets = {"tws_password": password}
        variables = {
            "TWS_USERID": user,
            "TWS_PASSWORD_FILE": f"{_SECRETS}/tws_password",
            "TRADING_MODE": mode,
            **_SAMPLE_ENVIRONMENT,
        }
        if mode == "both":
            secrets["tws_password_paper"] = paper_password
            variables["TWS_USERID_PAPER"] = paper_user
            variables["TWS_PASSWORD_PAPER_FILE"] = f"{_SECRETS}/tws_password_paper"
        if ports is None:
            ports = dict.fromkeys(_relay_ports(mode))
        container = self.create(
            name,
            image=build_image(self.engine, release, gateway),
            environment={**variables, **(environment or {})},
            ports={port: ("127.0.0.1", host_port) for port, host_port in ports.items()},
            **options,
        )
        files = {f"{_SECRETS}/{name}": value for name, value in secrets.items()}
        if controller_settings:
            files[_TEMPLATE] = _template_with(controller_settings)
        container.put_archive("/", _archive(files))
        return container

    def start_gateway(self, name: str, user: str, password: str, mode: str = "paper", **options: Any) -> Container:
        """A gateway that runs; arguments as `create_gateway`."""
        container = self.create_gateway(name, user, password, mode, **options)
        container.start()
        container.reload()
        return container

    def renew(self, gateway: Container) -> Container:
        """What `docker rm -f` and the same `docker run` make of a gateway: a new container of the same name, and the old one gone at once."""
        attributes, name = gateway.attrs, str(gateway.name)
        files = [(path, b"".join(gateway.get_archive(path)[0])) for path in (_SECRETS, _TEMPLATE)]
        created = {
            "image": attributes["Config"]["Image"],
            "environment": attributes["Config"]["Env"],
            "ports": {
                port: (bound[0]["HostIp"], bound[0]["HostPort"] or None)
                for port, bound in (attributes["HostConfig"]["PortBindings"] or {}).items()
            },
            "volumes": attributes["HostConfig"]["Binds"] or [],
            "restart_policy": attributes["HostConfig"]["RestartPolicy"],
        }
        container = self.create(name, **created)
        for path, archive in files:
            container.put_archive(str(Path(path).parent), archive)
        container.start()
        return container

    def start_machine(self, name: str, public_key: str, ssh_port: int | None) -> Container:
        """A machine whose user `observer` logs in with that key, over SSH on 127.0.0.1, and may not use the engine's socket."""
        engine_socket = _local_socket(self.engine)
        container = self.create(
            name,
            image=build_machine_image(self.engine),
            ports={_SSH_PORT: ("127.0.0.1", ssh_port)},
            volumes=[f"{engine_socket}:/run/docker.sock"] if engine_socket else [],
        )
        container.put_archive("/", _archive({"/etc/ssh/observer.pub": public_key}, owner=0, mode=0o444))
        container.start()
        return container

    def create(self, name: str, image: str, alias: str = "", **options: Any) -> Container:
        """A container in its network that is not started yet; `alias` is its name there, `options` go to the engine.

        With a `network_mode` it has another's network instead.
        """
        own = self._own(name)
        if own is not None:
            own.remove(force=True, v=True)
        labels = {LABEL: self.name, **options.pop("labels", {})}
        if "network_mode" not in options:
            endpoint = self.engine.api.create_endpoint_config(aliases=[alias] if alias else None)
            options |= {"network": self.name, "networking_config": {self.name: endpoint}}
        return self.engine.containers.create(image, name=name, labels=labels, **options)

    def containers(self) -> list[Container]:
        """All containers of this simulation, broker and machine among them, running or not."""
        return list(self.engine.containers.list(all=True, filters={"label": f"{LABEL}={self.name}"}))

    def gateways(self) -> list[Container]:
        """Containers of the simulation's gateways, running or not."""
        return [one for one in self.containers() if one.attrs["Config"]["Image"] not in (BROKER_IMAGE, MACHINE_IMAGE)]

    def full_volume(self, name: str) -> str:
        """A volume of that name, the gateway's user's, with room for no file at all."""
        owner = f"uid={_GATEWAY_USER},gid={_GATEWAY_USER}"
        options = {"type": "tmpfs", "device": "tmpfs", "o": f"size=4k,nr_inodes=1,{owner}"}
        return str(self.engine.volumes.create(name, driver_opts=options, labels={LABEL: self.name}).name)

    def remove(self) -> None:
        """Every container, volume and network of this simulation; the image stays for the next one."""
        for container in self.containers():
            container.remove(force=True, v=True)
        for volume in self.engine.volumes.list(filters={"label": f"{LABEL}={self.name}"}):
            volume.remove()
        for network in self.engine.networks.list(filters={"label": f"{LABEL}={self.name}"}):
            network.reload()
            strangers = ", ".join(str(container.name) for container in network.containers)
            if strangers:
                raise CanNotSimulate(
                    f"the network {self.name} is in use by {strangers}: disconnect or remove that first"
                )
            network.remove()

    @property
    def _broker_name(self) -> str:
        return f"{self.name}-broker"

    def _ensure_network(self) -> None:
        if not self.engine.networks.list(filters={"label": f"{LABEL}={self.name}"}):
            self.engine.networks.create(self.name, driver="bridge", labels={LABEL: self.name}, check_duplicate=True)

    def _own(self, name: str) -> Container | None:
        """The container of that name if it is ours; one of somebody else is an error."""
        try:
            container = self.engine.containers.get(name)
        except NotFound:
            return None
        if container.labels.get(LABEL) != self.name:
            raise CanNotSimulate(f"a container named {name!r} exists and is not this simulation's: rename or remove it")
        return container


def _local_socket(engine: DockerClient) -> str | None:
    """The engine's socket where it is one of this machine's, else None."""
    return getattr(engine.api.get_adapter(engine.api.base_url), "socket_path", None)


def published_port(container: Container, port: str) -> int:
    """The host port on 127.0.0.1 behind which `port` (like `4004/tcp`) of a running container is."""
    container.reload()
    bindings = container.ports.get(port)
    if not bindings:
        raise CanNotSimulate(f"{container.name} publishes no {port}: is it running?")
    return int(bindings[0]["HostPort"])


def free_port(wanted: int) -> int | None:
    """`wanted` where nobody has it on this machine, else None: any."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            return None
    return wanted


def build_image(engine: DockerClient, release: str = NEWEST.number, gateway: str = "") -> str:
    """A gateway's image and those beside it, built again only when their sources have changed; by one process at a time."""
    if release not in RELEASES:
        raise CanNotSimulate(f"IBC {release} is not simulated: take one of {', '.join(RELEASES)}")
    shipped = RELEASES[release].gateway
    tag = f"{_REPOSITORY}:{release}" if gateway in ("", shipped) else f"{_REPOSITORY}:{release}-{gateway}"
    with _alone(_GATEWAY_BUILDS):
        context = _build_context()
        _build_unless_current(engine, context, "broker", BROKER_IMAGE)
        versions = {"IBC_VERSION": release, "GATEWAY_VERSION": gateway or shipped}
        _build_unless_current(engine, context, "gateway", tag, versions)
    return tag


def build_machine_image(engine: DockerClient) -> str:
    """The machine's image: apart from the others, so that none of them waits for its packages."""
    with _alone(_MACHINE_BUILDS):
        _build_unless_current(engine, _build_context(), "machine", MACHINE_IMAGE)
    return MACHINE_IMAGE


@contextlib.contextmanager
def _alone(file: Path) -> Iterator[None]:
    """One process, or thread of it, at a time."""
    with file.open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build_unless_current(
    engine: DockerClient, context: bytes, target: str, tag: str, arguments: Mapping[str, str] | None = None
) -> None:
    content = hashlib.sha256(context).hexdigest()
    with contextlib.suppress(ImageNotFound):
        if engine.images.get(tag).labels.get(_CONTENT_LABEL) == content:
            return
    base_image.ensure(engine, "bookworm")
    print(f"  {tag}", flush=True)  # what one waits for
    try:
        engine.images.build(
            fileobj=io.BytesIO(context),
            custom_context=True,
            target=target,
            tag=tag,
            buildargs={**base_image.proxies(), **(arguments or {})},
            labels={_CONTENT_LABEL: content},
            rm=True,
            forcerm=True,
        )
    except BuildError as error:
        said = " ".join(str(error).split())
        raise CanNotSimulate(
            f"building the image {tag} failed ({said}): can the engine reach Debian's package mirror?"
        ) from error
    with contextlib.suppress(APIError):  # another checkout's build may be at it
        engine.images.prune(filters={"dangling": True, "label": _CONTENT_LABEL})


def remove_images(engine: DockerClient) -> None:
    """The simulator's images, earlier builds of them, and the base if it was fetched for them; not what is in use."""
    with _alone(_GATEWAY_BUILDS), _alone(_MACHINE_BUILDS):  # a build counts on the layers of earlier ones
        images = engine.images.list(all=True, filters={"label": _CONTENT_LABEL})
        for image in [*(str(image.id) for image in images), *base_image.fetched(engine)]:
            with contextlib.suppress(APIError):
                engine.images.remove(image)


def _relay_ports(mode: str) -> list[str]:
    return {"live": ["4003/tcp"], "paper": ["4004/tcp"]}.get(mode, ["4003/tcp", "4004/tcp"])


def _build_context() -> bytes:
    """The same bytes for the same sources: no times, no owners."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for root, prefix in ((_HERE / "image", ""), (_HERE / "broker", "broker/")):
            for path in sorted(root.rglob("*")):
                if path.is_file() and "__pycache__" not in path.parts:
                    entry = tarfile.TarInfo(prefix + path.relative_to(root).as_posix())
                    entry.size = path.stat().st_size
                    entry.mode = 0o755 if os.access(path, os.X_OK) else 0o644
                    with path.open("rb") as file:
                        tar.addfile(entry, file)
    return archive.getvalue()


def _template_with(settings: Mapping[str, str]) -> str:
    """The template of config.ini with other values for these settings."""
    template = (_HERE / "image/ibc/config.ini.tmpl").read_text(encoding="utf-8")
    for name, value in settings.items():
        before, found, after = template.partition(f"\n{name}=")
        if not found:
            raise CanNotSimulate(f"the controller has no setting {name!r}")
        template = f"{before}{found}{value}\n{after.partition(chr(10))[2]}"
    return template


def _archive(files: Mapping[str, str], owner: int = _GATEWAY_USER, mode: int = 0o400) -> bytes:
    """Files of that owner; by default only the gateway's user can read them."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for path, value in files.items():
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.size = len(value.encode())
            entry.uid = entry.gid = owner
            entry.mode = mode
            tar.addfile(entry, io.BytesIO(value.encode()))
    return archive.getvalue()

"""Debian base images: from a registry, or made from Debian's packages where no registry answers."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from docker import DockerClient
from docker.errors import APIError, ImageNotFound

_PROXIES = ("http_proxy", "https_proxy", "no_proxy")

#: A second name for a base, given only where it was fetched here.
_FETCHED = "ibgw-ops-simulator-base"


class BaseMissing(RuntimeError):
    """A base image can not be had; the message is one sentence that says what to do."""


def ensure(engine: DockerClient, release: str) -> str:
    """The small image of a Debian release, say `bookworm`; fetched by one process at a time where it is missing."""
    base = f"debian:{release}-slim"
    with Path(__file__).open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            engine.images.get(base)
        except ImageNotFound:
            _fetch(engine, release, base)
    return base


def proxies() -> dict[str, str]:
    """The proxies of this environment, for the packages that a build fetches; Docker takes them as arguments of any build."""
    return {name: os.environ[name] for each in _PROXIES for name in (each, each.upper()) if name in os.environ}


def fetched(engine: DockerClient) -> list[str]:
    """Every name of the bases that were fetched here."""
    tags = [tag for image in engine.images.list(name=_FETCHED) for tag in image.tags]
    return [name for tag in tags if tag.startswith(f"{_FETCHED}:") for name in (tag.replace(_FETCHED, "debian"), tag)]


def _fetch(engine: DockerClient, release: str, base: str) -> None:
    try:
        engine.images.pull(base)
    except APIError as error:
        print(f"The engine can not pull {base}: making it from Debian's packages (a minute) ...", flush=True)
        _import(engine, release, base, str(error.explanation or error))
    engine.images.get(base).tag(_FETCHED, tag=base.partition(":")[2])


def _import(engine: DockerClient, release: str, base: str, refusal: str) -> None:
    if shutil.which("mmdebstrap") is None:
        if os.geteuid() != 0 or shutil.which("apt-get") is None:
            raise BaseMissing(
                f"the image {base} can not be pulled ({refusal.strip()}) and there is no mmdebstrap to make it: "
                "install mmdebstrap, or let the engine reach a registry"
            )
        _quietly("apt-get", "update")
        _quietly("apt-get", "install", "-y", "--no-install-recommends", "mmdebstrap")
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory) / "root.tar"
        _quietly("mmdebstrap", "--quiet", "--variant=minbase", release, str(root))
        repository, tag = base.split(":")
        engine.api.import_image_from_file(str(root), repository=repository, tag=tag)


def _quietly(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BaseMissing(f"'{' '.join(command)}' failed: {' '.join(done.stderr.split())[-300:]}")

"""What looking at gateways costs: the container probe beside `docker inspect` and `docker top` of the same gateways.

    python -m benchmarks.health [--times 7]      writes benchmarks/health.md and prints it (two minutes)

The gateways are containers that look like one from outside, with a process of the gateway and its relay; nobody logs in. Every asking has a
process of its own, and all take turns, so that what else the machine does hits all alike. On a machine that does other things, too, the
fastest of many tells more of who asks, the median more of the machine.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import docker
from ansible_collections.ibgw.ops.plugins.module_utils.engine import address_of
from docker.models.containers import Container

import simulator.engine
from benchmarks.asking import Asker, ask
from simulator.containers import build_image

_TABLE = Path(__file__).with_suffix(".md")
_GATEWAYS = (1, 10, 30)


# Behind the code of the first stands what the command line of a Java machine would show.
_RUN = """
python3 -c "import socket, time; s = socket.create_server(('127.0.0.1', 4002)); time.sleep(100000)" -Xmx768m ibcalpha.ibc.IbcGateway &
socat TCP-LISTEN:4004,fork TCP:127.0.0.1:4002 &
wait
"""

_PROBE = Asker(
    "the probe",
    "import docker\nfrom ansible_collections.ibgw.ops.plugins.module_utils.health import probe",
    "address, names = argument.split(' ')\nprobe(names.split(','), False, address, 60.0, '24h')",
)
_SDK = Asker(
    "inspect and top through the Docker SDK",
    "import docker",
    """
address, names = argument.split(' ')
client = docker.DockerClient(address)
for name in names.split(','):
    client.api.inspect_container(name)
    client.api.top(name)""",
)


def commands(address: str, names: Sequence[str]) -> float:
    """Seconds that `docker inspect` of all and `docker top` of each take."""
    began = time.monotonic()
    for command in (["inspect", *names], *(["top", name] for name in names)):
        subprocess.run(["docker", "-H", address, *command], stdout=subprocess.DEVNULL, check=True)
    return time.monotonic() - began


def costs(address: str, names: Sequence[str], times: int) -> Iterator[str]:
    """The lines of one number of gateways, and the memory of the probe."""
    argument = f"{address} {','.join(names)}"
    rounds = [(ask(_PROBE, argument), ask(_SDK, argument), commands(address, names)) for _ in range(times)]
    probe, sdk, cli = zip(*rounds, strict=True)
    asking, starting = [one.asking for one in probe], [one.starting for one in probe]
    cells = (
        _shown(cli),
        _shown(asking),
        f"{statistics.median(asking) / statistics.median(cli):.1f} times",
        _shown(starting),
        f"{statistics.median(starting) / statistics.median(cli):.1f} times",
        _shown([one.asking for one in sdk]),
        f"{statistics.median(one.memory for one in probe):.1f}",
    )
    yield f"| {len(names)} | {' | '.join(cells)} |"


def _shown(seconds: Sequence[float]) -> str:
    return f"{statistics.median(seconds) * 1000:.0f} ({min(seconds) * 1000:.0f})"


@contextmanager
def gateways(client: docker.DockerClient, number: int) -> Iterator[list[str]]:
    """The names of so many, up and listening."""
    image, run, made = build_image(client), uuid.uuid4().hex[:8], list[Container]()
    try:
        for at in range(number):
            made.append(client.containers.create(image, ["bash", "-c", _RUN], name=f"benchmark-{run}-{at}", init=True))
            made[-1].start()
        yield [str(one.name) for one in made]
    finally:
        for one in made:
            one.remove(force=True, v=True)


def table(times: int) -> Iterator[str]:
    """How long it takes for one gateway, ten and thirty; the same thirty run all the time."""
    yield from (
        "| gateways | `docker inspect` of all, `docker top` of each | the probe, asking | that is | with import and start of Python | that is"
        " | inspect and top through the Docker SDK, asking | memory of the probe, MiB |",
        "|---|---|---|---|---|---|---|---|",
    )
    client = simulator.engine.client()
    with gateways(client, max(_GATEWAYS)) as names:
        for number in _GATEWAYS:
            yield from costs(address_of(client), names[:number], times)


_HEAD = """# What looking at gateways costs

`python -m benchmarks.health` writes this table; see `health.py`. Times are ms: median (fastest). Memory is on top of the interpreter's own.

"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.health", description=__doc__.partition("\n")[0])
    parser.add_argument("--times", type=int, default=7, help="how often each asks")
    lines = []
    for line in table(parser.parse_args().times):
        lines.append(line)
        print(line, flush=True)
    _TABLE.write_text(_HEAD + "\n".join(lines) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A client that stays with its gateway: it waits for it, connects again, and never hammers.

Needs ib_async (pip install ib_async). Run it, restart the gateway, and watch it come back:

    python retrying_client.py --port 4002 --client-id 17
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import random
import signal
from collections.abc import Awaitable, Callable

from ib_async import IB, Contract

LOG = logging.getLogger("client")

#: Seconds between two attempts: the first is short, for it often fails just after a login; each further one takes twice as long.
FIRST_WAIT, LONGEST_WAIT = 2.0, 60.0

#: Only a connection that lasted that long begins the waits anew: one that is cut at once is not tried again at once.
LASTING = 30.0

#: A gateway that hangs keeps connections open and answers nothing: it is asked for the time now and then, and has so long to answer.
HEARTBEAT, PATIENCE = 30.0, 10.0

#: The gateway's link to IBKR: lost; back, and subscriptions are gone; back, and nothing was lost.
LINK_LOST, BACK_WITHOUT_DATA, BACK_WITH_DATA = 1100, 1101, 1102

Work = Callable[[IB], Awaitable[None]]


async def stay_connected(
    host: str, port: int, client_id: int, subscribe: Work, stop: asyncio.Event, longest_wait: float = LONGEST_WAIT
) -> None:
    """Connect, `subscribe`, stay as long as it lasts, and do so again until `stop`.

    The id stays the same, so that the gateway knows the orders of this client for its own.
    """
    wait = FIRST_WAIT
    while not stop.is_set():
        began = asyncio.get_running_loop().time()
        try:
            await _one_connection(host, port, client_id, subscribe, stop)
        except (OSError, asyncio.TimeoutError) as error:  # refused, closed or silent: to wait is right for all of them
            LOG.warning("not connected: %s", error or type(error).__name__)
        if stop.is_set():
            return
        if asyncio.get_running_loop().time() - began > LASTING + PATIENCE:
            wait = FIRST_WAIT
        pause = wait * random.uniform(0.8, 1.2)  # clients that were cut off together do not come back together
        LOG.info("next attempt in %.0f s", pause)
        await _until(stop, pause)
        wait = min(2 * wait, longest_wait)


async def _one_connection(host: str, port: int, client_id: int, subscribe: Work, stop: asyncio.Event) -> None:
    client = IB()
    over = asyncio.Event()
    client.disconnectedEvent += over.set
    try:
        await client.connectAsync(host, port, clientId=client_id, timeout=PATIENCE, raiseSyncErrors=True)
        client.errorEvent += _link_watcher(client, subscribe)
        LOG.info("connected, accounts seen: %d", len(client.managedAccounts()))
        await subscribe(client)
        while not (over.is_set() or stop.is_set()):
            await asyncio.wait_for(client.reqCurrentTimeAsync(), PATIENCE)
            await _until(stop, HEARTBEAT, over)
        LOG.info("told to stop" if stop.is_set() else "the gateway has closed the connection")
    finally:
        client.disconnect()  # in order: a connection that is only dropped stays with the gateway, and many of them hang it


def _link_watcher(client: IB, subscribe: Work) -> Callable[[int, int, str, Contract | None], None]:
    """What to do about the gateway's link to IBKR: the connection to the gateway is fine, and is kept."""
    tasks: set[asyncio.Task[None]] = set()

    def notice(_request: int, code: int, text: str, _contract: Contract | None = None) -> None:
        if code == LINK_LOST:
            LOG.warning("%d: IBKR is away; no order now, and no new connection either", code)
        elif code == BACK_WITHOUT_DATA:
            LOG.warning("%d: IBKR is back, subscriptions are gone: subscribing anew", code)
            task = asyncio.ensure_future(subscribe(client))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        elif code == BACK_WITH_DATA:
            LOG.info("%d: IBKR is back, nothing was lost", code)
        else:
            LOG.info("%d: %s", code, text)

    return notice


async def _until(stop: asyncio.Event, seconds: float, *others: asyncio.Event) -> None:
    """Wait that long, or until one of the events."""
    waiting = [asyncio.ensure_future(event.wait()) for event in (stop, *others)]
    await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for each in waiting:
        each.cancel()


async def _subscribe(client: IB) -> None:
    """Whatever the program needs of the gateway, each time anew: here how many positions there are."""
    LOG.info("positions: %d", len(client.positions()))


async def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=4002)
    parser.add_argument("--client-id", type=int, default=17)
    parser.add_argument("--longest-wait", type=float, default=LONGEST_WAIT, help="seconds between two attempts at most")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    logging.getLogger("ib_async").setLevel(logging.CRITICAL)  # each attempt is told once, by us
    stop = asyncio.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(each, stop.set)
    await stay_connected(arguments.host, arguments.port, arguments.client_id, _subscribe, stop, arguments.longest_wait)


if __name__ == "__main__":
    asyncio.run(main())

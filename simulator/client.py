"""A trading program as people write them: connects to the API with ib_async and stays, until told to stop or cut off."""

from __future__ import annotations

import asyncio
import signal
import sys

import ib_async


async def stay_connected(port: int) -> None:
    client = ib_async.IB()
    await client.connectAsync("127.0.0.1", port, clientId=21)
    print("connected", flush=True)
    over = asyncio.Event()
    client.disconnectedEvent += over.set
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    await over.wait()
    client.disconnect()


if __name__ == "__main__":
    asyncio.run(stay_connected(int(sys.argv[1])))

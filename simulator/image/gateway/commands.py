"""IBC's command server: one command per line, in plain text, from peers that the settings permit (CommandServer.java)."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import socket
import struct

from . import console
from .controller import Controller
from .releases import Release
from .settings import Settings

_LOOPBACK = "127.0.0.1"
_SIOCGIFADDR = 0x8915  # linux/sockios.h


class CommandServer:
    def __init__(self, settings: Settings, release: Release, controller: Controller) -> None:
        self._settings = settings
        self._release = release
        self._controller = controller
        self._server: asyncio.Server | None = None
        self._restarting = False

    async def start(self) -> None:
        port = self._settings.number("CommandServerPort", 0)
        if port == 0:
            console.message("CommandServer is not started because the port is not configured")
            return
        console.message(f"CommandServer is starting with port {port}")
        address = self._settings.text("BindAddress")
        try:
            self._server = await asyncio.start_server(self._serve, address or "0.0.0.0", port)
        except OSError:
            console.message("CommandServer failed to create socket")
            console.message("CommandServer cannot process commands")
            console.message("CommandServer is shutdown")
            return
        if address:
            console.message(f"CommandServer listening on address: {address} port: {port}")
        else:
            console.message(f"CommandServer listening on addresses: {','.join(_own_addresses())}; port: {port}")
        console.message("CommandServer started and is ready to accept commands")

    def close(self) -> None:
        """Nothing where it is not on."""
        if self._server is not None:
            console.message("CommandServer closing")
            self._server.close()
            self._server = None
            console.message("CommandServer is shutdown")

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = writer.get_extra_info("peername")[0]
        console.message(f"CommandServer: ControlFrom setting = {self._settings.text('ControlFrom')}")
        if not self._permits(peer):
            console.message(f"CommandServer denied access to: /{peer}")
            writer.close()
            return
        console.message(f"CommandServer accepted connection from: /{peer}")
        with contextlib.suppress(OSError):
            await self._converse(Channel(reader, writer, self._settings))
        console.message("Closing command channel")
        writer.close()

    def _permits(self, peer: str) -> bool:
        """This machine, and who is listed by address or by name; the list is not trimmed (CommandServer.java:179-193)."""
        if peer in (_LOOPBACK, self._settings.text("BindAddress")):
            return True
        names = {peer, _name_of(peer)}
        return any(entry.lower() in names for entry in self._settings.text("ControlFrom").split(","))

    async def _converse(self, channel: Channel) -> None:
        channel.inform("IBC Command Server")
        channel.prompt()
        while command := await channel.command():
            if self._obey(command, channel):
                break
            channel.prompt()
        await channel.flush()

    def _obey(self, said: str, channel: Channel) -> bool:
        """Whether that was the last one of this connection (CommandDispatcher.java:36-100)."""
        command = said.upper()
        if command == "EXIT":
            channel.acknowledge("Goodbye")
            return True
        if command == "STOP":
            self._stop(channel)
            return True
        if command == "RESTART" or (command == "PAUSE" and self._release.pauses):
            self._restart(command, channel)
            return True
        if command == "ENABLEAPI":
            channel.refuse("ENABLEAPI is not valid for the IB Gateway")
        elif command == "RECONNECTACCOUNT":
            self._controller.gateway.reconnect_account()
            channel.acknowledge("")
        elif command == "RECONNECTDATA":
            channel.acknowledge("")
        else:
            channel.refuse("Command invalid")
            console.error(f"CommandServer: invalid command received: {said}")
        return False

    def _stop(self, channel: Channel) -> None:
        if self._controller.stop():
            channel.inform("Closing IBC")
            channel.acknowledge(self._release.stop_reply)
        else:
            channel.refuse("STOP already in progress")

    def _restart(self, verb: str, channel: Channel) -> None:
        if self._release.pauses:
            console.message(f"RestartTask: pauseOnly = {str(verb == 'PAUSE').lower()}")
            console.message(f"RestartTask: verb = {verb}")
        if self._restarting:  # never released: once in the life of a Java machine
            console.message(f"{verb} already in progress")
            channel.refuse(f"{verb} already in progress")
            return
        self._restarting = True
        channel.inform("Pausing TWS" if verb == "PAUSE" else "Restarting TWS")
        if verb == "PAUSE":
            self._controller.ask_for_pause()
        at = self._controller.restart_soon()
        channel.acknowledge(self._release.restart_reply.format(verb=verb, time=at))


class Channel:
    """One client's connection (CommandChannel.java)."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, settings: Settings) -> None:
        self._reader = reader
        self._writer = writer
        self._prompt = settings.text("CommandPrompt")
        self._silent = settings.flag("SuppressInfoMessages", True)

    async def command(self) -> str:
        """The next line that is not blank; empty at the end."""
        while line := await self._reader.readline():
            text = line.decode("utf-8", errors="replace").rstrip("\r\n")
            if text.strip():
                console.message(f"CommandServer received command: {text}")
                return text
            self.prompt()
        return ""

    def acknowledge(self, text: str) -> None:
        self._write(f"OK {text}\n")

    def refuse(self, text: str) -> None:
        self._write(f"ERROR {text}\n")

    def inform(self, text: str) -> None:
        if not self._silent:
            self._write(f"INFO {text}\n")

    def prompt(self) -> None:
        self._write(self._prompt)

    async def flush(self) -> None:
        await self._writer.drain()

    def _write(self, text: str) -> None:
        self._writer.write(text.encode())


def _name_of(peer: str) -> str:
    try:
        return socket.gethostbyaddr(peer)[0].lower()
    except OSError:
        return peer


def _own_addresses() -> list[str]:
    """One for each network interface that has one."""
    addresses = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        for _, name in socket.if_nameindex():
            with contextlib.suppress(OSError):
                asked = struct.pack("256s", os.fsencode(name)[:15])
                addresses.append(socket.inet_ntoa(fcntl.ioctl(any_socket, _SIOCGIFADDR, asked)[20:24]))
    return addresses

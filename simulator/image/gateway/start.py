"""What happens when the Java machine starts: IBC reads its settings, then starts the Gateway."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from . import console, exits, jtsini, pace, properties
from .commandline import CommandLine, Refused
from .controller import Controller
from .program import Gateway
from .settings import Settings
from .windows import Screen

_DISPLAY = "/tmp/.X11-unix/X1"
_PORTS = {"live": 4001, "paper": 4002}


def main(argv: Sequence[str]) -> None:
    try:
        java = CommandLine.parse(argv)
    except Refused:
        exits.halt(1)  # its message goes to stderr, which the start script throws away
    asyncio.run(_run(java))


async def _run(java: CommandLine) -> None:
    await asyncio.sleep(pace.JVM_START)
    ini = Path(java.arguments[0])
    settings = Settings.read(ini)
    directory = Path(java.properties["jtsConfigDir"])
    mode = settings.text("TradingMode", "live").lower()
    restart = java.properties.get("restart")

    console.raw(*settings.dump())
    version = ini.with_name("version").read_text(encoding="ascii").strip()
    console.message(f"version: {version}")
    console.raw(*properties.dump(java))
    console.message(f"using default settings provider: ini file is {ini}")
    console.message(
        "using default login manager: will get username and password from settings; "
        "FIX username and password (if required) from settings"
    )
    console.message("using default main window manager")
    console.message(
        "using default trading mode manager: constructor parameter args but trading mode not present - "
        "will be taken from settings"
    )
    console.message("using default config dialog manager")
    console.message("CommandServer is not started because the port is not configured")
    if mode not in _PORTS:
        console.error(f"Invalid Trading Mode setting: {mode}")
        exits.after_error(exits.INVALID_TRADING_MODE)
    display, _connection = await _connect_to_display()
    console.message(f"TWS Settings directory is: {directory}")
    if restart is None:
        timeout = settings.number("LoginDialogDisplayTimeout", 60)
        console.message(f"Starting session: will exit if login dialog is not displayed within {timeout} seconds")
    else:
        console.message("Re-starting session")
    jtsini.ensure_required_lines(directory / "jts.ini")

    controller = Controller(settings, directory, java.properties["ibcsessionid"], mode)
    port = settings.number("OverrideTwsApiPort", _PORTS[mode])
    controller.gateway = Gateway(Screen(controller.window_event), directory, mode, port)
    console.message("Starting Gateway")
    await asyncio.sleep(pace.GATEWAY_START)
    controller.announce_configuration()
    controller.gateway.start(restart)
    await display.read()
    exits.halt(1)  # no X server, no Java machine (gnzsnz/ib-gateway-docker#119)


async def _connect_to_display() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    try:
        return await asyncio.open_unix_connection(_DISPLAY)
    except OSError:
        console.exception("Can't connect to X11 window server using ':1' as the value of the DISPLAY variable.")
        exits.after_error(exits.UNHANDLED_EXCEPTION)

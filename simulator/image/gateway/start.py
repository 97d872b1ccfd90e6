"""What happens when the Java machine starts: IBC reads its settings, then starts the Gateway."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from . import console, exits, jtsini, pace, properties
from .commandline import CommandLine, Refused
from .commands import CommandServer
from .controller import Controller
from .heap import Heap
from .program import Gateway
from .releases import RELEASES, Release, login_title
from .settings import Settings
from .windows import Screen

_DISPLAY = "/tmp/.X11-unix/X1"
_PORTS = {"live": 4001, "paper": 4002}


def main(argv: Sequence[str]) -> None:
    try:
        java = CommandLine.parse(argv)
    except Refused as refused:
        console.java(
            str(refused),
            "Error: Could not create the Java Virtual Machine.",
            "Error: A fatal exception has occurred. Program will exit.",
        )
        exits.halt(1)
    asyncio.run(_run(java))


async def _run(java: CommandLine) -> None:
    await asyncio.sleep(pace.JVM_START)
    ini = Path(java.arguments[0])
    settings = Settings.read(ini)
    # Beside the jar: the configuration may be anywhere.
    version = Path(java.class_path.rpartition(":")[2]).with_name("version")
    release = RELEASES[version.read_text(encoding="ascii").strip()]
    console.speak_as(release)
    directory = Path(java.properties["jtsConfigDir"])
    mode = settings.text("TradingMode", "live").lower()
    restart = java.properties.get("restart")

    _introduce(java, ini, settings, release)
    session_id = java.properties.get("ibcsessionid", "")
    controller = Controller(settings, release, directory, session_id, mode, resumes=restart is not None)
    controller.commands = CommandServer(settings, release, controller)
    await controller.commands.start()
    if mode not in _PORTS:
        console.error(f"Invalid Trading Mode setting: {mode}")
        exits.after_error(exits.INVALID_TRADING_MODE)
    controller.plan_cold_restart()
    display, _connection = await _connect_to_display()
    console.message(f"TWS Settings directory is: {directory}")
    _prepare_session(settings, release, directory, restart)
    if restart is None:
        controller.expect_login_window(_login_window_timeout(settings))

    port = settings.number("OverrideTwsApiPort", _PORTS[mode])
    title = login_title(_gateway_build(java))
    heap = Heap.of(java.heap)
    controller.gateway = Gateway(Screen(controller.window_event), directory, mode, port, title, heap)
    await asyncio.sleep(pace.GATEWAY_START)
    controller.announce_configuration()
    controller.gateway.start(restart)
    await display.read()
    exits.halt(1)  # no X server, no Java machine (gnzsnz/ib-gateway-docker#119)


def _introduce(java: CommandLine, ini: Path, settings: Settings, release: Release) -> None:
    console.raw(*settings.dump(release))
    console.message(f"version: {release.number}")
    console.raw(*properties.dump(java))
    console.message(f"using default settings provider: ini file is {ini}")
    console.message(f"using default login manager: {release.credentials_text}")
    console.message("using default main window manager")
    console.message(
        "using default trading mode manager: constructor parameter args but trading mode not present - "
        "will be taken from settings"
    )
    console.message("using default config dialog manager")


def _prepare_session(settings: Settings, release: Release, directory: Path, restart: str | None) -> None:
    timeout = _login_window_timeout(settings)
    session = f"Starting session: will exit if login dialog is not displayed within {timeout} seconds"
    if restart is not None:
        session = "Re-starting session"
    if not release.session_told_late:
        console.message(session)
    jtsini.ensure_required_lines(directory / "jts.ini", release)
    console.message("Starting Gateway")
    if release.session_told_late:
        console.message(session)


def _login_window_timeout(settings: Settings) -> int:
    return settings.number("LoginDialogDisplayTimeout", 60)


def _gateway_build(java: CommandLine) -> str:
    """The program is where its first jar is: `…/ibgateway/<build>/jars/`."""
    return Path(java.class_path.partition(":")[0]).parent.parent.name


async def _connect_to_display() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    try:
        return await asyncio.open_unix_connection(_DISPLAY)
    except OSError:
        console.exception(
            "java.awt.AWTError",
            "java.desktop/sun.awt.X11GraphicsEnvironment.initDisplay(Native Method)",
            message="Can't connect to X11 window server using ':1' as the value of the DISPLAY variable.",
        )
        exits.after_error(exits.UNHANDLED_EXCEPTION)

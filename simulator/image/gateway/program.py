"""The stand-in for IB Gateway itself: its windows, its conversation with IBKR, its API port, its daily restart.

It knows nothing of IBC: whoever sits before the screen sees windows and presses their buttons.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Callable, Coroutine
from datetime import datetime, time
from pathlib import Path
from typing import Any

from . import exits, pace
from .api import Api
from .background import Background
from .heap import Heap, OutOfMemoryError
from .line import Line, Message, Unreachable
from .schedule import next_moment, until
from .windows import DeviceList, Screen, Window

#: What IBKR's refusals look like (facts: window titles and texts seen in public logs).
_REFUSALS = {
    "unrecognized": ("Unrecognized Username or Password", "Please check your user name and password."),
    "login_failed": ("Login failed", "Login failed - Server disconnected, please try again"),
    "locked": (
        "Login Error",
        "Your account has been locked due to too many failed login attempts. Please contact Client Services.",
    ),
    "token_expired": ("Login Error", "Soft token=0 received instead of expected permanent for {account}"),
}


class LoginWindow(Window):
    """The window that asks for credentials; `mode` is its live/paper switch."""

    def __init__(self, title: str, log_in: Callable[[], None], mode: str) -> None:
        super().__init__("frame", title, buttons={"Log In" if mode == "live" else "Paper Log In": log_in})
        self.mode = mode
        self.user = ""
        self.password = ""


class Gateway:
    def __init__(self, screen: Screen, directory: Path, mode: str, api_port: int, login_title: str, heap: Heap) -> None:
        self.screen = screen
        self.mode = mode
        self.heap = heap
        self.account = ""
        self.logged_in = False
        self.read_only = True  # as a fresh installation (IBC IbcTws.java:598-607)
        self.main_window: Window | None = None
        self._directory = directory
        self._line = Line(self._broker_says, self._broker_gone)
        self._api = Api(self, api_port)
        self._login_window = LoginWindow(login_title, lambda: self._background.run(self._log_in()), mode)
        self._configuration_wanted = asyncio.Event()
        self._configuration: Window | None = None
        self._second_factor: asyncio.Queue[Message] = asyncio.Queue()
        self._reconnecting: asyncio.Task[None] | None = None
        self._restart: asyncio.Task[None] | None = None
        self._token = ""
        self._user = ""
        self._portfolio: Message = {}
        self._listens = True
        self._background = Background()

    # What the person or controller before the screen may do

    def start(self, restart_directory: str | None) -> None:
        if restart_directory is None:
            self._background.run(self._show_login())
        else:
            self._background.run(self._resume(self._directory / restart_directory / "autorestart"))

    def open_configuration(self) -> None:
        """The menu item; the dialog appears once somebody is logged in."""
        self._configuration_wanted.set()
        if self._configuration is not None:
            self._background.run(self._show_configuration())

    def reconnect_account(self) -> None:
        """The key that logs in anew at IBKR: the link is gone for a moment."""

        async def lose_and_restore() -> None:
            self._link_changed(False)
            await asyncio.sleep(pace.CONNECTING)
            self._link_changed(await self._reachable())

        if self._reconnecting is None:
            self._background.run(lose_and_restore())

    def close_from_menu(self) -> None:
        self._background.run(self._end("logout"))

    def restart_daily_at(self, at: time) -> None:
        self._schedule(at, self._restart_now)

    def log_off_daily_at(self, at: time) -> None:
        self._schedule(at, lambda: self._end("logout"))

    # What the API asks

    async def portfolio(self) -> Message:
        """Positions, orders and account values, as the broker's books have them; without a link, as they were last."""
        with contextlib.suppress(Unreachable):
            self._portfolio = await self._ask_over_link("portfolio")
        return self._portfolio

    async def place_order(self, order: Message) -> Message:
        """The order as IBKR has it now."""
        return await self._ask_over_link("place_order", **order)

    async def cancel_order(self, client_id: int, order_id: int) -> Message:
        """The order as it was last; empty where IBKR has no such one."""
        return await self._ask_over_link("cancel_order", client_id=client_id, order_id=order_id)

    async def _ask_over_link(self, do: str, **arguments: Any) -> Message:
        if self._reconnecting is not None:
            raise Unreachable("the link to IBKR is lost")
        return await self._line.ask(do, **arguments)

    # Login

    async def _show_login(self) -> None:
        await asyncio.sleep(pace.LOGIN_WINDOW)
        self.screen.open(self._login_window)

    async def _log_in(self) -> None:
        window = self._login_window
        await asyncio.sleep(pace.LOGIN_WINDOW_HIDES)
        self.screen.deactivate()
        self._user = window.user
        progress = await self._show_progress()
        await self._converse(progress, "login", user=window.user, password=window.password, mode=self.mode)

    async def _resume(self, saved: Path) -> None:
        """A start after the daily restart: the saved session is used up by reading it; a file without one stays (IBC#221)."""
        try:
            self._user, _, token = saved.read_text(encoding="utf-8").partition("\n")
        except OSError:
            self._user, token = "", ""
        if not token:
            await self._show_login()
            return
        saved.unlink()
        await asyncio.sleep(pace.LOGIN_WINDOW)
        await self._converse(await self._show_progress(), "resume", token=token, mode=self.mode)

    async def _show_progress(self) -> Window:
        if self.main_window is None:
            self.main_window = Window("frame", "Loading...")
            self.screen.open(self.main_window)
            await asyncio.sleep(pace.CONNECTING)
        progress = Window("frame", "Connecting to server...")
        if await self._reachable():
            self.screen.open(progress)
        else:
            progress.title = "Attempt 1: Connecting to server (trying for another 30 seconds)..."
            self.screen.open(progress)
            progress = await self._wait_for_server(progress)
        return progress

    async def _reachable(self) -> bool:
        try:
            return bool((await self._line.ask("hello", user=self._user))["link"])
        except Unreachable:
            return False

    async def _wait_for_server(self, progress: Window) -> Window:
        attempt = 1
        while True:
            await asyncio.sleep(pace.RECONNECT)
            attempt += 1
            reachable = await self._reachable()
            doing = "Authenticating..." if reachable else "Connecting to server (trying for another 30 seconds)..."
            self.screen.close(progress)
            progress = Window("frame", f"Attempt {attempt}: {doing}")
            self.screen.open(progress)
            if reachable:
                return progress

    async def _converse(self, progress: Window, do: str, **arguments: Any) -> None:
        """From the first question to IBKR until the session is loaded or the login has come to its end."""
        self._second_factor = asyncio.Queue()
        try:
            answer = await self._line.ask(do, **arguments)
            await asyncio.sleep(pace.AUTHENTICATING)
            progress.title = "Authenticating..."
            while True:
                kind = answer["answer"]
                if kind == "existing_session":
                    if await self._ask_about_other_session("Continue Login") == "exit":
                        return
                    answer = await self._line.ask("continue")
                elif kind == "devices":
                    answer = await self._line.ask("choose_device", device=await self._ask_which(answer["devices"]))
                elif kind == "push":
                    answer = await self._wait_for_second_factor()
                elif kind == "push_withheld":
                    await self._flash_second_factor()
                    return
                else:
                    break
        except Unreachable:
            kind = "login_failed"
            answer = {"answer": kind}
        if kind == "accepted":
            await self._load(progress, answer)
        elif kind == "push_expired":
            self.screen.close(progress)
            self.screen.activate(self._login_window)
        elif kind == "throttled":
            self.screen.close(progress)
            self._show_throttled(answer["seconds"])
        elif kind in _REFUSALS:
            self.screen.close(progress)
            self._show_refusal(kind, answer)
        # A refused push leaves the window as it is: nothing more comes.

    async def _wait_for_second_factor(self) -> Message:
        dialog = Window("dialog", "Second Factor Authentication")
        self.screen.open(dialog)
        answer = await self._second_factor.get()
        self.screen.close(dialog)
        return answer

    async def _flash_second_factor(self) -> None:
        """IBKR wants an answer to a push that it did not send: the prompt is gone in a moment, and nothing follows."""
        dialog = Window("dialog", "Second Factor Authentication")
        self.screen.open(dialog)
        await asyncio.sleep(pace.PROMPT_WITHOUT_PUSH)
        self.screen.close(dialog)

    async def _ask_which(self, devices: list[str]) -> str:
        choice: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        dialog = DeviceList(devices, choice.set_result)
        self.screen.open(dialog)
        device = await choice
        await asyncio.sleep(pace.CLICK)
        self.screen.close(dialog)
        return device

    async def _ask_about_other_session(self, go_on: str) -> str:
        """`continue` or `exit`, as chosen on the screen."""
        choice: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        dialog = Window("dialog", "Existing session detected")
        dialog.buttons = {
            go_on: lambda: choice.set_result("continue"),
            "Exit Application": lambda: choice.set_result("exit"),
        }
        self.screen.open(dialog)
        chosen = await choice
        await asyncio.sleep(pace.CLICK)
        self.screen.close(dialog)
        if chosen == "exit":
            self._background.run(self._end("logout"))
        return chosen

    async def _load(self, progress: Window, answer: Message) -> None:
        await asyncio.sleep(pace.LOADING)
        progress.title = "Starting application..."
        self.account, self._token = answer["account"], answer["token"]
        self.logged_in = True
        self.screen.close(progress)
        if self.mode == "paper" and self._configuration is None:
            await self._show_paper_notice()
        await self.portfolio()
        await self._api.open()
        await self._line.ask("loaded")
        if self._configuration is None:
            self._background.run(self._show_configuration())

    async def _show_paper_notice(self) -> None:
        accepted = asyncio.Event()
        notice = Window(
            "dialog", "Warning", "This is not a brokerage account", {"I understand and accept": accepted.set}
        )
        self.screen.open(notice)
        await accepted.wait()
        await asyncio.sleep(pace.CLICK)
        self.screen.close(notice)

    async def _show_configuration(self) -> None:
        await self._configuration_wanted.wait()
        await asyncio.sleep(pace.CONFIGURATION_OPENS)
        done = asyncio.Event()
        kind = " (Simulated Trading)" if self.mode == "paper" else ""
        title = f"{self.account} Trader Workstation Configuration{kind}"
        self._configuration = dialog = Window("dialog", title, buttons={"OK": done.set})
        self.screen.open(dialog)
        await done.wait()
        await asyncio.sleep(pace.CLICK)
        self.screen.close(dialog)
        self.screen.flash(Window("dialog", "Pending Tasks"))

    def _show_throttled(self, seconds: int) -> None:
        minutes, rest = divmod(seconds, 60)
        wait = f"{minutes} minutes & {rest} seconds" if minutes else f"{rest} seconds"
        text = f"Too many failed login attempts. Please wait {wait} before attempting to re-login again."
        self._show_notice(Window("dialog", "IBKR Login", text), lambda: self.screen.activate(self._login_window))

    def _show_refusal(self, kind: str, answer: Message) -> None:
        title, text = _REFUSALS[kind]
        self._show_notice(Window("dialog", title, text.format(account=answer.get("account", ""))), lambda: None)

    def _show_notice(self, dialog: Window, then: Callable[[], None]) -> None:
        async def close() -> None:
            await asyncio.sleep(pace.CLICK)
            self.screen.close(dialog)
            then()

        dialog.buttons = {"OK": lambda: self._background.run(close())}
        self.screen.open(dialog)

    # What the broker says unasked

    def _broker_says(self, event: Message) -> None:
        kind = event["event"]
        if kind == "second_factor":
            self._second_factor.put_nowait(event)
        elif kind == "link":
            self._link_changed(bool(event["up"]))
        elif kind == "competing" and self.logged_in:
            self._background.run(self._other_session_wants_in())
        elif kind == "relogin" and self.logged_in:
            self._background.run(self._log_in_again())
        elif kind == "values":
            self._background.run(self._api.values_changed())
        elif kind == "hang":
            self._api.hang()
        elif kind == "data" and self._listens:
            self._keep(event["data"])

    def _keep(self, data: str) -> None:
        """What IBKR sends is kept until the thread that listens for it finds no more room."""
        try:
            self.heap.keep(data)
        except OutOfMemoryError as error:
            error.end("JTS-usfarmListener-61")
            self._listens = False

    async def _other_session_wants_in(self) -> None:
        if await self._ask_about_other_session("Continue Login") == "continue":
            await self._line.ask("continue")

    async def _log_in_again(self) -> None:
        self.logged_in = False
        wanted = asyncio.Event()
        dialog = Window("dialog", "Re-login is required", buttons={"Re-login": wanted.set})
        self.screen.open(dialog)
        await wanted.wait()
        await asyncio.sleep(pace.CLICK)
        self.screen.close(dialog)
        progress = Window("frame", "Connecting to server...")
        self.screen.open(progress)
        await self._converse(progress, "relogin", token=self._token, mode=self.mode)

    def _link_changed(self, up: bool) -> None:
        if not self.logged_in or up == (self._reconnecting is None):
            return
        if up:
            assert self._reconnecting is not None
            self._reconnecting.cancel()
        else:
            self._reconnecting = asyncio.create_task(self._reconnect())

    async def _reconnect(self) -> None:
        """The link to IBKR is lost while somebody is logged in: API clients stay connected and are told."""
        progress = Window("frame", "Connecting to server...")
        self._api.link_lost()
        self.screen.open(progress)
        attempt = 1
        try:
            while True:
                await asyncio.sleep(pace.RECONNECT)
                self.screen.close(progress)
                attempt += 1
                progress = Window(
                    "frame", f"Attempt {attempt}: Connecting to server (trying for another 30 seconds)..."
                )
                self.screen.open(progress)
        except asyncio.CancelledError:
            progress.title = "Starting application..."
            self.screen.close(progress)
            self._api.link_restored()
            self._reconnecting = None

    def _broker_gone(self) -> None:
        """The broker closed the connection: for the Gateway the same as a lost link."""
        self._second_factor.put_nowait({"answer": "push_refused"})
        if self.logged_in:
            self._link_changed(False)
            self._background.run(self._return_to_broker())

    async def _return_to_broker(self) -> None:
        while not await self._reachable():
            await asyncio.sleep(pace.RECONNECT)
        answer = await self._line.ask("relogin", token=self._token, mode=self.mode)
        if answer["answer"] == "accepted":
            self._link_changed(True)

    # End

    def _schedule(self, at: time, do: Callable[[], Coroutine[Any, Any, None]]) -> None:
        async def wait_and_do() -> None:
            await until(next_moment(at, datetime.now()))
            await do()

        if self._restart is not None:
            self._restart.cancel()
        self._restart = asyncio.create_task(wait_and_do())

    async def _restart_now(self) -> None:
        await self._end("suspend")

    async def _end(self, farewell: str) -> None:
        """Close in an orderly way; a suspended session is saved for the next Java machine."""
        self._api.close()
        dialog = Window("dialog", "Shutdown progress")
        self.screen.open(dialog)
        if farewell == "suspend" and self._reconnecting is None:
            self._save_session()
        with contextlib.suppress(Unreachable, asyncio.TimeoutError):
            await asyncio.wait_for(self._line.ask(farewell), pace.SHUTDOWN)
        await asyncio.sleep(pace.SHUTDOWN)
        self.screen.close(dialog)
        exits.halt(0)

    def _save_session(self) -> None:
        name = "".join(chr(ord("a") + int(digit, 16)) for digit in hashlib.sha256(self._user.encode()).hexdigest()[:40])
        directory = self._directory / name
        directory.mkdir(exist_ok=True)
        (directory / "autorestart").write_text(f"{self._user}\n{self._token}", encoding="utf-8")

"""Windows on the Gateway's screen and the events that a listener in the same Java machine gets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(eq=False)
class Window:
    kind: Literal["frame", "dialog"]
    title: str
    text: str = ""
    buttons: Mapping[str, Callable[[], None]] = field(default_factory=dict)


class DeviceList(Window):
    """The second factor's first question: which of these devices? What is chosen is told with the button."""

    def __init__(self, devices: list[str], choose: Callable[[str], None]) -> None:
        super().__init__("dialog", "Second Factor Authentication", buttons={"OK": lambda: choose(self.chosen)})
        self.devices = devices
        self.chosen = ""


class Screen:
    """Which windows are open and which one has the focus. A change of title is no event."""

    def __init__(self, listener: Callable[[Window, str], None]) -> None:
        self._listener = listener
        self._open: list[Window] = []
        self._active: Window | None = None

    def is_open(self, window: Window) -> bool:
        return window in self._open

    def open(self, window: Window) -> None:
        self._open.append(window)
        self._listener(window, "Opened")
        if self.is_open(window):
            self.activate(window)

    def activate(self, window: Window) -> None:
        self.deactivate()
        self._active = window
        self._listener(window, "Activated")
        self._listener(window, "Focused")

    def deactivate(self) -> None:
        if self._active is not None:
            window, self._active = self._active, None
            self._listener(window, "Lost focus")
            self._listener(window, "Deactivated")

    def flash(self, window: Window) -> None:
        """A window that is gone before its opening is told: some show no event but the last."""
        self._listener(window, "Closed")

    def close(self, window: Window) -> None:
        if not self.is_open(window):
            return
        if self._active is window:
            self.deactivate()
        self._open.remove(window)
        self._listener(window, "Closed")

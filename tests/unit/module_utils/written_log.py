# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the written logs of all controllers have in common: a clock that goes on, and lines that Docker stamps or not."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Self


class WrittenLog:
    """A log that grows; every step takes the time that it usually takes."""

    def __init__(self, mode: str, stamped: bool, begins: datetime | None = None) -> None:
        self.now = begins or datetime(2026, 3, 4, 12, 0, 0, tzinfo=timezone.utc)
        self.mode = mode
        self.stamped = stamped
        self.lines: list[str] = []

    def wait(self, seconds: float) -> Self:
        self.now += timedelta(seconds=seconds)
        return self

    def raw(self, *texts: str) -> Self:
        for text in texts:
            stamp = self.now.strftime("%Y-%m-%dT%H:%M:%S.%f") + "000Z " if self.stamped else ""
            self.lines.append(stamp + text)
        return self

    @property
    def text(self) -> str:
        return "".join(line + "\n" for line in self.lines)

    def as_of(self, seconds: float = 0.0) -> str:
        return (self.now + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")

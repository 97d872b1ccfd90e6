# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a gateway's logins have cost so far: attempts, prompts, completed logins, restarts, each with its time.

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import Any

from ansible_collections.ibgw.ops.plugins.module_utils.log.event import RESTARTS, Event
from ansible_collections.ibgw.ops.plugins.module_utils.timestamps import iso

_HOUR, _DAY = 3600.0, 86400.0


class _Count:
    """How often something happened, and when lately."""

    def __init__(self) -> None:
        self.total = 0
        self._at: deque[float] = deque(maxlen=1000)

    def add(self, event: Event) -> None:
        self.total += 1
        if event.clock is not None:
            self._at.append(event.clock)

    def within(self, seconds: float, now: float | None) -> int:
        return 0 if now is None else sum(1 for clock in self._at if now - clock <= seconds)


class History:
    """Counts over the whole log of one container."""

    def __init__(self) -> None:
        self.runs = 0
        self.restarts = _Count()
        self.by_exit_code: Counter[int] = Counter()
        self.attempts = _Count()
        self.prompts = _Count()
        self.completed = _Count()
        self.unanswered_prompts = 0
        self.last_login: Event | None = None
        self.last_full_login: Event | None = None
        self._typed = False
        self._unclicked = 0

    def take(self, event: Event) -> None:
        """Count `event`, if it is one that counts."""
        kind = event.kind
        if kind == "login_attempt":
            self._attempted(event)
            self._unclicked += 1
        elif kind == "login_clicked":  # up to IBC 3.13.0 the attempt is not written down
            if self._unclicked:
                self._unclicked -= 1
            else:
                self._attempted(event)
        elif kind in ("session_saved", "relogin"):
            self._typed = False
        elif kind == "twofa_initiated":
            self.prompts.add(event)
            self.unanswered_prompts += 1
        elif kind == "login_completed":
            self.completed.add(event)
            self.unanswered_prompts = 0
            self.last_login = event
            if self._typed:
                self.last_full_login = event
        elif kind in RESTARTS:
            self.restarts.add(event)
        elif kind in ("jvm_ended", "jvm_lost", "controller_ended") and event.value:
            self.by_exit_code[int(event.value)] += 1
            self._unclicked = 0

    def _attempted(self, event: Event) -> None:
        self._typed = True
        self.attempts.add(event)

    def result(self, now: float | None) -> dict[str, Any]:
        """The counts, seen from `now` on the log's clock."""
        return {
            "runs": self.runs,
            "login_attempts": self.attempts.total,
            "login_attempts_last_hour": self.attempts.within(_HOUR, now),
            "login_attempts_last_day": self.attempts.within(_DAY, now),
            "twofa_prompts": self.prompts.total,
            "twofa_prompts_last_hour": self.prompts.within(_HOUR, now),
            "twofa_prompts_last_day": self.prompts.within(_DAY, now),
            "unanswered_prompts": self.unanswered_prompts,
            "logins_completed": self.completed.total,
            "logins_completed_last_hour": self.completed.within(_HOUR, now),
            "logins_completed_last_day": self.completed.within(_DAY, now),
            "last_login_at": _at(self.last_login),
            "last_full_login_at": _at(self.last_full_login),
            "controller_restarts": self.restarts.total,
            "controller_restarts_last_hour": self.restarts.within(_HOUR, now),
            "by_exit_code": {str(code): count for code, count in self.by_exit_code.most_common(8)},
        }


def _at(event: Event | None) -> str | None:
    return None if event is None or event.at is None else iso(event.at)

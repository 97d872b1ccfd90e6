"""What a test, the demo or a person does as IBKR and as its users: approve a push, revoke a session, lock an account."""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.request
from typing import Any

from simulator.waiting import until

#: It is on this machine: no proxy leads there.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Refused(RuntimeError):
    """The broker would not do it; the message is one sentence."""


class Broker:
    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    # Users

    def add_user(self, name: str, password: str, account: str, **traits: Any) -> None:
        """A login: `account` begins with D for paper, U for live. `traits` as in `broker/book.py`, class `User`."""
        self._do("add_user", name=name, password=password, account=account, **traits)

    def change_user(self, name: str, **traits: Any) -> None:
        self._do("change_user", name=name, **traits)

    def remove_user(self, name: str) -> None:
        self._do("remove_user", name=name)

    def users(self) -> list[dict[str, Any]]:
        return list(self._do("users"))

    def lock(self, user: str) -> None:
        self.change_user(user, locked=True)

    def unlock(self, user: str) -> None:
        self.change_user(user, locked=False)

    def throttle(self, user: str, seconds: float) -> None:
        """Too many failed attempts: nobody may log in as `user` for that long."""
        self.change_user(user, throttled_until=time.time() + seconds)

    def set_answer_delay(self, user: str, seconds: float) -> None:
        """How long logins of `user` are left without an answer; holds for those already waiting too."""
        self.change_user(user, answer_delay=seconds)

    def set_password(self, user: str, password: str) -> None:
        self.change_user(user, password=password)

    # Second factor

    def pending(self) -> list[dict[str, Any]]:
        """Pushes that wait for an answer: user, sent_at, expires_at."""
        return list(self._do("pending"))

    def approve(self, user: str) -> None:
        self._answer(user, approve=True)

    def refuse(self, user: str) -> None:
        self._answer(user, approve=False)

    def _answer(self, user: str, approve: bool) -> None:
        if not self._do("answer_push", user=user, approve=approve):
            raise Refused(
                f"there is no push to answer for {user}; there is one for {', '.join(p['user'] for p in self.pending()) or 'nobody'}"
            )

    # Sessions

    def sessions(self) -> list[dict[str, Any]]:
        """Who is logged in: user, kind (gateway, person, held), since."""
        return list(self._do("sessions"))

    def revoke_tokens(self, user: str) -> int:
        """Saved sessions become unknown: refused with the window `Unrecognized Username or Password`."""
        return int(self._do("spoil_tokens", user=user, state="revoked"))

    def expire_tokens(self, user: str) -> int:
        """Saved sessions run out, as each Sunday: refused with the window `Login Error`."""
        return int(self._do("spoil_tokens", user=user, state="expired"))

    def log_in_elsewhere(self, user: str, stubborn: bool = False) -> None:
        """A person takes the session from another machine; a stubborn one does so again when a gateway takes it back."""
        self._do("log_in_elsewhere", user=user, stubborn=stubborn)

    def log_out_elsewhere(self, user: str) -> None:
        self._do("log_out_elsewhere", user=user)

    def require_relogin(self, user: str) -> None:
        self._do("require_relogin", user=user)

    def link(self, up: bool, user: str | None = None) -> None:
        """The link between IBKR's servers and the gateways of `user`, or every gateway."""
        self._do("set_link", up=up, user=user)

    # Orders

    def place_order(self, user: str, symbol: str, **terms: Any) -> int:
        """Open an order as a person does on a screen of its own; its permanent id. `terms` as in `broker/book.py`, `Order`."""
        return int(self._do("place_order", user=user, symbol=symbol, **terms)["perm_id"])

    def cancel_order(self, user: str, perm_id: int) -> None:
        self._do("cancel_order", user=user, perm_id=perm_id)

    def orders(self, user: str) -> list[dict[str, Any]]:
        """Open orders, by whomever."""
        return list(self._do("orders", user=user))

    # What a gateway chokes on

    def hang(self, user: str) -> None:
        """From now on the API threads of `user`'s gateway hang: its port accepts, answers nothing and closes nothing."""
        self._do("hang", user=user)

    def flood(self, user: str, megabytes: int = 1024) -> None:
        """More data than fits: it uses up the heap of `user`'s gateway, or before that its container's memory limit."""
        self._do("flood", user=user, megabytes=megabytes)

    # Ledger

    def ledger(self, user: str | None = None) -> list[dict[str, Any]]:
        """All that happened, oldest first: number, at, event, user and details."""
        return list(self._do("ledger", user=user))

    def count(self, event: str, user: str | None = None, **details: Any) -> int:
        """How often `event` stands in the ledger, with these details."""
        return sum(
            entry["event"] == event and all(entry.get(name) == value for name, value in details.items())
            for entry in self.ledger(user)
        )

    # Waiting

    def wait_for(self, event: str, user: str, timeout: float = 30.0, times: int = 1) -> None:
        """Until `event` stands in the ledger of `user` that often."""
        until(lambda: self.count(event, user) >= times, f"{event} of {user}", timeout)

    def wait_until_up(self, timeout: float = 30.0) -> None:
        def answers() -> bool:
            try:
                self.users()
            except (OSError, http.client.HTTPException):
                return False
            return True

        until(answers, f"the broker at {self.url} to answer", timeout)

    def _do(self, action: str, /, **arguments: Any) -> Any:
        request = urllib.request.Request(f"{self.url}/{action}", json.dumps(arguments).encode(), method="POST")
        try:
            with _DIRECT.open(request, timeout=10) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise Refused(json.load(error)) from None

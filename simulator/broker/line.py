"""One gateway's connection at the broker: its login conversation and, later, its session."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from .book import Book, Message, Push, Send, Session, Token, User

_LOGINS = ("login", "resume", "relogin")


class Line:
    def __init__(self, book: Book, send: Send) -> None:
        self._book = book
        self._send = send
        self._user: User | None = None
        self._session: Session | None = None
        self._token = ""
        self._kind = "typed"

    def ask(self, do: str, arguments: dict[str, Any]) -> Message:
        """The answer to a gateway's question. A slow broker makes it wait here."""
        questions: dict[str, Callable[..., Message]] = {
            "hello": self._hello,
            "login": self._login,
            "choose_device": self._choose_device,
            "continue": self._continue,
            "resume": self._resume,
            "relogin": self._relogin,
            "loaded": self._loaded,
            "portfolio": self._portfolio,
            "place_order": self._place_order,
            "cancel_order": self._cancel_order,
            "logout": self._logout,
            "suspend": self._suspend,
        }
        if do in _LOGINS:
            self._wait_for_slow_broker(arguments)
        with self._book.change():
            return questions[do](**arguments)

    def closed(self) -> None:
        """The connection broke without a farewell: an open push dies, the session may be held for a while."""
        book = self._book
        with book.change():
            for push in [push for push in book.pushes if push.settle == self._settled]:
                book.pushes.remove(push)
                book.note("push_cancelled", push.user)
            session = self._session
            if session is not None and session in book.open_sessions:
                book.end(session, "connection_lost")
                user = book.find(session.user)
                if user is not None and user.slot_hold > 0:
                    self._hold_slot(user)

    def _hold_slot(self, user: User) -> None:
        held = Session(user.name, "held", time.time())
        self._book.open_sessions.append(held)

        def release() -> None:
            with self._book.change():
                self._book.end(held, "released")

        timer = threading.Timer(user.slot_hold, release)
        timer.daemon = True
        timer.start()

    def _wait_for_slow_broker(self, arguments: dict[str, Any]) -> None:
        """Looks again whenever the books change, so that a slow broker can be made quick while a gateway waits."""
        asked = time.monotonic()
        book = self._book
        with book.changed:
            while True:
                token = book.tokens.get(arguments.get("token", ""))
                user = book.find(token.user if token else arguments.get("user", ""))
                left = asked + (user.answer_delay if user else 0.0) - time.monotonic()
                if left <= 0:
                    return
                book.changed.wait(left)

    # Questions

    def _hello(self, user: str) -> Message:
        return {"link": self._book.linked(user)}

    def _login(self, user: str, password: str, mode: str) -> Message:
        self._kind = "typed"
        book, known = self._book, self._book.find(user)
        book.note("login_attempt", user, kind="typed", mode=mode)
        if known is None:
            return self._refuse(user, "unknown_user", "unrecognized")
        if known.locked:
            return self._refuse(user, "locked", "locked")
        if known.throttled_until > time.time():
            seconds = round(known.throttled_until - time.time())
            return {**self._refuse(user, "throttled", "throttled"), "seconds": seconds}
        if password != known.password or mode != known.mode:
            self._count_failure(known)
            why = "wrong_password" if password != known.password else "wrong_mode"
            return self._refuse(user, why, known.refused_as)
        self._user = known
        return self._unless_logged_in_elsewhere() or self._ask_for_second_factor(known)

    def _continue(self) -> Message:
        """This session is to go on and the other one to end; a stubborn one comes back."""
        assert self._user is not None
        book, user = self._book, self._user
        displaced = book.displace(user.name)
        for session in displaced:
            if session.send is not None:
                session.send({"event": "competing"})
        if any(session.stubborn for session in displaced):
            book.open_sessions.append(Session(user.name, "person", time.time(), stubborn=True))
            book.note("existing_session", user.name)
            return {"answer": "existing_session"}
        if self._session is None:
            return self._accept(user) if self._kind == "saved_session" else self._ask_for_second_factor(user)
        self._open_session(user)
        book.note("session_reclaimed", user.name)
        return {"answer": "accepted", "account": user.account, "token": self._token}

    def _choose_device(self, device: str) -> Message:
        assert self._user is not None
        self._book.note("device_chosen", self._user.name, device=device)
        return self._send_push(self._user)

    def _resume(self, token: str, mode: str) -> Message:
        return self._log_in_with_token("saved_session", token, mode)

    def _relogin(self, token: str, mode: str) -> Message:
        return self._log_in_with_token("relogin", token, mode)

    def _loaded(self) -> Message:
        """The gateway has loaded the session and serves its clients."""
        if self._session is not None:
            self._book.note("login_completed", self._session.user, kind=self._kind)
        return {}

    def _portfolio(self) -> Message:
        user = self._book.find(self._user.name) if self._user else None
        if user is None:
            return {}
        return {"positions": user.positions, "values": user.values, "orders": self._book.orders(user.name)}

    def _place_order(self, **order: Any) -> Message:
        assert self._user is not None
        return self._book.place_order(self._user.name, **order)

    def _cancel_order(self, client_id: int, order_id: int) -> Message:
        """Empty where the client has no such order."""
        assert self._user is not None
        order = self._book.order_of_client(self._user.name, client_id, order_id)
        return self._book.cancel_order(order.user, order.perm_id) if order else {}

    def _logout(self) -> Message:
        return self._farewell("logout")

    def _suspend(self) -> Message:
        return self._farewell("suspended")

    # Steps

    def _log_in_with_token(self, kind: str, text: str, mode: str) -> Message:
        self._kind = kind
        book = self._book
        token = book.tokens.get(text)
        user = book.find(token.user) if token else None
        book.note("login_attempt", user.name if user else "", kind=kind, mode=mode)
        if token is None or user is None or token.state != "valid":
            book.note("token_refused", user.name if user else "", state=token.state if token else "unknown")
            if token is not None and user is not None and token.state == "expired":
                return {"answer": "token_expired", "account": user.account}
            return {"answer": "unrecognized"}
        self._user = user
        return self._unless_logged_in_elsewhere() or self._accept(user)

    def _unless_logged_in_elsewhere(self) -> Message | None:
        assert self._user is not None
        if all(session is self._session for session in self._book.of(self._user.name)):
            return None
        self._book.note("existing_session", self._user.name)
        return {"answer": "existing_session"}

    def _ask_for_second_factor(self, user: User) -> Message:
        if user.second_factor == "none":
            return self._accept(user)
        if len(user.devices) > 1:
            self._book.note("device_asked", user.name)
            return {"answer": "devices", "devices": user.devices}
        return self._send_push(user)

    def _send_push(self, user: User) -> Message:
        if user.unanswered_limit and self._book.unanswered.get(user.name, 0) >= user.unanswered_limit:
            self._book.note("push_withheld", user.name)
            return {"answer": "push_withheld"}
        now = time.time()
        self._book.pushes.append(Push(user.name, now, now + user.push_validity, self._settled))
        self._book.note("push_sent", user.name)
        return {"answer": "push"}

    def _settled(self, outcome: str) -> None:
        assert self._user is not None
        answer = self._accept(self._user) if outcome == "approved" else {"answer": f"push_{outcome}"}
        self._send({"event": "second_factor", **answer})

    def _accept(self, user: User) -> Message:
        book = self._book
        self._open_session(user)
        book.failures.pop(user.name, None)
        self._token = secrets.token_hex(16)
        book.tokens[self._token] = Token(user.name)
        book.note("token_issued", user.name)
        return {"answer": "accepted", "account": user.account, "token": self._token}

    def _open_session(self, user: User) -> None:
        if self._session in self._book.open_sessions:
            self._book.open_sessions.remove(self._session)
        self._session = Session(user.name, "gateway", time.time(), self._send)
        self._book.open_sessions.append(self._session)

    def _farewell(self, why: str) -> Message:
        if self._session is not None:
            self._book.end(self._session, why)
            self._session = None
        return {}

    def _count_failure(self, user: User) -> None:
        book = self._book
        failures = book.failures[user.name] = book.failures.get(user.name, 0) + 1
        if user.lock_after and failures >= user.lock_after:
            book.known_users[user.name] = replace(user, locked=True)
            book.note("locked", user.name)
        elif user.throttle_after and failures >= user.throttle_after:
            book.known_users[user.name] = replace(user, throttled_until=time.time() + user.throttle_seconds)
            book.note("throttled", user.name)

    def _refuse(self, user: str, why: str, answer: str) -> Message:
        self._book.note("login_refused", user, why=why)
        return {"answer": answer}

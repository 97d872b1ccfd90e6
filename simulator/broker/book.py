"""The broker's books: who may log in, who is, what was asked of whose phone, and the ledger of all of it.

Pure state under one lock; `__main__` brings in the network.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime, timezone
from typing import Any

Message = dict[str, Any]
Send = Callable[[Message], None]

_DEFAULT_VALUES = {
    "AccountReady": "true",
    "AccountType": "INDIVIDUAL",
    "NetLiquidation": "1000000.00",
    "TotalCashValue": "1000000.00",
    "AvailableFunds": "1000000.00",
    "BuyingPower": "4000000.00",
}

_MEGABYTE = "." * 2**20


class Unknown(LookupError):
    """A name that the books do not have; the message is one sentence."""


@dataclass(frozen=True)
class User:
    """One login at the broker. Everything but the name can be changed while gateways run."""

    name: str
    password: str
    account: str
    second_factor: str = "none"  # none or push
    push_validity: float = 180.0  # seconds until an unanswered push expires
    unanswered_limit: int = 0  # pushes in a row that nobody answered, after which none is sent; 0 = never
    devices: list[str] = field(default_factory=list)  # second factors to choose from; of one alone nobody is asked
    answer_delay: float = 0.0  # seconds until the broker answers a login
    refused_as: str = "unrecognized"  # how a wrong password is worded: unrecognized or login_failed
    locked: bool = False
    throttled_until: float = 0.0  # seconds since the epoch
    throttle_after: int = 0  # failed attempts in a row that throttle the user; 0 = never
    throttle_seconds: float = 300.0
    lock_after: int = 0  # failed attempts in a row that lock the user; 0 = never
    slot_hold: float = 0.0  # seconds for which a session is still held after its connection broke
    positions: list[dict[str, Any]] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=lambda: dict(_DEFAULT_VALUES))

    @property
    def mode(self) -> str:
        return "paper" if self.account.startswith("D") else "live"


@dataclass(eq=False)
class Session:
    """One login that was accepted; `send` reaches its gateway, None where it is a person's or a held slot."""

    user: str
    kind: str  # gateway, person, held
    since: float
    send: Send | None = None
    stubborn: bool = False  # comes back when another login takes over


@dataclass
class Push:
    user: str
    sent_at: float
    expires_at: float
    settle: Callable[[str], None]


@dataclass(frozen=True)
class Order:
    """An open order: of an API client, known by its id and the client's, or from a person's own screen, both 0."""

    user: str
    symbol: str
    action: str = "BUY"  # or SELL
    quantity: float = 1.0
    limit_price: float = 0.0
    type: str = "LMT"
    time_in_force: str = "GTC"
    contract: int = 0
    client_id: int = 0
    order_id: int = 0
    perm_id: int = 0
    status: str = "Submitted"  # or Cancelled, for the one who asked for it


@dataclass
class Token:
    """What keeps a session over a daily restart."""

    user: str
    state: str = "valid"  # valid, expired, revoked


class Book:
    def __init__(self) -> None:
        self.changed = threading.Condition(threading.RLock())
        self.lost_links: set[str | None] = set()  # whose gateways have no link; None: everybody's
        self.known_users: dict[str, User] = {}
        self.failures: dict[str, int] = {}
        self.unanswered: dict[str, int] = {}
        self.open_sessions: list[Session] = []
        self.pushes: list[Push] = []
        self.open_orders: list[Order] = []
        self.tokens: dict[str, Token] = {}
        self._ledger: list[dict[str, Any]] = []
        self._numbers = itertools.count(1)
        self._perm_ids = itertools.count(1_000_001)

    # The control side: causes, and what a test or person looks at

    def add_user(self, name: str, password: str, account: str, **traits: Any) -> None:
        with self.change():
            self.known_users[name] = User(name, password, account, **_checked(traits))

    def change_user(self, name: str, **traits: Any) -> None:
        with self.change():
            self.known_users[name] = replace(self.user(name), **_checked(traits))
            if "values" in traits:
                self._tell(name, {"event": "values"})

    def users(self) -> list[dict[str, Any]]:
        with self.changed:
            return [asdict(user) for user in self.known_users.values()]

    def answer_push(self, user: str, approve: bool) -> bool:
        """What the person with the phone does; False when there is no push to answer."""
        with self.change():
            push = next((push for push in self.pushes if push.user == self.user(user).name), None)
            if push is None:
                return False
            self._settle(push, "approved" if approve else "refused")
            return True

    def pending(self) -> list[dict[str, Any]]:
        with self.changed:
            return [
                {"user": push.user, "sent_at": _iso(push.sent_at), "expires_at": _iso(push.expires_at)}
                for push in self.pushes
            ]

    def sessions(self) -> list[dict[str, Any]]:
        with self.changed:
            return [
                {"user": session.user, "kind": session.kind, "since": _iso(session.since)}
                for session in self.open_sessions
            ]

    def spoil_tokens(self, user: str, state: str) -> int:
        """Make every saved session of a user worthless: `revoked` or `expired`; the number of tokens."""
        with self.change():
            tokens = [token for token in self.tokens.values() if token.user == self.user(user).name]
            for token in tokens:
                token.state = state
            self.note(f"token_{state}", user, count=len(tokens))
            return len(tokens)

    def log_in_elsewhere(self, user: str, stubborn: bool = False) -> None:
        """A person logs in as `user` on another machine and takes the session."""
        with self.change():
            self.note("login_elsewhere", self.user(user).name)
            displaced = self.displace(user)
            self.open_sessions.append(Session(user, "person", time.time(), stubborn=stubborn))
            for session in displaced:
                if session.send is not None:
                    session.send({"event": "competing"})

    def require_relogin(self, user: str) -> None:
        with self.change():
            self.note("relogin_required", self.user(user).name)
            self._tell(user, {"event": "relogin"})

    def hang(self, user: str) -> None:
        """Send what the gateways' API threads hang on."""
        with self.change():
            self.note("hang", self.user(user).name)
            self._tell(user, {"event": "hang"})

    def flood(self, user: str, megabytes: int) -> None:
        """Send so much data to the gateways of a user, for as long as their sessions last."""
        with self.change():
            self.note("flood", self.user(user).name, megabytes=megabytes)
            for session in self.of(user):
                threading.Thread(target=self._pour, args=(session, megabytes), daemon=True).start()

    def _pour(self, session: Session, megabytes: int) -> None:
        """Not inside `change`: a gateway that is slow to take it must not hold up the books."""
        for _ in range(megabytes):
            if session.send is not None and session in self.open_sessions:
                session.send({"event": "data", "data": _MEGABYTE})

    def set_link(self, up: bool, user: str | None = None) -> None:
        """The link between IBKR's servers and the gateways of one user, or of everybody."""
        with self.change():
            whose = self.user(user).name if user else None
            (self.lost_links.discard if up else self.lost_links.add)(whose)
            self.note("link_up" if up else "link_down", whose or "")
            for session in self.open_sessions:
                if session.send is not None and whose in (None, session.user):
                    session.send({"event": "link", "up": self.linked(session.user)})

    def ledger(self, user: str | None = None) -> list[dict[str, Any]]:
        with self.changed:
            return [entry for entry in self._ledger if user is None or entry["user"] == user]

    def place_order(self, user: str, symbol: str, **terms: Any) -> Message:
        """The order as it is open now; a second one of the same client and id changes the first."""
        with self.change():
            order = Order(self.user(user).name, symbol, **terms)
            known = self.order_of_client(user, order.client_id, order.order_id) if order.order_id else None
            order = replace(order, perm_id=known.perm_id if known else next(self._perm_ids))
            self.open_orders = [*(one for one in self.open_orders if one is not known), order]
            self._note_order("order_changed" if known else "order_placed", order)
            return asdict(order)

    def cancel_order(self, user: str, perm_id: int) -> Message:
        """The order as it was last."""
        with self.change():
            order = next((one for one in self.orders_of(user) if one.perm_id == perm_id), None)
            if order is None:
                raise Unknown(f"{user} has no open order {perm_id}; {len(self.orders_of(user))} others are open")
            self.open_orders.remove(order)
            self._note_order("order_cancelled", order)
            return asdict(replace(order, status="Cancelled"))

    def orders(self, user: str) -> list[Message]:
        with self.changed:
            return [asdict(order) for order in self.orders_of(self.user(user).name)]

    def expire_pushes(self, now: float) -> None:
        with self.change():
            for push in [push for push in self.pushes if push.expires_at <= now]:
                self._settle(push, "expired")

    def user(self, name: str) -> User:
        try:
            return self.known_users[name]
        except KeyError:
            raise Unknown(f"the broker has no user {name!r}; it has {sorted(self.known_users)}") from None

    # What gateways' lines use, inside `change`

    def find(self, name: str) -> User | None:
        return self.known_users.get(name)

    def linked(self, user: str) -> bool:
        return not self.lost_links & {None, user}

    def of(self, user: str) -> list[Session]:
        return [session for session in self.open_sessions if session.user == user]

    def orders_of(self, user: str) -> list[Order]:
        return [order for order in self.open_orders if order.user == user]

    def order_of_client(self, user: str, client_id: int, order_id: int) -> Order | None:
        key = (client_id, order_id)
        return next((order for order in self.orders_of(user) if (order.client_id, order.order_id) == key), None)

    def displace(self, user: str) -> list[Session]:
        displaced = self.of(user)
        for session in displaced:
            self.end(session, "taken_over")
        return displaced

    def end(self, session: Session, why: str) -> None:
        if session in self.open_sessions:
            self.open_sessions.remove(session)
            self.note("session_ended", session.user, why=why, kind=session.kind)

    def _tell(self, user: str, event: Message) -> None:
        for session in self.of(user):
            if session.send is not None:
                session.send(event)

    def _settle(self, push: Push, outcome: str) -> None:
        self.pushes.remove(push)
        self.unanswered[push.user] = self.unanswered.get(push.user, 0) + 1 if outcome == "expired" else 0
        self.note(f"push_{outcome}", push.user)
        push.settle(outcome)

    def _note_order(self, event: str, order: Order) -> None:
        ids = {"perm_id": order.perm_id, "client_id": order.client_id, "order_id": order.order_id}
        self.note(event, order.user, **ids)

    def note(self, event: str, user: str, **details: Any) -> None:
        self._ledger.append(
            {"number": next(self._numbers), "at": _iso(time.time()), "event": event, "user": user, **details}
        )

    @contextmanager
    def change(self) -> Iterator[None]:
        with self.changed:
            yield
            self.changed.notify_all()


def _checked(traits: dict[str, Any]) -> dict[str, Any]:
    allowed = {item.name for item in fields(User)} - {"name"}
    for trait in traits:
        if trait not in allowed:
            raise Unknown(f"a user has no trait {trait!r}; it has {sorted(allowed)}")
    return traits


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")

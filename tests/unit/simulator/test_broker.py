"""The broker's books: what a login leads to, and that the ledger keeps count."""

from __future__ import annotations

import time
from typing import Any

import pytest

from simulator.broker.book import Book, Unknown
from simulator.broker.line import Line

LOGIN = {"user": "anna", "password": "right", "mode": "paper"}
LONG_AGO, FAR_AHEAD = 1.0, 4e9  # seconds since the epoch


@pytest.fixture
def book() -> Book:
    book = Book()
    book.add_user("anna", "right", "DU1234567")
    return book


class Gateway:
    """What the broker sees of a gateway."""

    def __init__(self, book: Book) -> None:
        self.told: list[dict[str, Any]] = []
        self.line = Line(book, self.told.append)

    def log_in(self, **changes: str) -> dict[str, Any]:
        return self.line.ask("login", {**LOGIN, **changes})


def noted(book: Book, event: str) -> int:
    return sum(entry["event"] == event for entry in book.ledger("anna"))


@pytest.mark.parametrize(
    ("traits", "asked", "answer"),
    [
        ({}, {}, "accepted"),
        ({}, {"password": "wrong"}, "unrecognized"),
        ({}, {"mode": "live"}, "unrecognized"),
        ({}, {"user": "nobody"}, "unrecognized"),
        ({"refused_as": "login_failed"}, {"password": "wrong"}, "login_failed"),
        ({"locked": True}, {}, "locked"),
        ({"throttled_until": FAR_AHEAD}, {}, "throttled"),
        ({"throttled_until": LONG_AGO}, {}, "accepted"),
        ({"second_factor": "push"}, {}, "push"),
        ({"second_factor": "push", "devices": ["IB Key"]}, {}, "push"),
        ({"second_factor": "push", "devices": ["IB Key", "Security Code Card"]}, {}, "devices"),
    ],
)
def test_answer_to_typed_credentials(book: Book, traits: dict[str, Any], asked: dict[str, str], answer: str) -> None:
    book.change_user("anna", **traits)
    assert Gateway(book).log_in(**asked)["answer"] == answer


@pytest.mark.parametrize(
    ("settle", "answer"),
    [
        (lambda book: book.answer_push("anna", approve=True), "accepted"),
        (lambda book: book.answer_push("anna", approve=False), "push_refused"),
        (lambda book: book.expire_pushes(time.time() + 181), "push_expired"),
    ],
    ids=["approved", "refused", "expired"],
)
def test_second_factor_is_settled_once(book: Book, settle: Any, answer: str) -> None:
    book.change_user("anna", second_factor="push")
    gateway = Gateway(book)
    gateway.log_in()
    book.expire_pushes(time.time() + 179)
    assert [push["user"] for push in book.pending()] == ["anna"]
    settle(book)
    assert [told["answer"] for told in gateway.told] == [answer]
    assert book.pending() == []
    assert not book.answer_push("anna", approve=True)


def test_push_dies_with_its_gateway(book: Book) -> None:
    book.change_user("anna", second_factor="push")
    gateway = Gateway(book)
    gateway.log_in()
    gateway.line.closed()
    assert book.pending() == []
    assert noted(book, "push_cancelled") == 1


def test_saved_session_needs_no_second_factor_until_it_is_spoilt(book: Book) -> None:
    book.change_user("anna", second_factor="push")
    first = Gateway(book)
    first.log_in()
    book.answer_push("anna", approve=True)
    token = first.told[0]["token"]
    first.line.ask("suspend", {})

    second = Gateway(book)
    assert second.line.ask("resume", {"token": token, "mode": "paper"})["answer"] == "accepted"
    assert noted(book, "push_sent") == 1

    second.line.ask("suspend", {})
    book.spoil_tokens("anna", "expired")
    assert Gateway(book).line.ask("resume", {"token": token, "mode": "paper"})["answer"] == "token_expired"
    book.spoil_tokens("anna", "revoked")
    assert Gateway(book).line.ask("resume", {"token": token, "mode": "paper"})["answer"] == "unrecognized"


def test_one_session_per_user(book: Book) -> None:
    first, second = Gateway(book), Gateway(book)
    first.log_in()
    assert second.log_in()["answer"] == "existing_session"
    assert second.line.ask("continue", {})["answer"] == "accepted"
    assert first.told == [{"event": "competing"}]
    assert len(book.sessions()) == 1


def test_slot_is_free_at_once_after_a_farewell_and_held_after_a_kill(book: Book) -> None:
    book.change_user("anna", slot_hold=600)
    gateway = Gateway(book)
    gateway.log_in()
    gateway.line.ask("logout", {})
    gateway.line.closed()
    assert book.sessions() == []

    gateway = Gateway(book)
    gateway.log_in()
    gateway.line.closed()
    assert [session["kind"] for session in book.sessions()] == ["held"]
    assert Gateway(book).log_in()["answer"] == "existing_session"


def test_a_lost_link_is_one_users_or_everybodys(book: Book) -> None:
    book.add_user("bert", "right", "DU7654321")
    anna, bert = Gateway(book), Gateway(book)
    anna.log_in()
    bert.log_in(user="bert")
    book.set_link(False, "anna")
    assert (anna.told, bert.told) == ([{"event": "link", "up": False}], [])
    assert [Gateway(book).line.ask("hello", {"user": user})["link"] for user in ("anna", "bert")] == [False, True]

    book.set_link(False)
    book.set_link(True)
    assert [told["up"] for told in anna.told] == [False, False, False]
    assert [told["up"] for told in bert.told] == [False, True]
    book.set_link(True, "anna")
    assert anna.told[-1]["up"]
    assert (noted(book, "link_down"), noted(book, "link_up")) == (1, 1)


@pytest.mark.parametrize(("traits", "answer"), [({"throttle_after": 3}, "throttled"), ({"lock_after": 3}, "locked")])
def test_failed_attempts_in_a_row_count(book: Book, traits: dict[str, int], answer: str) -> None:
    book.change_user("anna", **traits)
    for _ in range(2):
        Gateway(book).log_in(password="wrong")
    gateway = Gateway(book)
    assert gateway.log_in()["answer"] == "accepted"  # which forgives
    gateway.line.ask("logout", {})
    for _ in range(3):
        assert Gateway(book).log_in(password="wrong")["answer"] == "unrecognized"
    assert Gateway(book).log_in()["answer"] == answer


def test_orders_stay_open_whoever_is_logged_in(book: Book) -> None:
    gateway = Gateway(book)
    gateway.log_in()
    by_client = {"symbol": "AAPL", "client_id": 7, "order_id": 1}
    gateway.line.ask("place_order", {**by_client, "limit_price": 90.0})
    placed = gateway.line.ask("place_order", {**by_client, "limit_price": 95.0})
    by_hand = book.place_order("anna", "MSFT", action="SELL")
    gateway.line.closed()
    assert [(order["symbol"], order["limit_price"]) for order in book.orders("anna")] == [("AAPL", 95.0), ("MSFT", 0.0)]

    gateway = Gateway(book)
    gateway.log_in()
    assert gateway.line.ask("cancel_order", {"client_id": 8, "order_id": 1}) == {}
    assert gateway.line.ask("cancel_order", {"client_id": 7, "order_id": 1})["status"] == "Cancelled"
    book.cancel_order("anna", by_hand["perm_id"])
    assert gateway.line.ask("portfolio", {})["orders"] == []
    with pytest.raises(Unknown, match=f"no open order {placed['perm_id']}"):
        book.cancel_order("anna", placed["perm_id"])
    told = [(entry["event"], entry["client_id"]) for entry in book.ledger("anna") if entry["event"].startswith("order")]
    assert told == [
        ("order_placed", 7),
        ("order_changed", 7),
        ("order_placed", 0),
        ("order_cancelled", 7),
        ("order_cancelled", 0),
    ]


def test_what_the_books_do_not_have_is_named(book: Book) -> None:
    with pytest.raises(Unknown, match="no user 'bert'"):
        book.change_user("bert", locked=True)
    with pytest.raises(Unknown, match="no trait 'colour'"):
        book.change_user("anna", colour="red")


def test_pushes_that_nobody_answers_end_with_none_until_one_is_approved(book: Book) -> None:
    book.change_user("anna", second_factor="push", unanswered_limit=2)
    for _ in range(2):
        assert Gateway(book).log_in()["answer"] == "push"
        book.expire_pushes(FAR_AHEAD)
    assert Gateway(book).log_in()["answer"] == "push_withheld"
    assert (noted(book, "push_sent"), noted(book, "push_withheld")) == (2, 1)
    book.change_user("anna", unanswered_limit=3)
    assert Gateway(book).log_in()["answer"] == "push"
    book.answer_push("anna", approve=True)
    book.change_user("anna", unanswered_limit=1)
    assert Gateway(book).log_in()["answer"] == "existing_session"

# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""IBKR's own words: titles and texts of the gateway's windows, whichever controller writes them down.

Sources are cited as ``B:`` (IbcAlpha/IBC @2fee90c, 3.24.1).

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

import re
from functools import lru_cache

#: Titles of dialogs that no controller answers (IBC issues 10, 279, 343), and that keep API clients out while they are open.
BLOCKING = frozenset(
    {"Login Messages", "API client needs write access action confirmation", "Use SSL encryption", "Pending Tasks"}
)

#: Titles of dialogs that a controller answers at once, unless its settings forbid it.
ANSWERED = frozenset({"Warning", "Password Notice", "IBKR Gateway", "IB Gateway", "Accept incoming connection"})

# The first that matches says it; wordings from facts of IBAutomater (WindowEventListener.java), IBC issues 236 and 344.
_REFUSALS = tuple(
    (re.compile(pattern, re.IGNORECASE), problem)
    for pattern, problem in (
        (r"too many failed login attempts\. please wait", "login.throttled"),
        (r"\b(account|user(name)?|login)\b.*\b(locked|restricted|suspended|disabled)\b", "login.account_locked"),
        (r"\block(ed)? out\b", "login.account_locked"),
        (r"soft token|security tokens? .*expired", "login.saved_session_refused"),
        (
            r"no longer supported|minimum supported version|please upgrade|passkey is not supported",
            "gateway.build_retired",
        ),
        (r"api support is not available|do not have access to this platform", "login.api_not_permitted"),
        (r"unrecognized username or password|invalid user ?name or password", "login.credentials_rejected"),
        (r"multiple paper trading users", "login.credentials_rejected"),  # a live user in mode paper
        (r"not (currently )?available|server disconnected|connection to server failed", "login.server_unreachable"),
        (r"server error|try again later|connection (error|timed out)", "login.server_unreachable"),
    )
)


def refusal(text: str) -> str | None:
    """The finding that a refusing dialog's text proves, if it is a known one."""
    return next((problem for pattern, problem in _REFUSALS if pattern.search(text)), None)


# Window titles: the event when it opens and, where that means something too, when it closes.
_WINDOWS: tuple[tuple[str, str, str | None], ...] = (
    (r"Connecting to server\.\.\.", "connecting", None),
    (r"Attempt (?P<v>\d+): [Aa]uthenticating.*", "authenticating", None),
    (r"Attempt (?P<v>\d+): .*", "connecting", None),
    (r"Server disconnected, trying to reconnect\.\.\.", "connecting", None),
    (r".*[Ss]erver error, will retry.*", "server_unavailable", None),
    (r"Authenticating\.\.\.", "authenticating", None),
    (r"(?:Requesting startup parameters\.\.\.|Downloading settings from server)", "loading", None),
    (r"Starting application\.\.\.", "loading", "splash_closed"),  # B:SplashFrameHandler.java:46-60
    (r"Second Factor Authentication", "twofa_opened", "twofa_closed"),
    (r"(?:Security Code Card Authentication|Enter security code)", "code_required", "twofa_closed"),
    (r"Existing session detected", "session_found", "session_settled"),
    (r"Trading Login Handoff", "session_found", "session_settled"),  # B:TradingLoginHandoffDialogHandler.java:46
    (r"Re-login is required", "relogin", None),
    (r"Unrecognized Username or Password", "refused", "refusal_closed"),  # not handled by any release
    (r"Login failed", "login_failed", None),
    (r"Login failed - [Ss]oft token.*", "token_expired", None),  # IBC issue 236
    (r"Login failed - Server disconnected.*", "server_unavailable", None),  # IBC issue 142
    (r"Login", "server_unavailable", None),  # B:NotCurrentlyAvailableDialogHandler.java
    (r"Shutdown progress", "shutdown_shown", None),
    (r"Restart in progress", "restart_shown", None),
    (r"Exit Session Setting", "end_noticed", None),  # the daily restart or logoff is near
    (r"(?:IBKR|IB|Interactive Brokers)[ -]Gateway", "gateway_shown", None),
    (r"\S+ Trader Workstation Configuration \((?P<mode>S)imulated Trading\)", "configuring", None),
    (r"(?P<mode>U)\d+ Trader Workstation Configuration", "configuring", None),
)

_MODES = {"S": "paper", "U": "live"}

# What the splash of a login says; the first that is found in it counts.
_PROGRESS = tuple(
    (re.compile(pattern), kind)
    for pattern, kind in (
        (r"Attempt (?P<v>\d+): [Aa]uthenticating", "authenticating"),
        (r"Attempt (?P<v>\d+): ", "connecting"),
        (r"[Ss]tartup parameters|[Dd]ownloading settings|[Ss]tarting application", "loading"),
        (r"[Aa]uthenticating", "authenticating"),
        (r"[Cc]onnecting to server|trying to reconnect", "connecting"),
    )
)


def progress(text: str) -> tuple[str, str]:
    """How far the login is by the words of its splash, as an event, and which attempt to connect it is."""
    for pattern, kind in _PROGRESS:
        if found := pattern.search(text):
            return kind, found.groupdict().get("v") or ""
    return "splash_shown", ""


_WINDOW_RULES = tuple((re.compile(title), opened, closed) for title, opened, closed in _WINDOWS)


@lru_cache(maxsize=256)
def window_kinds(title: str, dialog: bool) -> tuple[str, str, str, str | None]:
    """The events of a window that opens and closes, with the value and the trading mode that its title tells."""
    for pattern, opened, closed in _WINDOW_RULES:
        if found := pattern.fullmatch(title):
            values = found.groupdict()
            if opened == "gateway_shown" and dialog:
                opened = "window"
            if opened == "server_unavailable" and title == "Login" and not dialog:
                opened = "gateway_shown"  # the login window of TWS
            return opened, closed or "window", values.get("v") or "", _MODES.get(values.get("mode") or "")
    return "window", "window", "", None

# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is said of a gateway by the log of ibga: the finding, the remedy, and steps that its image can take."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import pytest
from ansible_collections.ibgw.ops.plugins.module_utils.logscan import probe
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import Verdict
from ansible_collections.ibgw.ops.plugins.plugin_utils.verdict import verdicts_of_log
from ansible_collections.ibgw.ops.tests.unit.module_utils.ibga_log import PROMPT, Log

EXPIRED = "  - token expired detected: The security tokens associated with your login credentials have expired"


def verdict(tmp_path: Path, log: Log, after: float = 0.0) -> Verdict:
    """The verdict on `log`, `after` seconds of silence."""
    path = tmp_path / "some.log"
    path.write_text(log.text, encoding="utf-8")
    told = probe(None, str(path), "auto", log.as_of(after), 0, 50, None, 10.0)
    (judged,) = verdicts_of_log("some.log", told, datetime.now(timezone.utc))
    return judged


@pytest.mark.parametrize(
    ("build", "after", "code", "remedy", "says"),
    [
        (lambda: Log().container().install_fails(), 0, "gateway.install_broken", "ask_person", "download2."),
        (lambda: Log().connecting().prompt(), 0, "twofa.pending", "ask_person", "approve the login"),
        (
            lambda: Log().connecting().prompt(60).login_again().form().attempt().prompt(),
            0,
            "twofa.retrying",
            "ask_person",
            "Approve the next push",
        ),
        (lambda: Log().connecting().types_code(15), 0, "twofa.code_required", "stop_to_protect_account", "TOTP_KEY"),
        (
            lambda: (
                Log().connecting().prompt().say(*[f"  - focused on two-factor choice listbox{PROMPT}"] * 2, every=3)
            ),
            0,
            "twofa.device_not_chosen",
            "ask_person",
            "IB_PREFER_IBKEY",
        ),
        # Wrong credentials are the one thing after which it does not try again.
        (
            lambda: Log().connecting().login_fails().gives_up(),
            0,
            "login.credentials_rejected",
            "ask_person",
            "IB_USERNAME",
        ),
        (
            lambda: Log().connecting().login_fails("Your account is locked"),
            0,
            "login.account_locked",
            "stop_to_protect_account",
            "Ask IBKR",
        ),
        (
            lambda: Log().connecting().login_fails("This version is no longer supported"),
            0,
            "gateway.build_retired",
            "ask_person",
            "/home/ibg",
        ),
        (
            lambda: (
                Log().connecting().login_again().form().attempt().login_again().form().attempt().wait(5).login_again()
            ),
            0,
            "login.looping",
            "stop_to_protect_account",
            "Read why",
        ),
        # It types the credentials by itself, unless it hangs.
        (lambda: Log().logged_in().wait(900).say(EXPIRED), 0, "login.saved_session_refused", "wait", "by itself"),
        (lambda: Log().logged_in().wait(900).say(EXPIRED), 900, "login.saved_session_refused", "restart", "restart"),
        (
            lambda: Log().connecting().say(*["  - existing session detected, will kick it out"] * 15, every=3),
            0,
            "login.existing_session",
            "ask_person",
            "End that session",
        ),
    ],
)
def test_the_verdict_fits_the_image(
    tmp_path: Path, build: Callable[[], Log], after: float, code: str, remedy: str, says: str
) -> None:
    leading = verdict(tmp_path, build(), after).leading
    assert leading is not None
    assert (leading.finding.code, leading.remedy) == (code, remedy)
    steps = " ".join(leading.proof.fix or leading.finding.fix)
    assert says in steps
    assert not {"TWS_USERID", "TWOFA_DEVICE", "RELOGIN_AFTER_TWOFA_TIMEOUT"} & set(steps.replace(",", " ").split())


@pytest.mark.parametrize("mode", ["live", "paper"])
def test_a_login_that_is_done_is_healthy_and_one_after_a_restart_is_starting(tmp_path: Path, mode: str) -> None:
    assert verdict(tmp_path, Log(mode).logged_in(), 9000).status == "healthy"
    # The daily restart and a crash look the same.
    assert verdict(tmp_path, Log(mode).logged_in().gone().jvm()).status == "starting"

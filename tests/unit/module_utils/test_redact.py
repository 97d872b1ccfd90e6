# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What leaves a target: printable, without secrets and account ids, and still readable."""

from __future__ import annotations

from collections import Counter

import pytest
from ansible_collections.ibgw.ops.plugins.module_utils.redact import (
    RULES,
    is_secret,
    mask,
    mask_account,
    printable,
    quote,
    secrets_in,
    shown,
    without_control,
)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("IbPassword=hunter2", "IbPassword=***"),
        ("    IbPassword=hunter2, with; blanks", "    IbPassword=***"),
        ("sword=hunter2", "sword=***"),  # the beginning was cut off
        ('{"password": "hun\\"ter2", "a": 1}', '{"password": ***, "a": 1}'),
        ('{"password": "hunter2', '{"password": ***'),  # the end was cut off
        ("TWS_USERID: alice, mode: live", "TWS_USERID: ***, mode: live"),
        ("    IbLoginTotpSecret=JBSWY3DPEHPK3PXP", "    IbLoginTotpSecret=***"),
        ("entered JBSWY3DPEHPK3PXP here", "entered *** here"),
        ("ibcstart.sh --user alice --pw hunter2 --mode live", "ibcstart.sh --user *** --pw *** --mode live"),
        (
            "sun.java.command = ibcalpha.ibc.IbcGateway /c.ini alice hunter2",
            "sun.java.command = ibcalpha.ibc.IbcGateway ***",
        ),
        ("arg[1]=hunter2", "arg[1]=***"),
        ("javax.swing.JTextField[user_name] = alice", "javax.swing.JTextField[user_name] = ***"),
        ("export TWS_PASSWORD='hunter2 b'", "export TWS_PASSWORD=***"),
        ("VncPwd=hunter2", "VncPwd=***"),
        ("tcp://alice:hunter2@host:2375", "tcp://***@host:2375"),
        ("found at /home/x/Jts/lklafholljfpbenl/autorestart", "found at /home/x/Jts/***/autorestart"),
        ("AUTORESTART_OPTION is -Drestart=lklafholljfpbenl", "AUTORESTART_OPTION is -Drestart=***"),
        ("[TOTP] Generated TOTP code: 492039", "[TOTP] Generated TOTP code: ***"),
        ("TOTP code entered at 10:15", "TOTP code entered at 10:15"),
        ("exit code: 123456", "exit code: 123456"),
        ("Login failed", "Login failed"),
        ("Setting password", "Setting password"),
        ("IBC: Setting user name", "IBC: Setting user name"),
        ("Starting Gateway with this command:", "Starting Gateway with this command:"),
        ("IBC returned exit status 88", "IBC returned exit status 88"),
    ],
)
def test_secrets_and_user_names_are_taken_out_and_nothing_else(text: str, masked: str) -> None:
    assert mask(text) == masked


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("DU1234589", "DU12***89"),
        ("U1234567 Trader Workstation", "U12***67 Trader Workstation"),
        ("DFH12345", "DFH12345"),
        ("port 4001, build 10451234", "port 4001, build 10451234"),
    ],
)
def test_an_account_keeps_its_kind_and_its_ends(text: str, masked: str) -> None:
    assert mask_account(text) == masked


def test_known_values_go_wherever_they_stand_also_cut_at_the_end() -> None:
    assert mask("user hunter2secret is locked", {"hunter2secret"}) == "user *** is locked"
    assert mask("user hunter2se", {"hunter2secret"}) == "user ***"
    assert mask("hunter2", {"hunter2secret"}) == "***"
    assert mask("user hunter2se\ufffd", {"hunter2secret"}) == "user ***"  # in the middle of a letter
    assert mask("r2secret is locked", {"hunter2secret"}) == "*** is locked"  # at its start
    assert mask("user r2secret, secretly", {"hunter2secret"}) == "user r2secret, secretly"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("a\x1b]0;title\x07b", "ab"),
        ("one\ntwo\tthree", "one two three"),
        ("left\u202eright", "leftright"),
        (b"\xff\xfebytes", "\ufffd\ufffdbytes"),
        ("\ud800", "?"),
    ],
)
def test_nothing_that_drives_a_terminal_is_printed(text: str | bytes, shown: str) -> None:
    assert printable(text) == shown


def test_a_quote_is_cut_where_it_says_so() -> None:
    assert quote("x" * 400, limit=10) == "x" * 9 + "…"


@pytest.mark.parametrize("part", ["x", "token", "token=", "password ", "A2", "'", "\x1b[", "://a:"])
def test_no_text_keeps_the_probe_busy(part: str) -> None:
    assert len(quote(part * 100_000, known={"x" * 100_000})) <= 300  # one that backtracks takes hours


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("IbPassword", True),
        ("IbLoginId", True),
        ("FIXLoginId", True),
        ("IbLoginTotpSecret", True),
        ("TWS_USERID", True),
        ("SecondFactorDevice", False),
        ("LoginDialogDisplayTimeout", False),
        ("TradingMode", False),
    ],
)
def test_the_names_of_secrets_are_known(name: str, secret: bool) -> None:
    assert is_secret(name) is secret


@pytest.mark.parametrize(
    ("text", "counted"),
    [
        ("U1234567 and DU1234589", {"account_id": 2}),
        ("IbPassword=hunter2", {"named_value": 1}),
        ("--user alice --pw hunter2", {"option": 2}),
        ("arg[1]=hunter2", {"command_line": 1}),
        ("tcp://alice:hunter2@host", {"url_credentials": 1}),
        ("/Jts/lklafholljfpbenl/x", {"user_directory": 1}),
        ("entered JBSWY3DPEHPK3PXP here", {"totp_key": 1}),
        ("bob met bob", {"known_value": 2}),
        ("Login failed", {}),
    ],
)
def test_what_is_masked_is_counted_by_rule_and_once(text: str, counted: dict[str, int]) -> None:
    masked = Counter[str]()
    once = mask(text, {"bob"}, masked)
    assert masked == counted
    assert mask(once, {"bob"}, masked) == once
    assert masked == counted
    assert set(masked) <= set(RULES)


@pytest.mark.parametrize(
    ("line", "secrets"),
    [
        ("IbPassword=two words", {"two words"}),
        ('run --pw hunter2 --user "alice"', {"hunter2", "alice"}),
        ("-DIbLoginId=alice", {"alice"}),
        ("java -DIbLoginId=alice -Xmx768m", {"alice"}),
        ("IbPassword=***", set()),
        ("ReadOnlyApi=no", set()),
    ],
)
def test_values_that_a_line_names_as_secrets_are_known(line: str, secrets: set[str]) -> None:
    assert secrets_in(line) == secrets


def test_text_without_control_keeps_its_form() -> None:
    assert without_control(b"  a\t b \x1b[31mred\x1b[0m \xff\r\n") == "  a\t b red \ufffd\n"


def test_a_value_that_makes_no_sense_is_shown_as_what_it_is_and_no_longer_than_a_sentence_bears() -> None:
    assert shown("12") == "'12'"
    assert shown("\x1b[31m") == "'\\x1b[31m'"
    assert len(shown(["x"] * 99)) == 80

# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an operator says not to care about is checked in one sentence, and means one thing."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.module_utils.probe import Misuse
from ansible_collections.ibgw.ops.plugins.plugin_utils import suppression
from ansible_collections.ibgw.ops.plugins.plugin_utils.suppression import Suppression


def entry(**said: Any) -> dict[str, Any]:
    return {"code": "relay.down", "reason": "being mended", **said}


@pytest.mark.parametrize(
    ("given", "read"),
    [
        (None, []),
        ([], []),
        ([entry()], [Suppression("relay.down", None, "being mended", None)]),
        ([entry(until=None)], [Suppression("relay.down", None, "being mended", None)]),
        ([entry(code="relay.down@alpha")], [Suppression("relay.down", "alpha", "being mended", None)]),
        ([entry(code="relay.down@alpha/gw")], [Suppression("relay.down", "alpha/gw", "being mended", None)]),
    ],
)
def test_read(given: Any, read: list[Suppression]) -> None:
    assert suppression.read("diagnose_suppress", given) == read


@pytest.mark.parametrize(
    ("until", "read"),
    [
        ("2026-03-31", "2026-03-31T23:59:59Z"),
        ("2026-03-31T12:00:00Z", "2026-03-31T12:00:00Z"),
        ("2026-03-31 12:00:00+00:00", "2026-03-31T12:00:00Z"),
        ("2026-03-31T12:00:00+02:00", "2026-03-31T10:00:00Z"),
    ],
)
def test_a_date_means_its_end_in_utc(until: str, read: str) -> None:
    (only,) = suppression.read("diagnose_suppress", [entry(until=until)])
    assert only.until == read


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("relay.down", "it must be a list of entries like {code:"),
        ("[{code: relay.down}]", "; on the command line as -e '{diagnose_suppress: [...]}'"),
        (entry(), "it must be a list"),
        (["relay.down"], "entry 1 of diagnose_suppress is 'relay.down'; it must be a mapping like {code:"),
        ([entry(), {"reason": "x"}], "entry 2 of diagnose_suppress has no code"),
        ([entry(code=7)], "has no code"),
        ([entry(code="relay.dwon")], "'relay.dwon', which is no finding; nearest is relay.down"),
        ([entry(code="zzzz")], "'zzzz', which is no finding"),
        ([entry(code="@alpha")], "which is no finding"),
        ([entry(code="relay.down@")], "without a host"),
        ([{"code": "relay.down"}], "entry 1 of diagnose_suppress (relay.down) has no reason"),
        ([entry(reason="  ")], "has no reason"),
        ([entry(reason=["x"])], "has no reason"),
        ([entry(reason="\x1b[2J\u200b")], "has no reason"),
        ([entry(untill="2026-03-31")], "has the key 'untill'; allowed are code, reason, until"),
        ([entry(until="soon")], "has until 'soon'; it must be a date like 2026-03-31, which means its end in UTC"),
        ([entry(until="2026-02-30")], "it must be a date"),
        ([entry(until="2026-03-31T12:00:00")], "with its zone"),
        ([entry(until="")], "it must be a date"),
        ([entry(until="9999-12-31T23:59:59-01:00")], "it must be a date"),
        ([entry(until=20260331)], "it must be a date"),
    ],
)
def test_an_entry_that_makes_no_sense(given: Any, said: str) -> None:
    with pytest.raises(Misuse) as caught:
        suppression.read("diagnose_suppress", given)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_hostile_text_stays_on_one_printable_line() -> None:
    hostile = "x\x1b[2J\ny" + "z" * 9000
    (only,) = suppression.read("diagnose_suppress", [entry(reason=hostile)])
    assert only.reason.isprintable()
    assert len(only.reason) <= 300
    for given in (entry(code=hostile), entry(until=hostile), entry(**{hostile: 1})):
        with pytest.raises(Misuse) as caught:
            suppression.read("diagnose_suppress", [given])
        assert "\x1b" not in str(caught.value)
        assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("now", "expired"),
    [("2026-03-31T23:59:59Z", False), ("2026-04-01T00:00:00Z", True), ("2025-12-31T23:59:59Z", False)],
)
def test_it_is_over_when_its_day_is_over(now: str, expired: bool) -> None:
    (only,) = suppression.read("diagnose_suppress", [entry(until="2026-03-31")])
    assert only.expired(now) == expired
    assert len(suppression.warnings("diagnose_suppress", [only], now)) == expired
    (for_ever,) = suppression.read("diagnose_suppress", [entry()])
    assert not for_ever.expired(now)


DECLARED = {"alpha": ["gw", "other"], "beta": [], "gamma": ["third"]}
FINDING = {"alpha": False, "beta": True, "gamma": True}


@pytest.mark.parametrize("host", ["alpha", "beta", "gw", "third", "alpha/gw", "gamma/third", "beta/new", "gamma/new"])
def test_a_host_of_the_inventory(host: str) -> None:
    given = suppression.read("diagnose_suppress", [entry(), entry(code=f"relay.down@{host}")])
    assert suppression.warnings_of_hosts("diagnose_suppress", given, DECLARED, FINDING) == []


@pytest.mark.parametrize(
    ("host", "said"),
    [
        (
            "alhpa",
            "relay.down@alhpa, which has no effect: the inventory has no such machine or gateway; nearest is alpha",
        ),
        ("new", "a gateway that is only found is given as machine/gateway"),
        ("alpha/other1", "nearest is alpha/other"),  # this machine is asked for nothing else
        ("delta/gw", "no such machine or gateway"),
        ("beta/", "no such machine or gateway"),
        ("beta/a/b", "no such machine or gateway"),
    ],
)
def test_a_host_that_is_not_in_the_inventory(host: str, said: str) -> None:
    given = suppression.read("diagnose_suppress", [entry(code=f"relay.down@{host}")])
    (warning,) = suppression.warnings_of_hosts("diagnose_suppress", given, DECLARED, FINDING)
    assert said in warning
    assert ("is given as machine/gateway" in warning) is ("/" not in host)


AUDITED = {"code": "config.heap_over_limit", "reason": "it is moved soon", "until": "2027-03-31"}


def test_what_the_audit_is_to_accept() -> None:
    here = {**AUDITED, "code": "config.heap_over_limit@alpha"}
    read = suppression.accepted("audit_accept", [AUDITED, here])
    assert [(each.target, each.until) for each in read] == [
        ("config.heap_over_limit", "2027-03-31T23:59:59Z"),
        ("config.heap_over_limit@alpha", "2027-03-31T23:59:59Z"),
    ]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            [{**AUDITED, "until": None}],
            "entry 1 of audit_accept (config.heap_over_limit) has no until; what is accepted has",
        ),
        (
            [{**AUDITED, "code": "relay.down"}],
            "entry 1 of audit_accept has the code relay.down, which is no matter of the audit",
        ),
        ([AUDITED, {**AUDITED, "until": "2027-01-01"}], "entry 2 of audit_accept accepts config.heap_over_limit again"),
        ([{**AUDITED, "code": "config.heap_ovr_limit"}], "which is no finding; nearest is config.heap_over_limit"),
        ([{**AUDITED, "reason": ""}], "has no reason"),
    ],
)
def test_what_the_audit_can_not_accept(given: Any, said: str) -> None:
    with pytest.raises(Misuse) as caught:
        suppression.accepted("audit_accept", given)
    assert said in str(caught.value)

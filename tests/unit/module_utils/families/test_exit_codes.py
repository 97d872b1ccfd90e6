# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the exit codes of each family's containers mean: one word of each meaning, for every code that has one."""

from __future__ import annotations

import pytest
from ansible_collections.ibgw.ops.plugins.module_utils.container import exit_meaning
from ansible_collections.ibgw.ops.plugins.module_utils.families.recognise import BY_NAME

#: IBC's, which arrive modulo 256, and those of its start script (IBC ErrorCodes.java:23-35, ibcstart.sh:96-103).
IBC = {
    2: "version",
    3: "argument",
    4: "program files",
    5: "directory",
    6: "config.ini",
    7: "vmoptions",
    8: "operating system",
    76: "exception",
    77: "login window",
    78: "arguments",
    79: "config.ini",
    80: "trading mode",
    81: "value",
    82: "settings directory",
    83: "main class",
    84: "jts.ini",
    85: "jts.ini",
    86: "session",
    87: "second factor",
    88: "no login window",
    159: "schedule",
}

ANY = {134: "SIGABRT", 139: "SIGSEGV", 143: "orderly", 127: "not found"}

MEANINGS = {
    "gnzsnz-ibc": {**ANY, **IBC, 0: "by itself", 1: "trading mode, secret, X server", 137: "grace"},
    "unusualalpha": {**ANY, **IBC, 0: "by itself", 1: "Java", 137: "every stop"},
    "manhinhang": {**ANY, **IBC, 0: "by itself", 1: "port", 137: "every stop"},
    "extrange": {**ANY, **IBC, 0: "by itself", 1: "Java was not found", 137: "grace"},
    "gnzsnz-ibcontroller": {
        **ANY,
        0: "asked to stop",
        1: "start script",
        2: "called wrongly",
        69: "crashed",
        75: "second factor",
        77: "lock the account",
        78: "configuration",
        137: "25 s",
    },
    "ibg-controller": {
        **ANY,
        **{code: word for code, word in IBC.items() if code > 4},  # without its switch it runs IBC
        0: "on request",
        1: "gave up",
        2: "credentials are missing",
        3: "second factor timed out",
        4: "restart after a second factor",
        137: "grace",
    },
    "ibga": {**ANY, 0: "installed", 137: "every stop"},
    "huieric": {**ANY, 0: "installed", 137: "every stop"},
}


def test_every_family_has_its_row() -> None:
    assert set(MEANINGS) == set(BY_NAME)


@pytest.mark.parametrize("name", MEANINGS)
def test_a_code_means_what_the_family_means_by_it(name: str) -> None:
    family = BY_NAME[name]
    told = {code: exit_meaning(code, family) for code in MEANINGS[name]}
    assert {code: told[code] for code, word in MEANINGS[name].items() if word not in told[code]} == {}


@pytest.mark.parametrize("name", MEANINGS)
def test_no_code_is_translated_that_has_no_row(name: str) -> None:
    assert set(BY_NAME[name].exit_codes) <= set(MEANINGS[name])


def test_a_code_of_another_family_means_nothing_here() -> None:
    assert "not known" in exit_meaning(69, BY_NAME["gnzsnz-ibc"])
    assert "not known" in exit_meaning(88, BY_NAME["ibga"])
    assert "not known" in exit_meaning(76, BY_NAME["gnzsnz-ibcontroller"])


def test_what_a_code_proves_it_also_means() -> None:
    for family in BY_NAME.values():
        assert {code for code in family.exit_problems if "not known" in exit_meaning(code, family)} == set()

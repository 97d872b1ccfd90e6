# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The words with which the inventory describes a gateway: `<word>` in its entry, `gateway_<word>` as the default of a machine.

What the words mean to an image stands in the record of its family.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from ansible_collections.ibgw.ops.plugins.module_utils.families.forms import TIME_ZONE, time_zones
from ansible_collections.ibgw.ops.plugins.module_utils.families.recognise import BY_NAME
from ansible_collections.ibgw.ops.plugins.module_utils.probe import Misuse
from ansible_collections.ibgw.ops.plugins.module_utils.redact import shown

#: Keys of an entry that have no default for the machine.
ENTRY_KEYS = ("name", "state", "expect_orders", "api_slow_after")

#: The families of which containers are made; the others are diagnosed.
DEPLOYED = tuple(name for name, family in BY_NAME.items() if not family.build.refused)

_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
_REFERENCE = re.compile(r"[a-z0-9][\w./:-]*?(?P<tag>:[\w][\w.-]{0,127})?(?P<digest>@sha256:[0-9a-f]{64})?")
_SIZE = re.compile(r"\d+[kmg]")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Refused(ValueError):
    """A value that a word does not take; the message says what is allowed."""


@dataclass(frozen=True)
class Word:
    """A word: what it is when nobody says it, and how a value is brought into its usual form."""

    default: Any
    read: Callable[[Any], Any]
    choices: Sequence[str] = ()


def _choice(default: str, *choices: str) -> Word:
    def read(value: Any) -> str:
        if value not in choices:
            raise Refused(f"allowed are {', '.join(choices)}")
        return str(value)

    return Word(default, read, choices)


def _flag(default: bool) -> Word:
    def read(value: Any) -> bool:
        known = {True: True, False: False, "true": True, "false": False, "yes": True, "no": False}
        told = value.lower() if isinstance(value, str) else value
        if isinstance(told, (bool, str)) and told in known:
            return known[told]
        raise Refused("allowed are true and false")

    return Word(default, read)


def _number(default: int | None, lowest: int, highest: int) -> Word:
    def read(value: Any) -> int | None:
        if value in (None, "") and default is None:
            return None
        text = "" if isinstance(value, bool) else str(value)
        if not re.fullmatch(r"\d{1,9}", text) or not lowest <= int(text) <= highest:
            raise Refused(f"allowed are whole numbers from {lowest} to {highest}")
        return int(text)

    return Word(default, read)


def _text(default: str, form: re.Pattern[str], allowed: str) -> Word:
    """A text of a form; empty is the absence of one."""

    def read(value: Any) -> str:
        if not isinstance(value, str) or (value and not form.fullmatch(value)):
            raise Refused(f"allowed is {allowed}")
        return value

    return Word(default, read)


def _clock(default: str) -> Word:
    def read(value: Any) -> str:
        if isinstance(value, int) and not isinstance(value, bool):  # YAML reads 22:30 as a number to the base of 60
            raise Refused("that is what YAML makes of a time without quotes; write it in quotes, like '22:30'")
        if not isinstance(value, str) or (value and not _CLOCK.fullmatch(value)):
            raise Refused("allowed is a time of 24 hours in quotes, like '22:30', or '' for none")
        return value

    return Word(default, read)


def _image(value: Any) -> str:
    if value == "":
        return ""
    found = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise Refused("allowed is name:tag or name@sha256:digest")
    if found["tag"] and found["digest"]:
        raise Refused("it has a tag and a digest, of which Docker would ignore the tag; give one of them")
    if not found["tag"] and not found["digest"]:
        raise Refused("it has neither tag nor digest, so that Docker would take whatever is latest; add one of them")
    return str(value)


def _family(value: Any) -> str:
    refused = BY_NAME[value].build.refused if isinstance(value, str) and value in BY_NAME else ""
    if refused:
        raise Refused(f"no container of it is made: {refused}; allowed are {', '.join(DEPLOYED)}")
    return str(_choice("", *DEPLOYED).read(value))


def _zone(value: Any) -> str:
    if not isinstance(value, str) or not TIME_ZONE.takes(value):
        near = get_close_matches(str(value), time_zones(), 1)
        raise Refused(f"allowed is a name of the time zone database, like {near[0] if near else 'America/New_York'}")
    return value


def _address(value: Any) -> str:
    try:
        return str(ipaddress.ip_address(value if isinstance(value, str) else ""))
    except ValueError:
        raise Refused("allowed is an IP address of the machine, like 127.0.0.1") from None


def _ports(value: Any) -> dict[str, int]:
    if not isinstance(value, Mapping) or not set(value) <= {"paper", "live", "vnc"}:
        raise Refused("allowed is a mapping of paper, live and vnc to ports, like {paper: 4002}")
    for port in value.values():
        if isinstance(port, bool) or not isinstance(port, int) or not 1 <= port <= 65535:
            raise Refused("a port is a number from 1 to 65535")
    return dict(value)


def _settings(value: Any) -> dict[str, str]:
    """Names and values that are passed through; values are text for whoever reads them."""
    if not isinstance(value, Mapping):
        raise Refused("allowed is a mapping of names to values")
    for name, one in value.items():
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise Refused(f"{shown(name)} is no name of a setting")
        if isinstance(one, bool):
            raise Refused(f"{name} is true or false, which YAML also makes of yes and no; write its value in quotes")
        if not isinstance(one, (str, int, float)) or not str(one).isprintable():
            raise Refused(f"the value of {name} must be one line of text")
    return {name: str(one) for name, one in value.items()}


#: Every word of an entry.
WORDS: Mapping[str, Word] = {
    "family": Word("gnzsnz-ibc", _family, DEPLOYED),
    "program": _choice("gateway", "gateway", "tws"),
    "image": Word("", _image),
    "pull": _choice("missing", "missing", "always", "never"),
    "trading_mode": _choice("paper", "paper", "live", "both"),
    "second_factor": _choice("push", "push", "totp", "none"),
    "second_factor_device": _text("", re.compile(r"[^\s\\](?:[ -\[\]-~]*[^\s\\])?"), "the name that the login shows"),
    "second_factor_timeout_action": _choice("exit", "exit", "restart"),
    "relogin_after_second_factor_timeout": _flag(False),
    "existing_session": _choice("primary", "primary", "primaryoverride", "secondary", "manual"),
    "daily_restart": _clock("22:30"),
    "daily_logoff": _clock(""),
    "weekly_cold_restart": _clock(""),
    "time_zone": Word("America/New_York", _zone),
    "read_only_api": _flag(True),
    "accept_incoming": _choice("reject", "reject", "accept", "manual"),
    "master_client_id": _number(None, 0, 999_999_999),
    "java_heap_mb": _number(768, 256, 65_536),
    "memory_mb": _number(0, 0, 1_048_576),
    "open_files": _number(10_000, 4_096, 1_048_576),
    "bind_address": Word("127.0.0.1", _address),
    "expose": _flag(False),
    "ports": Word({}, _ports),
    "network": _text("", re.compile(r"[A-Za-z0-9][\w.-]*"), "the name of a Docker network"),
    "vnc": _flag(False),
    "settings_dir": _text("", re.compile(r"/[\w.@/-]*[\w.@-]"), "an absolute path on the machine"),
    "log_max_size": _text("20m", _SIZE, "a size like 20m"),
    "log_max_files": _number(5, 1, 100),
    "variables": Word({}, _settings),
    "controller_settings": Word({}, _settings),
}


@dataclass(frozen=True)
class Described:
    """One gateway in the inventory's words, each in its usual form."""

    machine: str
    name: str
    words: Mapping[str, Any]
    expect_orders: bool = False

    def __str__(self) -> str:
        return f"the gateway {self.machine}/{self.name}"

    def refuse(self, word: str, why: str) -> Misuse:
        """The sentence that refuses what a word is set to."""
        return Misuse(f"{word} of {self} is {shown(self.words[word])}; {why}")


def described(machine: str, entry: Mapping[str, Any], variables: Mapping[str, Any]) -> Described:
    """The gateway of one entry of `gateways`; `variables` are those of its machine, with the defaults."""
    whose = f"the gateway {machine}/{entry['name']}"
    for key in entry:
        if key not in WORDS and key not in ENTRY_KEYS:
            raise Misuse(f"{whose} has {shown(key)}, {_nearest(str(key), (*WORDS, *ENTRY_KEYS))}")
    words = {}
    for word, known in WORDS.items():
        told, of = known.default, whose
        if f"gateway_{word}" in variables:
            told, of = variables[f"gateway_{word}"], f"the machine {machine}"
        if word in entry and not (word == "family" and entry[word] == "auto"):  # "auto" leaves it to diagnosis
            told, of = entry[word], whose
        try:
            words[word] = known.read(told)
        except Refused as refused:
            name = word if of == whose else f"gateway_{word}"
            raise Misuse(f"{name} of {of} is {shown(told)}; {refused}") from None
    return Described(machine, entry["name"], words, entry.get("expect_orders") is True)


def _nearest(key: str, known: Sequence[str]) -> str:
    near = get_close_matches(key, known, 1)
    return f"which is no word for it; {f'the nearest is {near[0]}' if near else 'allowed are ' + ', '.join(known)}"

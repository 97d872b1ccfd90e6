# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A gateway's words in the names and forms of its image, by the table of its family."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from ansible_collections.ibgw.ops.plugins.module_utils.families.family import Family, Lacking, Setting, Variable
from ansible_collections.ibgw.ops.plugins.module_utils.families.ibc_settings import KEYS
from ansible_collections.ibgw.ops.plugins.module_utils.families.recognise import BY_NAME
from ansible_collections.ibgw.ops.plugins.module_utils.probe import Misuse
from ansible_collections.ibgw.ops.plugins.module_utils.redact import shown
from ansible_collections.ibgw.ops.plugins.plugin_utils.deployment.vocabulary import DEPLOYED, WORDS, Described
from ansible_collections.ibgw.ops.plugins.plugin_utils.foreign import Foreign, foreign, word_of

#: Keys of IBC's configuration that the role sets itself, and why.
OWN_KEYS = {
    "TradingMode": "the word trading_mode sets it",
    "CommandServerPort": "the role sets it, so that a session-keeping restart is possible",
    "BindAddress": "the role keeps the command server on loopback",
    "ControlFrom": "the role keeps the command server on loopback",
    "IbDir": "it would keep the gateway from resuming its session",  # IBC config.ini:267
    "OverrideTwsApiPort": "relay and probes know the image's own port",
}


@dataclass(frozen=True)
class Translation:
    """What the words become: variables of the container, and keys of the controller's configuration file."""

    environment: dict[str, str]
    configuration: dict[str, str]
    warnings: tuple[str, ...]


def able(word: str, value: Any = None) -> str:
    """Names of the families that can do a word, or one value of it."""
    names = [name for name in DEPLOYED if _can(BY_NAME[name], word, value)]
    return " and ".join(names) if names else "no family"


def _can(family: Family, word: str, value: Any) -> bool:
    setting = family.words[word]
    if isinstance(setting, Lacking):
        return False
    if value is None or setting.choices is not None:
        return value is None or value in (setting.choices or ())
    try:
        return bool(family.written(word, value))
    except ValueError:
        return False


def translate(gateway: Described) -> Translation:
    """The gateway's words as its family wants them; raises `Misuse` for what the family can not do."""
    family = BY_NAME[gateway.words["family"]]
    environment: dict[str, str] = {}
    configuration: dict[str, str] = {}
    for word, setting, text in _texts(gateway, family):
        key = family.key(word)
        if key:
            configuration[key] = text
        else:
            environment.update(dict.fromkeys(setting.variables, text))
    passed, configured = _controller_settings(gateway, family)
    more, warnings = _variables(gateway, family)
    return Translation(
        {**dict(family.build.environment[gateway.words["program"]]), **environment, **passed, **more},
        {**configuration, **configured},
        tuple(warnings),
    )


def _texts(gateway: Described, family: Family) -> Iterator[tuple[str, Setting, str]]:
    for word, setting in family.words.items():
        if word not in WORDS or word == "controller_settings":
            continue
        value = gateway.words[word]
        text = _text(gateway, family, word, setting, value)
        if text and isinstance(setting, Setting):
            yield word, setting, text


def _text(gateway: Described, family: Family, word: str, setting: Setting | Lacking, value: Any) -> str:
    """One word as the family wants it; empty where there is nothing to set."""
    if isinstance(setting, Lacking):
        if value == WORDS[word].default:
            return ""
        raise _unable(gateway, family, word, setting.reason)
    if value in ("", None):
        if setting.required:
            raise _unable(gateway, family, word, setting.lacking)
        return ""
    if setting.choices is not None:
        if value not in setting.choices:
            raise _unable(gateway, family, word, setting.lacking)
        return setting.choices[value]
    try:
        return family.written(word, value)
    except ValueError as reason:
        raise _unable(gateway, family, word, str(reason)) from None


def _unable(gateway: Described, family: Family, word: str, reason: str) -> Misuse:
    return gateway.refuse(word, f"{family.name} can not do that: {reason}; {able(word, gateway.words[word])} can")


def _controller_settings(gateway: Described, family: Family) -> tuple[dict[str, str], dict[str, str]]:
    """Further keys of IBC's configuration, as variables or as lines of the file."""
    given: Mapping[str, str] = gateway.words["controller_settings"]
    if not given:
        return {}, {}
    setting = family.words["controller_settings"]
    if isinstance(setting, Lacking):
        raise Misuse(
            f"controller_settings of {gateway} are given, but {family.name} has none: {setting.reason};"
            f" {able('controller_settings')} can"
        )
    for key in given:
        if key not in KEYS:
            near = get_close_matches(key, KEYS, 1)
            raise _setting_refused(gateway, key, f"IBC has no such key{f'; the nearest is {near[0]}' if near else ''}")
        if KEYS[key].kind != "plain":
            raise _setting_refused(gateway, key, "secrets are given in gateway_secrets")
        word = _word_of_key(key)
        if word or key in OWN_KEYS:
            raise _setting_refused(gateway, key, f"the word {word} sets it" if word else OWN_KEYS[key])
        known = family.variables.get(f"{family.build.prefix}{key}", KEYS[key])
        if given[key] and not known.form.takes(given[key]):
            told = shown(given[key])
            raise _setting_refused(gateway, key, f"{family.name} can not take {told}: allowed is {known.form.allowed}")
    if family.build.prefix is None:
        return {}, dict(given)
    return {f"{family.build.prefix}{key}": value for key, value in given.items()}, {}


def _setting_refused(gateway: Described, key: str, why: str) -> Misuse:
    return Misuse(f"controller_settings of {gateway} has {key}; {why}")


def _word_of_key(key: str) -> str | None:
    family = BY_NAME["gnzsnz-ibc"]
    return next((word for word in family.words if family.key(word) == key), None)


def _variables(gateway: Described, family: Family) -> tuple[dict[str, str], list[str]]:
    """Raw variables, which pass where nothing else stands for them."""
    warnings = []
    for name in gateway.words["variables"]:
        word, known = word_of(family, name), family.variables.get(name)
        if known and (name.endswith("_FILE") or known.kind == "secret"):
            raise _variable_refused(
                gateway, name, "secrets are given in gateway_secrets and reach the gateway as files"
            )
        if word:
            raise _variable_refused(gateway, name, _instead(word))
        if name in family.build.environment[gateway.words["program"]]:
            raise _variable_refused(gateway, name, "the role sets it itself")
        if known and known.key and family.configured:
            raise _variable_refused(
                gateway,
                name,
                f"the configuration that the role writes makes it ineffective; use controller_settings: {known.key}",
            )
        if known:
            _check_form(gateway, family, name, known)
            continue
        stranger = foreign(name, family, {})
        if stranger:
            raise _variable_refused(gateway, name, _ignored(family, stranger))
        warnings.append(
            f"variables of {gateway} has {name}, which is in no list of {family.name}; images ignore what they do not know"
        )
    return dict(gateway.words["variables"]), warnings


def _check_form(gateway: Described, family: Family, name: str, known: Variable) -> None:
    value = gateway.words["variables"][name]
    if value and not known.form.takes(value):
        why = f"{family.name} can not take {shown(value)}: allowed is {known.form.allowed}"
        raise _variable_refused(gateway, name, f"{why}; {known.wrong.effect}" if known.wrong else why)


def _ignored(family: Family, stranger: Foreign) -> str:
    if stranger.of is None:
        return f"{family.name} has no such variable; the nearest is {stranger.here}"
    word = stranger.word if not isinstance(family.words.get(stranger.word or ""), Lacking) else None
    here = _instead(word) if word else f"there it is {stranger.here}" if stranger.here else ""
    return f"it is a variable of {stranger.of.name}, which {family.name} ignores{f'; {here}' if here else ''}"


def _instead(word: str) -> str:
    secret = "vnc_password" if word == "rdp_password" else word
    return f"use the word {word}" if word in WORDS else f"give {secret} in gateway_secrets"


def _variable_refused(gateway: Described, name: str, why: str) -> Misuse:
    return Misuse(f"variables of {gateway} has {name}; {why}")

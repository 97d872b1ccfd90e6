# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The README of a role: what its argument specs say, then the role's own `meta/readme.md` on what no variable tells."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.ibgw.ops.plugins.module_utils.families.family import Family, Lacking
from ansible_collections.ibgw.ops.plugins.module_utils.families.recognise import BY_NAME, FAMILIES
from ansible_collections.ibgw.ops.plugins.plugin_utils.deployment.vocabulary import DEPLOYED, WORDS

GENERATED = "<!-- Generated from meta/argument_specs.yml and meta/readme.md by `make docs`: change it there. -->"

_TYPES = {
    "bool": "true or false",
    "dict": "mapping",
    "float": "number",
    "int": "whole number",
    "path": "path",
    "str": "text",
}

#: The usual one first.
_FAMILIES = sorted((BY_NAME[name] for name in DEPLOYED), key=lambda family: family.name != WORDS["family"].default)

#: Ansible's markup for what is written as it stands (values, options, code, modules), and for a role beside this one.
_LITERAL = re.compile(r"\b[VOCM]\(([^)]*)\)")
_ROLE = re.compile(r"\bP\(ibgw\.ops\.(\w+)#role\)")


def readme(role: Path) -> str:
    """The page of the role in that directory."""
    specs = yaml.safe_load((role / "meta/argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]
    main = specs.pop("main")
    parts = [
        GENERATED,
        f"# ibgw.ops.{role.name}",
        *_purpose(main),
        f"## Variables\n\n{_options(main)}",
        _own_text(role / "meta/readme.md"),
        *(part for name, entry in specs.items() for part in _further(name, entry, main)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _purpose(entry: Mapping[str, Any]) -> list[str]:
    example = entry.get("examples", "").strip()
    return [*_sentences(entry.get("description", [])), f"```yaml\n{example}\n```" if example else ""]


def _further(name: str, entry: Mapping[str, Any], main: Mapping[str, Any]) -> list[str]:
    """A section for another way into the role."""
    same = entry.get("options") == main.get("options")
    options = "It takes the same variables." if same else _options(entry)
    return [f"## {entry['short_description']}", f"`tasks_from: {name}`", *_purpose(entry), options]


def _options(entry: Mapping[str, Any]) -> str:
    """A table of what there is to set, and one for each list or mapping whose entries have names of their own."""
    options: Mapping[str, Mapping[str, Any]] = entry.get("options", {})
    if not options:
        return "None."
    rows = "\n".join(
        f"| `{name}` | {_takes(option)} | {_default(option)} | {' '.join(_sentences(option['description']))} |"
        for name, option in options.items()
    )
    nested = (
        f"Each entry of `{name}`:\n\n{_options(option)}" for name, option in options.items() if "options" in option
    )
    return "\n\n".join([f"| name | takes | default | meaning |\n|---|---|---|---|\n{rows}", *nested])


def _takes(option: Mapping[str, Any]) -> str:
    if "choices" in option:
        return ", ".join(f"`{choice}`" for choice in option["choices"])
    kind = option.get("type", "str")
    return "list" if kind == "list" else _TYPES[kind]


def _default(option: Mapping[str, Any]) -> str:
    if option.get("required"):
        return "must be given"
    default = option.get("default")
    if default in (None, ""):
        return ""
    return f"`{default if isinstance(default, str) else json.dumps(default, ensure_ascii=False)}`"


def _sentences(description: str | Sequence[str]) -> list[str]:
    paragraphs = [description] if isinstance(description, str) else description
    marked = (_ROLE.sub(r"[\1](../\1/README.md)", paragraph) for paragraph in paragraphs)
    return [_LITERAL.sub(r"`\1`", paragraph).replace("|", r"\|") for paragraph in marked]


def _own_text(path: Path) -> str:
    """What the role says in its own words; a line with the name of a table stands for it."""
    text = path.read_text(encoding="utf-8").strip() if path.exists() else ""
    for name, table in _TABLES.items():
        line = f"<!-- table: {name} -->"
        text = text.replace(line, table()) if line in text else text
    return text


def _words() -> str:
    """How each family takes each word that describes a gateway."""
    words = [word for word in _FAMILIES[0].words if word != "rdp_password"]  # said as vnc_password
    return _by_family("word", {f"`{word}`": [_taken(family, word) for family in _FAMILIES] for word in words})


def _by_family(head: str, rows: Mapping[str, Sequence[str]]) -> str:
    names = " | ".join(f"`{family.name}`" for family in _FAMILIES)
    lines = "\n".join(f"| {name} | {' | '.join(cells)} |" for name, cells in rows.items())
    return f"| {head} | {names} |\n|---|{'---|' * len(_FAMILIES)}\n{lines}"


def _taken(family: Family, word: str) -> str:
    """The name under which a family takes a word, and which of its choices where not all."""
    setting = family.words[word]
    if isinstance(setting, Lacking):
        return "–"
    name = family.key(word) or setting.file or next(iter(setting.variables), None)
    choices = list(setting.choices or ())
    all_of_them = word in WORDS and set(choices) == set(WORDS[word].choices)
    parts = [f"`{name}`" if name else "", "" if all_of_them else ", ".join(choices)]
    return ": ".join(part for part in parts if part) or "yes"


def _containers() -> str:
    """What the container of each family is like."""
    columns = [_container(family) for family in _FAMILIES]
    return _by_family("container", {name: [column[name] for column in columns] for name in columns[0]})


def _container(family: Family) -> dict[str, str]:
    relays = [
        f"{number} {port.endpoint or ''}".strip()
        for number, port in family.ports.items()
        if port.role == "relay" and port.program in ("gateway", None)
    ]
    return {
        "image, unless you say one": f"`{family.build.images['gateway']}`",
        "port for clients": ", ".join(relays),
        "user id": str(family.user[0]),
        "what lasts": ", ".join(f"`{path.format(instance='')}`" for path in family.build.persistent["gateway"]),
        "after a boot": "stays down until the next deploy" if family.build.restart_policy == "no" else "comes back",
    }


def _refused() -> str:
    """The families of which no container is made, with the reason."""
    return "\n".join(f"- `{family.name}`: {family.build.refused}" for family in FAMILIES if family.build.refused)


_TABLES: Mapping[str, Callable[[], str]] = {"containers": _containers, "refused": _refused, "words": _words}

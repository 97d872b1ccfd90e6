# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Names in commands that one types: what means something to a shell, or to Ansible's patterns and lists, is spelt so that it does not."""

from __future__ import annotations

import json
import re
import shlex

# What stands for itself everywhere; a saved log does not tell its machine.
_PLAIN = re.compile(r"\w[\w.@+-]*|<machine>")

# With any of these in it Ansible renders a value.
_TEMPLATE = re.compile(r"\{[{%#]")


def quoted(name: str) -> str:
    """A name as a shell takes it."""
    return name if _PLAIN.fullmatch(name) else shlex.quote(name)


def pattern(machine: str) -> str:
    """The pattern that selects this inventory host and no other, as a shell takes it: a regular expression where a name is none."""
    return machine if _PLAIN.fullmatch(machine) else shlex.quote(f"~{''.join(map(_spelt, machine))}\\Z")


def selecting(setting: str, machine: str, gateway: str) -> str:
    """The option that gives a setting this one gateway: as JSON where the name has what separates others, or ends a word, and as YAML where
    Ansible would take it for a template."""
    if _PLAIN.fullmatch(machine):
        return f"-e {setting}={machine}/{gateway}"
    name = f"{machine}/{gateway}"
    if _TEMPLATE.search(name):
        return f"-e {shlex.quote(f'{{{json.dumps(setting)}: [!unsafe {_in_yaml(name)}]}}')}"
    return f"-e {shlex.quote(json.dumps({setting: [name]}))}"


def _in_yaml(text: str) -> str:
    """A text in quotes of YAML, whose escapes are those of JSON but beyond the sixteenth bit."""
    return "".join(
        f"\\U{ord(letter):08x}" if ord(letter) > 0xFFFF else json.dumps(letter)[1:-1] for letter in text
    ).join('""')


def _spelt(letter: str) -> str:
    return (
        letter
        if letter.isalnum() or letter == "_"
        else f"\\U{ord(letter):08x}"
        if ord(letter) > 255
        else f"\\x{ord(letter):02x}"
    )

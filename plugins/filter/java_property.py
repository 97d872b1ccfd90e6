# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A value as it has to stand in a file of Java properties, so that Java reads the same value again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

DOCUMENTATION = r"""
name: java_property
short_description: A value as it stands in a file of Java properties
version_added: 0.1.0
description:
  - Java takes a backslash for an escape, cuts off blanks before the value, and reads the file as Latin-1. The filter escapes what would
    not arrive as it is.
positional: _input
options:
  _input:
    description: The value, one line of text.
    type: str
    required: true
author:
  - ibgw.ops contributors (@ibgw)
"""

EXAMPLES = r"""
- name: Write a password into IBC's configuration
  ansible.builtin.copy:
    content: "IbPassword={{ password | ibgw.ops.java_property }}\n"
    dest: /etc/ibgw/gateways/ib-gateway/config.ini
    mode: "0400"
  no_log: true
"""

RETURN = r"""
_value:
  description: The value, escaped.
  type: str
"""


def java_property(value: str) -> str:
    """`value` with every character escaped that Java would not read as it is (java.util.Properties.load)."""
    escaped = "".join(_escaped(character) for character in value)
    return f"\\{escaped}" if escaped.startswith(" ") else escaped


def _escaped(character: str) -> str:
    if character == "\\":
        return "\\\\"
    if " " <= character <= "~":
        return character
    units = character.encode("utf-16-be")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


class FilterModule:
    """The collection's filter on values of Java properties."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter's name and function."""
        return {"java_property": java_property}

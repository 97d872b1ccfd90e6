# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Steps that mend something are sentences; the commands in them are there to be copied."""

from __future__ import annotations

import re
from dataclasses import dataclass

_DOCKER = (
    "compose|container|cp|events|exec|image|inspect|kill|logs|network|port|ps|rename|restart|rm|start|stats|stop|system"
    "|top|unpause|update|volume"
)
_PROGRAM = (
    r"(?:ansible(?:-playbook)?|chronyc|df|free|iostat|journalctl|nft|ss|ssh|sudo|systemctl|timedatectl"
    rf"|docker(?= (?:{_DOCKER})\b))"
)
# What stands in quotes or for a name may have blanks; prose goes on behind punctuation and with these words.
_WORD = r"""(?:'[^']*'|"[^"]*"|<[^<>]+>|[^\s'"(),;]*[^\s'"(),;.:?])+"""
_PROSE = r"(?!(?:and|ends|in|on|or|then|to|until)\s)"
_ONE = rf"{_PROGRAM}(?: {_PROSE}{_WORD})+"

_COMMAND = re.compile(rf"(?:(?<=[:?;] )|(?<=\()|(?<= with )|(?<= and )|^){_ONE}(?:; {_ONE})*(?=[.,;:)]*(?:\s|$))")


@dataclass(frozen=True)
class Piece:
    """A part of a step: words, or a command to type as it stands."""

    text: str
    is_command: bool


def pieces(step: str) -> list[Piece]:
    """A step told apart into words and commands; put together again they are the step."""
    told, begin = [], 0
    for found in _COMMAND.finditer(step):
        told += [Piece(step[begin : found.start()], False), Piece(found[0], True)]
        begin = found.end()
    return [piece for piece in (*told, Piece(step[begin:], False)) if piece.text]

# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reads the log of one container, whichever controller writes it: the log itself says which, its image does not always.

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.ibgw.ops.plugins.module_utils.families.family import Family
from ansible_collections.ibgw.ops.plugins.module_utils.families.recognise import FAMILIES
from ansible_collections.ibgw.ops.plugins.module_utils.grammars.grammar import Grammar, rules
from ansible_collections.ibgw.ops.plugins.module_utils.grammars.ibc import Ibc
from ansible_collections.ibgw.ops.plugins.module_utils.grammars.ibcontroller import IbController
from ansible_collections.ibgw.ops.plugins.module_utils.grammars.ibg_controller import IbgController
from ansible_collections.ibgw.ops.plugins.module_utils.grammars.ibga import Ibga
from ansible_collections.ibgw.ops.plugins.module_utils.grammars.launcher import Launcher
from ansible_collections.ibgw.ops.plugins.module_utils.grammars.surroundings import ANYBODYS, GATEWAYS
from ansible_collections.ibgw.ops.plugins.module_utils.log.event import Event
from ansible_collections.ibgw.ops.plugins.module_utils.log.lines import Line

#: Every grammar; the first whose shape a line has is the log's.
GRAMMARS: tuple[type[Grammar], ...] = (Ibc, IbController, IbgController, Ibga, Launcher)

_AROUND = rules((*dict.fromkeys(line for family in FAMILIES for line in family.lines), *GATEWAYS, *ANYBODYS))
_OF_IMAGES = {family.name: frozenset(pattern for pattern, _kind in family.lines) for family in FAMILIES}
_NOBODY_ELSES = frozenset(pattern for pattern, _kind in GATEWAYS).union(*_OF_IMAGES.values())

#: So many lines are kept until one tells the controller; an image's scripts print fewer before it.
_UNDECIDED = 5000


class Reader:
    """Reads one log, line by line; `family` is the image's where that is known."""

    def __init__(self, family: Family | None = None) -> None:
        self._family = family
        # What no controller writes is nobody's standard output (some images show the end of a launcher.log there).
        self._possible = [grammar for grammar in GRAMMARS if grammar.controller or family is None]
        self._undecided: list[Line] = []
        self._decided: Grammar | None = None
        #: What reads the log; until its controller is known, the likeliest.
        self.grammar = _of_family(family)(_AROUND)

    def read(self, line: Line) -> Iterator[Event]:
        """The events that `line` tells; with the first line of a controller, also those of the lines before it."""
        if self._decided is None:
            self._undecided.append(line)
            found = next((each for each in self._possible if each.shape.match(line.text)), None)
            if found is None and len(self._undecided) < _UNDECIDED:
                return
            yield from self._decide(found)
        elif event := self.grammar.read(line):
            yield event

    @property
    def decided(self) -> bool:
        """Whether it is known whose log it is."""
        return self._decided is not None

    def finish(self) -> Iterator[Event]:
        """The events of a log that ends before a line of a controller came."""
        if self._decided is None:
            yield from self._decide(None)

    def _decide(self, found: type[Grammar] | None) -> Iterator[Event]:
        if found and not isinstance(self.grammar, found):
            self.grammar = found(_AROUND)
        self._decided = self.grammar
        lines, self._undecided = self._undecided, []
        for line in lines:
            if event := self.grammar.read(line):
                yield event

    @property
    def recognised(self) -> bool:
        """Whether what was read is a gateway's log."""
        around = self.grammar.seen_around
        return self.grammar.seen or bool(around if self._family else around & _NOBODY_ELSES)

    @property
    def family(self) -> Family | None:
        """The image family, as it was given, or as the log shows it."""
        if self._family or not self.recognised:
            return self._family
        of_controller = [family for family in FAMILIES if family.controller == self.grammar.controller]
        printed = {family.name: len(_OF_IMAGES[family.name] & self.grammar.seen_around) for family in of_controller}
        likeliest = [family for family in of_controller if printed[family.name] == max(printed.values())]
        return likeliest[0] if len(likeliest) == 1 else None


def _of_family(family: Family | None) -> type[Grammar]:
    controller = family.controller if family else None
    return next((grammar for grammar in GRAMMARS if grammar.controller == controller), GRAMMARS[0])

"""The command line of a Java machine: options, properties, main class, arguments."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field


class Refused(ValueError):
    """The Java machine does not start with these options."""


@dataclass
class CommandLine:
    main_class: str = ""
    arguments: list[str] = field(default_factory=list)
    properties: dict[str, str] = field(default_factory=dict)
    class_path: str = ""
    heap: str = ""

    @classmethod
    def parse(cls, argv: Sequence[str]) -> CommandLine:
        line = cls()
        words = iter(argv[1:])
        for word in words:
            if word == "-cp":
                line.class_path = next(words, "")
            elif word.startswith("-D"):
                name, _, value = word[2:].partition("=")
                line.properties[name] = value
            elif word.startswith("-Xmx"):
                if not re.fullmatch(r"\d+[kKmMgG]?", word[4:]):
                    raise Refused(f"Invalid maximum heap size: {word}")
                line.heap = word[4:]
            elif not word.startswith("-"):
                line.main_class = word
                line.arguments = list(words)
        return line

"""IBC's settings: a Java properties file, what its entries mean, and how they are printed at start."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from .releases import Release

_MASKED = ("IbLoginId", "IbPassword", "FIXLoginId", "FIXPassword")


class Settings:
    def __init__(self, values: dict[str, str]) -> None:
        self.values = values

    @classmethod
    def read(cls, path: Path) -> Settings:
        return cls(dict(_properties(path.read_text(encoding="utf-8", errors="replace"))))

    def text(self, name: str, default: str = "") -> str:
        return self.values.get(name) or default

    def number(self, name: str, default: int) -> int:
        value = self.text(name)
        return int(value) if value.isdigit() else default

    def flag(self, name: str, default: bool = False) -> bool:
        """Not trimmed: anything but yes and no is the default (IBC#314)."""
        return {"yes": True, "true": True, "no": False, "false": False}.get(self.text(name).lower(), default)

    def dump(self, release: Release) -> list[str]:
        """As IBC prints them: sorted, and the credentials masked (DefaultSettings.java:55-82)."""

        def masked(name: str, value: str) -> bool:
            return name in _MASKED and bool(value or release.masks_empty_credentials)

        shown = {name: "***" if masked(name, value) else value for name, value in self.values.items()}
        return ["IBC Settings:", *(f"    {name}={shown[name]}" for name in sorted(shown)), "End IBC Settings", ""]


def _properties(text: str) -> Iterator[tuple[str, str]]:
    """The pairs of a Java properties file: a backslash is an escape, what stands before the value is trimmed."""
    for line in text.splitlines():
        stripped = line.lstrip()
        if stripped and stripped[0] not in "#!":
            name, _, value = stripped.partition("=")
            yield name.strip(), re.sub(r"\\(?:u([0-9a-f]{4})|(.))", _unescaped, value.lstrip())


def _unescaped(escape: re.Match[str]) -> str:
    return chr(int(escape[1], 16)) if escape[1] else str(escape[2])

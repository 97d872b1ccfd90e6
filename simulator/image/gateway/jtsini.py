"""jts.ini, which IBC completes before the Gateway starts."""

from __future__ import annotations

import configparser
from pathlib import Path

from . import console
from .releases import Release

_REQUIRED = (
    ("Logon", "s3store", "true"),
    ("Logon", "Locale", "en"),
    ("Logon", "displayedproxymsg", "1"),
    ("Logon", "UseSSL", "true"),
    ("IBGateway", "ApiOnly", "true"),
)
_TRUSTED_IPS = ("IBGateway", "TrustedIPs", "127.0.0.1")


def ensure_required_lines(path: Path, release: Release) -> None:
    console.message(f"Ensuring {path} contains required minimal lines")
    lines = configparser.RawConfigParser(strict=False)
    lines.optionxform = str  # type: ignore[assignment,method-assign]  # how configparser documents it
    lines.read(path, encoding="utf-8")
    changed = False
    for section, name, value in (*_REQUIRED, _TRUSTED_IPS) if release.writes_trusted_ips else _REQUIRED:
        if lines.has_option(section, name):
            console.message(f"Found setting: [{section}]/{name}={lines.get(section, name)}")
            continue
        if not lines.has_section(section):
            lines.add_section(section)
        lines.set(section, name, value)
        changed = True
    if changed:
        with path.open("w", encoding="utf-8") as file:
            lines.write(file, space_around_delimiters=False)
    console.message(f"Confirmed {path} contains required minimal lines")

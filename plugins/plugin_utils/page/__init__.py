# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A report as one page for a browser: no resource from outside, everything that a log or a container says escaped.

The template lays it out, the style sheet and the script are put into it as they are; the page allows itself only these two.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from ansible_collections.ibgw.ops.plugins.module_utils.redact import printable
from ansible_collections.ibgw.ops.plugins.plugin_utils.case import moment
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import LAYERS, URGENCY
from ansible_collections.ibgw.ops.plugins.plugin_utils.summary import SAFE
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

_HERE = Path(__file__).parent

#: The steps of an API connection, in their order (contracts of ibgw_handshake).
PHASES = ("resolve", "tcp", "hello", "start", "ready", "account")


def render(report: Mapping[str, Any]) -> str:
    """The page of a diagnosis."""
    style, script = _asset("page.css"), _asset("page.js")
    return (
        _environment()
        .get_template("diagnosis.html.j2")
        .render(
            report=report,
            style=Markup(style),
            script=Markup(script),
            style_hash=_hash(style),
            script_hash=_hash(script),
            statuses=URGENCY,
            layers=LAYERS,
            safe=SAFE,
        )
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(shown=_shown, moment=_moment)
    return environment


@cache
def _asset(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """As a Content-Security-Policy names what may run."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _shown(text: object) -> str:
    """Foreign text without what could turn the reading direction or hide itself; the template escapes it."""
    return printable(str(text))


def _moment(stamp: str | None) -> str:
    """A moment for a person who has no script: to the minute, in UTC."""
    at = moment(stamp)
    return "" if at is None else f"{at:%Y-%m-%d %H:%M} UTC"

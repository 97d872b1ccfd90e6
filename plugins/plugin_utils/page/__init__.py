# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A report as one page for a browser: no resource from outside, everything that a log or a container says escaped.

A template lays each kind of report out, style sheet and script are put into it as they are; the page allows itself only these two.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from ansible_collections.ibgw.ops.plugins.module_utils.redact import printable
from ansible_collections.ibgw.ops.plugins.plugin_utils import audit, checklist, report, summary
from ansible_collections.ibgw.ops.plugins.plugin_utils.case import moment
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import URGENCY
from ansible_collections.ibgw.ops.plugins.plugin_utils.page.rules import rules
from ansible_collections.ibgw.ops.plugins.plugin_utils.steps import pieces
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

_HERE = Path(__file__).parent

#: The template of each kind of report, by its schema, and what tells the whole in one sentence.
_LAYOUTS = {
    report.SCHEMA: ("diagnosis.html.j2", summary.in_a_line, report.sentence),
    audit.SCHEMA: ("audit.html.j2", checklist.in_a_line, audit.sentence),
}

#: Names of facts that are not their keys.
_LABELS = {"api_ms": "API handshake", "api_server_version": "API version", "gateway_version": "IB Gateway"}

#: The time that was left when a summary was written. The page counts it on beside, so that nobody reads it as that of now.
_LEFT = re.compile(r" \((\d+ d )?(\d+ h )?[\d:]+ min left\)")

#: Seconds after which a row that is older than its report says so: rows of one run are made within minutes.
_AS_OLD = 300


def render(told: Mapping[str, Any]) -> str:
    """The page of a diagnosis or an audit."""
    template, headline, sentence = _LAYOUTS[told["schema"]]
    return _environment().get_template(template).render(report=told, headline=headline(told), sentence=sentence(told))


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(
        shown=_shown,
        undated=_undated,
        near=_near,
        minute=_minute,
        second=_second,
        pieces=pieces,
        label=_label,
        web=_web,
    )
    environment.tests.update(stamp=_is_stamp, gap=_has_gap)
    style, script = (_HERE / "page.css").read_text(encoding="utf-8"), (_HERE / "page.js").read_text(encoding="utf-8")
    environment.globals.update(
        {
            "style": Markup(style),
            "script": Markup(script),
            "style_hash": _hash(style),
            "script_hash": _hash(script),
            "statuses": URGENCY,
            "results": audit.COUNTED,
            "safe": summary.SAFE,
            "repeats": summary.repeats,
            "places": checklist.PLACES,
            "names": checklist.short_names,
            "failed": audit.failed,
            "rules_of": rules,
            "older": _older,
            "counted": summary.counted,
        }
    )
    return environment


def _hash(text: str) -> str:
    """As a Content-Security-Policy names what may run."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _shown(text: object) -> str:
    """Foreign text without what could turn the reading direction or hide itself; the template escapes it."""
    return printable(str(text))


def _undated(summary: str, deadline: str | None) -> str:
    """A summary without how much time was left, where the page tells of a deadline how much is left now."""
    return _LEFT.sub("", summary) if deadline else summary


def _near(stamp: str) -> str:
    """A moment beside which a script says how far off it is."""
    at = moment(stamp)
    return printable(stamp) if at is None else f"{at:%d %b %H:%M} UTC"


def _minute(stamp: str) -> str:
    """A moment for a person."""
    at = moment(stamp)
    return printable(stamp) if at is None else f"{at:%Y-%m-%d %H:%M} UTC"


def _second(stamp: str) -> str:
    """A moment to be compared with those of a log."""
    at = moment(stamp)
    return printable(stamp) if at is None else f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _is_stamp(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", value) is not None


def _has_gap(text: str) -> bool:
    """A name is to be filled in, which a shell would take for a file."""
    return re.search(r"<[a-z][a-z ]*>", text) is not None


def _label(name: str) -> str:
    """What a fact is called."""
    return _LABELS.get(name) or name.replace("_", " ").capitalize()


def _web(url: str | None) -> str | None:
    """An address that may be followed; none of a kind that would run something."""
    return url if url and url.startswith(("https://", "http://")) else None


def _older(row: Mapping[str, Any], told: Mapping[str, Any]) -> bool:
    """The row was made by a run before that of the report."""
    made, seen = moment(told["generated_at"]), moment(row["reported_at"])
    return made is not None and seen is not None and (made - seen).total_seconds() > _AS_OLD

# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Write the pages of docs from what they describe: `make docs`; `make docs-example` also takes a new example of a report."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import LAYERS, STATUSES, Finding, findings

DOCS = Path(__file__).resolve().parents[1] / "docs"
SCHEMA = DOCS / "report.schema.json"
EXAMPLE = DOCS / "report.example.json"
RECOVERY_SCHEMA = DOCS / "recovery.schema.json"
RECOVERY_EXAMPLE = DOCS / "recovery.example.json"

GENERATED = "<!-- Generated from plugins/plugin_utils/findings by `make docs`: change it there. -->"
GENERATED_FROM_SCHEMA = (
    "<!-- Generated from report.schema.json and report.example.json by `make docs`: change it there. -->"
)

#: The finding whose row stands for all in the page on the report.
SHOWN = "twofa.pending"


def pages() -> dict[str, str]:
    """Every generated page by its path under docs."""
    return {
        "report.md": _report(_read(SCHEMA), _read(EXAMPLE)),
        "recovery.md": _recovery(_read(RECOVERY_SCHEMA), _read(RECOVERY_EXAMPLE)),
        "findings/README.md": _index(),
        **{f"findings/{code}.md": _page(finding) for code, finding in findings().items()},
    }


def _report(schema: Mapping[str, Any], example: Mapping[str, Any]) -> str:
    """The page on the report: one row of the example, then a section for the whole and for each part of the schema."""
    row = next(row for row in example["gateways"] if row["code"] == SHOWN)
    parts = [
        GENERATED_FROM_SCHEMA,
        "# report.json",
        schema["description"],
        "A whole one is [report.example.json](report.example.json), the diagnosis of the demo fleet (`make demo`); validators and"
        " generators find the schema in [report.schema.json](report.schema.json). One row of the example's `gateways`:",
        f"```json\n{json.dumps(row, indent=2, ensure_ascii=False)}\n```",
        *_sections(schema),
    ]
    return "\n\n".join(parts) + "\n"


def _recovery(schema: Mapping[str, Any], example: Mapping[str, Any]) -> str:
    """The page on the report of a recovery: an example, then the sections of its schema."""
    parts = [
        GENERATED_FROM_SCHEMA.replace("report.", "recovery."),
        "# recover.json",
        schema["description"],
        "Validators and generators find the schema in [recovery.schema.json](recovery.schema.json). An example is"
        " [recovery.example.json](recovery.example.json); its one row:",
        f"```json\n{json.dumps(example['gateways'][0], indent=2, ensure_ascii=False)}\n```",
        *_sections(schema),
    ]
    return "\n\n".join(parts) + "\n"


def _sections(schema: Mapping[str, Any]) -> Iterable[str]:
    """A section for the whole and for each part of a schema."""
    yield f"## The report\n\n{_fields(schema)}"
    yield from (f"## {name}\n\n{_part(part)}" for name, part in schema["$defs"].items())


def _part(part: Mapping[str, Any]) -> str:
    """A definition of the schema: an object's fields, else what its words may be."""
    values = _fields(part) if "properties" in part else f"{_type(part)[0].upper()}{_type(part)[1:]}."
    return f"{part['description']}\n\n{values}"


def _fields(part: Mapping[str, Any]) -> str:
    rows = "\n".join(
        f"| `{name}` | {_type(field)} | {field['description']} |" for name, field in part["properties"].items()
    )
    return f"| field | type | meaning |\n|---|---|---|\n{rows}"


def _type(field: Mapping[str, Any]) -> str:
    """The type of a field, in words."""
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        return f"[{name}](#{name})"
    if "oneOf" in field:
        return " or ".join(_type(each) for each in field["oneOf"])
    if "const" in field:
        return f"`{field['const']}`"
    if "enum" in field:
        return ", ".join(f"`{word or 'null'}`" for word in field["enum"])
    kinds = field["type"] if isinstance(field["type"], list) else [field["type"]]
    return " or ".join(_kind(kind, field) for kind in kinds)


def _kind(kind: str, field: Mapping[str, Any]) -> str:
    if kind == "array":
        return f"list of {_type(field['items'])}"
    if kind == "object":
        return f"{_type(field['additionalProperties'])} by {field['propertyNames']['description']}"
    return "time" if kind == "string" and field.get("format") == "date-time" else kind


def _read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def _page(finding: Finding) -> str:
    steps = "\n".join(f"{number}. {_named(step)}" for number, step in enumerate(finding.fix, 1))
    explained_by = _explained_by(finding)
    parts = [
        GENERATED,
        f"# {finding.code}",
        f"**{finding.title}.**",
        finding.meaning,
        f"- {_status(finding)}\n- {_remedy(finding)}",
        f"## What to do\n\n{steps}",
        f"Next command:\n\n```\n{_named(finding.next_command)}\n```" if finding.next_command else "",
        f"## Explains\n\nSeen together with these, it is their cause: {_links(finding.explains)}."
        if finding.explains
        else "",
        f"## Explained by\n\n{explained_by}" if explained_by else "",
        "All findings: [README](README.md).",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _status(finding: Finding) -> str:
    if finding.severity not in STATUSES:
        return f"Status: `{finding.severity}`, it changes no status."
    return f"Status when it leads: `{finding.severity}`, unless the evidence makes it another."


def _remedy(finding: Finding) -> str:
    return f"Remedy: `{finding.remedy}`" + (f", because {finding.remedy_reason}." if finding.remedy_reason else ".")


def _explained_by(finding: Finding) -> str:
    if finding.symptom:
        return (
            "It is how deeper trouble looks from outside: whatever else is found before the API's port leads instead."
        )
    codes = [code for code, other in findings().items() if finding.code in other.explains]
    return f"It is a consequence of: {_links(codes)}." if codes else ""


def _index() -> str:
    parts = [
        GENERATED,
        "# Findings",
        "Every condition that a verdict can name, in the order in which one layer depends on the other. The first broken layer leads;"
        " what it explains is listed as its consequence. NAME stands for the container, MACHINE for its machine.",
    ]
    for layer in LAYERS:
        rows = "\n".join(
            f"| [{code}]({code}.md) | {finding.severity} | {finding.title} |"
            for code, finding in findings().items()
            if finding.layer == layer
        )
        parts.append(f"## {layer}\n\n| finding | status | condition |\n|---|---|---|\n{rows}")
    return "\n\n".join(parts) + "\n"


def _links(codes: Iterable[str]) -> str:
    return ", ".join(f"[{code}]({code}.md)" for code in codes)


def _named(text: str) -> str:
    return text.replace("{name}", "NAME").replace("{machine}", "MACHINE")


def write() -> None:
    """Write every page, and remove those of findings that are no more."""
    wanted = pages()
    for page in DOCS.glob("findings/*.md"):
        if page.relative_to(DOCS).as_posix() not in wanted:
            page.unlink()
    for name, text in wanted.items():
        (DOCS / name).write_text(text, encoding="utf-8")


def take_example(report: Path) -> None:
    """Make a report the example, without the name of the machine that it was made on."""
    example = {**_read(report), "controller": "controller"}
    EXAMPLE.write_text(json.dumps(example, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    for given in sys.argv[1:]:
        take_example(Path(given))
    write()

# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Write the pages under docs/findings from the registry: `make docs`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import LAYERS, STATUSES, Finding, findings

FINDINGS = Path(__file__).resolve().parents[1] / "docs" / "findings"

GENERATED = "<!-- Generated from plugins/plugin_utils/findings by `make docs`: change it there. -->"


def pages() -> dict[str, str]:
    """Every page of docs/findings by its file name."""
    return {"README.md": _index(), **{f"{code}.md": _page(finding) for code, finding in findings().items()}}


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
    FINDINGS.mkdir(exist_ok=True)
    wanted = pages()
    for page in FINDINGS.glob("*.md"):
        if page.name not in wanted:
            page.unlink()
    for name, text in wanted.items():
        (FINDINGS / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()

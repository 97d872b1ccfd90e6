"""How often the verdict on a saved log is right, on the labelled logs of real controllers that `IBGW_CORPUS` names.

    python -m benchmarks.accuracy      writes benchmarks/accuracy.md, prints it and every miss

Each log goes the way that a user's goes (probe, evidence, verdict), judged as of the moment when it was captured. A label has one or more
pairs of a leading finding and the remedies that fit it, the best one first.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ansible_collections.ibgw.ops.plugins.module_utils.logscan import probe
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import URGENCY
from ansible_collections.ibgw.ops.plugins.plugin_utils.verdict import verdicts_of_log

from tests.corpus import CORPUS, MISSING, cases

_TABLE = Path(__file__).with_suffix(".md")

# The module's own defaults.
_MAX_BYTES, _MAX_EVENTS, _TIMEOUT = 1 << 22, 50, 10.0


@dataclass(frozen=True)
class Said:
    """What a user is told of a log: the status, the code that leads (else the status), and what may be done."""

    status: str
    finding: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.finding} ({self.remedy})"


def told_of(path: Path, as_of: str | None = None) -> dict[str, Any]:
    """What the probe tells of the log at `path`, as of a moment (default: its last stamp)."""
    return probe(None, str(path), "auto", as_of, _MAX_BYTES, _MAX_EVENTS, None, _TIMEOUT)


def said_of(told: Mapping[str, Any]) -> Said:
    """What a user is told who has the log judged of which the probe told that."""
    verdicts = verdicts_of_log("some.log", told, datetime.now(timezone.utc))
    verdict = min(verdicts, key=lambda each: URGENCY.index(each.status))  # a label is of the whole log
    leading = verdict.leading
    if leading is None or verdict.status in ("healthy", "unknown"):
        return Said(verdict.status, verdict.status, leading.remedy if leading else "none")
    return Said(verdict.status, leading.finding.code, leading.remedy)


@dataclass(frozen=True)
class Judged:
    """What was said of one labelled log."""

    case: Mapping[str, Any]
    said: Said

    def fits(self, pair: Mapping[str, Any]) -> bool:
        return self.said.finding == pair["finding"] and self.said.remedy in pair["remedies"]

    @property
    def finding_right(self) -> bool:
        return any(self.said.finding == pair["finding"] for pair in self.case["expect"])

    @property
    def right(self) -> bool:
        return any(map(self.fits, self.case["expect"]))

    @property
    def best(self) -> bool:
        return self.fits(self.case["expect"][0])

    @property
    def healthy(self) -> bool:
        return bool(self.case["expect"][0]["finding"] == "healthy")

    @property
    def false_alarm(self) -> bool:
        return self.healthy and self.said.status not in ("healthy", "unknown")

    def __str__(self) -> str:
        pairs = (f"{pair['finding']} ({' or '.join(pair['remedies'])})" for pair in self.case["expect"])
        return f"{self.case['id']}: {self.said} instead of {'; '.join(pairs)}"


def judged() -> list[Judged]:
    """Every log whose label can be seen in it."""
    return [
        Judged(case, said_of(told_of(CORPUS / case["file"], case["captured"])))
        for case in cases()
        if case["label_evident_in_log"]
    ]


def table(logs: Iterable[Judged]) -> str:
    """The figures, as Markdown."""
    logs = list(logs)
    healthy = [each for each in logs if each.healthy]
    rows = (
        ("a right leading finding", sum(each.finding_right for each in logs), len(logs)),
        ("and a remedy that fits", sum(each.right for each in logs), len(logs)),
        ("the best pair of the two", sum(each.best for each in logs), len(logs)),
        ("false alarms on healthy gateways", sum(each.false_alarm for each in healthy), len(healthy)),
    )
    lines = ["| | logs | share |", "|---|---|---|"]
    lines += [f"| {what} | {count} of {total} | {100 * count / total:.1f} % |" for what, count, total in rows]
    return "\n".join(lines) + "\n"


def main() -> int:
    if MISSING:
        print(MISSING, file=sys.stderr)
        return 1
    logs = judged()
    for each in logs:
        if not each.best:
            print("not the best: " if each.right else "wrong: ", each, sep="", file=sys.stderr)
    text = table(logs)
    print(text)
    _TABLE.write_text(_HEAD + text, encoding="utf-8")
    return 0


_HEAD = """# How often the verdict on a saved log is right

`python -m benchmarks.accuracy` writes this table: labelled logs of real controllers, each judged the way that a user's is.

"""

if __name__ == "__main__":
    sys.exit(main())

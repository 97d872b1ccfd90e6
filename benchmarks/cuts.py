"""What is said of the labelled logs when each is cut after every line: never a failure that was none at that moment.

    python -m benchmarks.cuts [--only PART-OF-A-NAME] [--every LINES]      writes benchmarks/cuts.md, prints it and what was invented

Each cut is judged as of its last stamp, and where the log was silent for a second then, also as of the moment before the next line. A
failure is true where the label expects it, or where its run ended with it, or one before that its run continues. One that is gone when
its run ends was true only where the label knows of a problem that passed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from multiprocessing import Pool
from pathlib import Path
from typing import Any

from ansible_collections.ibgw.ops.plugins.module_utils.log.lines import lines
from ansible_collections.ibgw.ops.plugins.module_utils.timestamps import iso

from benchmarks.accuracy import Said, said_of, told_of
from tests.corpus import CORPUS, MISSING, cases

_TABLE = Path(__file__).with_suffix(".md")
_JOBS = 2

#: Statuses that claim no failure; an open prompt claims none either.
_NO_FAILURE = ("healthy", "unknown", "starting")

EXPECTED, ENDED_WITH, PASSED = "its label expects it", "its run ended with it", "it passed, as its label knows"
INVENTED = "invented"


@dataclass(frozen=True)
class Cut:
    """What was said of a log that ends after `line`, in whose run of that number the end lies."""

    line: int
    run: int
    said: Said

    @property
    def failure(self) -> bool:
        return self.said.status not in _NO_FAILURE and self.said.finding != "twofa.pending"


def cuts(path: Path, every: int) -> Iterator[Cut]:
    """Each cut of a log, judged as of both moments."""
    content = path.read_bytes()
    rows = content.splitlines(keepends=True)
    stamps = {line.number: line.at for line in lines([content])}
    with tempfile.NamedTemporaryFile() as log:
        for number, row in enumerate(rows, 1):
            log.write(row)
            if number % every and number != len(rows):
                continue
            log.flush()
            last, following = stamps.get(number), stamps.get(number + 1)
            moments = [None] if following is None or following - (last or 0.0) < 1.0 else [None, iso(following)]
            for as_of in moments:
                told = told_of(Path(log.name), as_of)
                yield Cut(number, sum(gateway["history"]["runs"] for gateway in told["gateways"]), said_of(told))


def failures(case: Mapping[str, Any], every: int) -> tuple[int, list[tuple[Cut, str]]]:
    """How many cuts of one log were judged, and those that were said to fail, each with why that was true."""
    judged = list(cuts(CORPUS / case["file"], every))
    last_line = {cut.run: cut.line for cut in judged}
    ended_with: dict[int, set[str]] = defaultdict(set)
    for cut in judged:
        if cut.line == last_line[cut.run]:
            ended_with[cut.run].add(cut.said.finding)
    return len(judged), [(cut, _why(cut, case, ended_with)) for cut in judged if cut.failure]


def _why(cut: Cut, case: Mapping[str, Any], ended_with: Mapping[int, set[str]]) -> str:
    if any(cut.said.finding == pair["finding"] for pair in case["expect"]):
        return EXPECTED
    if any(cut.said.finding in found for run, found in ended_with.items() if run <= cut.run):
        return ENDED_WITH
    return PASSED if case.get("past_problem") else INVENTED


def table(logs: int, judged: int, why: Mapping[str, int], seconds: float) -> str:
    """The figures, as Markdown."""
    rows = ("logs", logs), ("cuts judged", judged), ("said to fail", sum(why.values()))
    reasons = ((f"true: {reason}", why[reason]) for reason in (EXPECTED, ENDED_WITH, PASSED))
    lines_ = ["| | |", "|---|---|", *(f"| {what} | {count} |" for what, count in (*rows, *reasons))]
    return "\n".join([*lines_, f"| {INVENTED} | {why[INVENTED]} |", f"| seconds | {seconds:.0f} |"]) + "\n"


def _listed(case: Mapping[str, Any], found: Iterable[tuple[Cut, str]]) -> Iterator[str]:
    """Each finding of one log that did not last, once, with the lines between which it was said."""
    lines_of: dict[tuple[str, str], list[int]] = defaultdict(list)
    for cut, why in found:
        if why in (PASSED, INVENTED):
            lines_of[why, str(cut.said)].append(cut.line)
    for (why, said), at in lines_of.items():
        yield f"{why}: {case['id']}, lines {min(at)} to {max(at)}: {said}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cuts", description=__doc__.partition("\n")[0])
    parser.add_argument("--only", default="", help="a part of a log's name")
    parser.add_argument("--every", type=int, default=1, help="judge the cut after every so many lines (default: 1)")
    arguments = parser.parse_args()
    if MISSING:
        print(MISSING, file=sys.stderr)
        return 1
    began = time.monotonic()
    chosen = [case for case in cases() if arguments.only in case["id"]]
    judged, whys = 0, Counter[str]()
    with Pool(_JOBS) as pool:
        for case, (count, found) in zip(
            chosen, pool.imap(partial(failures, every=arguments.every), chosen), strict=True
        ):
            judged += count
            whys.update(why for _cut, why in found)
            for line in _listed(case, found):
                print(line, file=sys.stderr, flush=True)
    text = table(len(chosen), judged, whys, time.monotonic() - began)
    print(text)
    if not arguments.only and arguments.every == 1:
        _TABLE.write_text(_HEAD + text, encoding="utf-8")
    return 1 if whys[INVENTED] else 0


_HEAD = """# Logs that are cut after every line

`python -m benchmarks.cuts` writes this table: what is said of each labelled log at every moment of its life; see `cuts.py` for what counts as true.

"""

if __name__ == "__main__":
    sys.exit(main())

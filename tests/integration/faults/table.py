"""The matrix as the documentation shows it: one line for each fault, as it came out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

HEAD = """# The fault matrix

What `recover.yml` makes of faults, each on a container of its own, counted by the simulated broker. `make test-faults` writes this page;
what is expected is in `tests/integration/faults/matrix.py`. Logins are those that recover spends; where a gateway logs in again and again by itself,
it is stopped, and its own attempts until then are not counted here. A row is as expected only where no client was cut off and no file of the
settings was lost, too. The seconds are those of the work, most of them the wait for the gateway's own start; where nothing is done there are none.

"""


@dataclass(frozen=True)
class Outcome:
    """How one row came out."""

    fault: str
    verdict: str
    remedies: list[str]
    held_back_by: list[str]
    status: str
    code: str | None
    logins: int
    pushes: int
    cut: int
    clients: int
    seconds: int
    passed: bool = True


def markdown(outcomes: Iterable[Outcome]) -> str:
    """The page."""
    lines = [
        "| fault | verdict | done | ends | logins | pushes | clients cut | seconds |",
        "|---|---|---|---|---|---|---|---|",
    ]
    return HEAD + "\n".join([*lines, *(_line(each) for each in outcomes)]) + "\n"


def _line(outcome: Outcome) -> str:
    ends = outcome.status if outcome.code in (None, outcome.verdict) else f"{outcome.status}: {_page(outcome.code)}"
    done = ", ".join(outcome.remedies)
    if not done:
        done = f"nothing ({', '.join(outcome.held_back_by)})" if outcome.held_back_by else "nothing"
    seconds = outcome.seconds or ""
    failed = "" if outcome.passed else " **(not as expected)**"
    cut = f"{outcome.cut} of {outcome.clients}" if outcome.clients else "0"
    return (
        f"| {outcome.fault}{failed} | {_page(outcome.verdict)} | {done} | {ends} | {outcome.logins} | {outcome.pushes}"
        f" | {cut} | {seconds} |"
    )


def _page(code: str | None) -> str:
    return f"[{code}](findings/{code}.md)" if code else "healthy"

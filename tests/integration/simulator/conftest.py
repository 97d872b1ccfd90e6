"""Real logs to compare with."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from simulator.image.gateway.releases import NEWEST
from tests.corpus import CORPUS, MISSING, cases

KnownLogs = Callable[..., list[str]]


@pytest.fixture(scope="session")
def known_logs() -> KnownLogs:
    """Logs of a real release for a condition, found by the finding that they lead to and the environment they ran in."""
    if MISSING:
        pytest.skip(MISSING)

    def known_logs(finding: str, release: str = NEWEST.number, **environment: str) -> list[str]:
        return [
            (CORPUS / case["file"]).read_text(encoding="utf-8", errors="replace")
            for case in cases()
            if case["ibc_version"] == release
            and finding in [expected["finding"] for expected in case["expect"]]
            and environment.items() <= case["env"].items()
        ]

    return known_logs

"""The page of the fault matrix says what came out, and hides nothing that did not."""

from __future__ import annotations

import re

from tests.integration.faults.matrix import FIRST_OF_REMEDY, MATRIX
from tests.integration.faults.table import Outcome, markdown
from tests.unit.test_house import CHECKOUT

MENDED = Outcome("relay killed", "relay.down", ["restart_relay"], [], "healthy", None, 0, 0, 0, 0, 12)


def test_a_line_says_what_was_done_and_what_it_cost() -> None:
    assert markdown([MENDED]).splitlines()[-1] == (
        "| relay killed | [relay.down](findings/relay.down.md) | restart_relay | healthy | 0 | 0 | 0 | 12 |"
    )


def test_a_row_that_failed_is_marked() -> None:
    failed = Outcome("killed", "container.killed", [], ["budget"], "down", "container.killed", 0, 0, 1, 1, 0, False)
    assert "| killed **(not as expected)** |" in markdown([failed])
    assert "| nothing (budget) | down |" in markdown([failed])
    assert "| 1 of 1 |" in markdown([failed])


def test_faults_have_names_of_their_own() -> None:
    assert len({row.slug for row in MATRIX}) == len(MATRIX)


def test_each_remedy_of_the_matrix_has_one_row_in_every_run() -> None:
    assert {row.remedies for row in FIRST_OF_REMEDY} == {row.remedies for row in MATRIX if row.remedies}
    assert len(FIRST_OF_REMEDY) == len({row.remedies for row in FIRST_OF_REMEDY})


def test_the_page_has_every_fault_of_the_matrix() -> None:
    page = (CHECKOUT / "docs" / "faults.md").read_text(encoding="utf-8")
    shown = [fault.removesuffix(" **(not as expected)**") for fault in re.findall(r"^\| (.+?) \|", page, re.MULTILINE)]
    assert shown == ["fault", *(row.fault for row in MATRIX)], "make test-faults writes it"

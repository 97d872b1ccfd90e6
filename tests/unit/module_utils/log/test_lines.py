# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How the form of a log is recognised; what each form reads as is tested with the probe as a whole."""

from __future__ import annotations

import pytest
from ansible_collections.ibgw.ops.plugins.module_utils.log.lines import Log as Lines
from ansible_collections.ibgw.ops.tests.unit.module_utils.ibc_log import Log

LONG = "a line that is as long as none but its likes, which come again and again and again and again and again"


def wrapped(log: Log, width: int) -> str:
    return "".join(line[at : at + width] + "\n" for line in log.lines for at in range(0, len(line), width))


@pytest.mark.parametrize(
    ("text", "line_by_line"),
    [
        (Log().logged_in().text, True),
        (Log().logged_in().raw(*[LONG] * 9).text, True),
        (Log(stamped=False).ibc(*[LONG] * 9).text, True),
        (Log(stamped=False).ibc("short").refused(4001, 12).text, True),
        (wrapped(Log().logged_in(), 80), False),
        ("".join(reversed(Log().logged_in().text.splitlines(keepends=True))), False),
    ],
    ids=[
        "stamped",
        "its longest line recurs",
        "also without stamps",
        "also the relay's",
        "a terminal's",
        "newest first",
    ],
)
def test_only_what_lies_as_it_was_written_is_searched_for_single_lines(text: str, line_by_line: bool) -> None:
    assert Lines([text.encode()]).line_by_line is line_by_line


def test_a_line_without_end_is_never_held_whole() -> None:
    chunks = [b"first\n", *[b"x" * (1 << 18)] * 40, b"\nlast\n"]
    blocks = list(Lines(iter(chunks)).blocks())
    assert max(map(len, blocks)) < 8 << 20
    assert b"".join(blocks).endswith(b"\nlast\n")

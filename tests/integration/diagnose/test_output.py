# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Terminal and report, as a shell and a scheduler see them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.integration.diagnose.conftest import LOCAL, Diagnose


def test_selected_gateway_only(diagnose: Diagnose, dead: dict[str, Any]) -> None:
    machine = {**LOCAL, "gateways": [{"name": "one"}, {"name": "two"}]}
    ended = diagnose({"alpha": machine, "dead": dead}, "-e", "diagnose_only=two")
    assert set(ended.rows) == {"alpha/two"}
    assert "...ignoring" not in ended.output  # nothing was tried on the other machine


def test_report_directory_that_can_not_be_written_is_a_warning(diagnose: Diagnose, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ended = diagnose({"alpha": LOCAL}, "-e", f"diagnose_report_dir={tmp_path}/file/reports")
    assert "report.json and report.html could not be written" in ended.output
    assert "alpha/ib-gateway is DOWN" in ended.output
    assert ended.status == 2


@pytest.mark.parametrize(
    ("environment", "coloured"),
    [({}, False), ({"ANSIBLE_FORCE_COLOR": "1"}, True)],
)
def test_colour(diagnose: Diagnose, environment: dict[str, str], coloured: bool) -> None:
    ended = diagnose({"alpha": LOCAL}, **{"ANSIBLE_NOCOLOR": "", **environment})
    assert ("\x1b[" in ended.output) == coloured


def test_ascii_only(diagnose: Diagnose) -> None:
    ended = diagnose({"alpha": LOCAL}, "-e", "diagnose_ascii=true")
    assert ended.output.isascii()
    assert "  x " in ended.output


def test_width_of_the_terminal(diagnose: Diagnose) -> None:
    ended = diagnose({"alpha": LOCAL}, COLUMNS="50")
    block = ended.output[ended.output.index("alpha/ib-gateway is") : ended.output.index("1 gateway on")]
    assert max(len(line) for line in block.splitlines() if "ansible-playbook" not in line and "://" not in line) <= 50

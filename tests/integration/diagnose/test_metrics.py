# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A run writes the metrics of the whole fleet, and one that saw a part of it leaves them alone."""

from __future__ import annotations

import re
from pathlib import Path

from tests.integration.diagnose.conftest import LOCAL, Diagnose, judged

FLEET = {"alpha": LOCAL, "beta": LOCAL}


def test_metrics_of_a_fleet(diagnose: Diagnose, tmp_path: Path) -> None:
    place = tmp_path / "textfile"
    place.mkdir()
    setting = ("-e", f"diagnose_metrics_file={place}/ibgw.prom")
    judged(diagnose(FLEET, *setting))
    (written,) = place.iterdir()
    text = written.read_text(encoding="utf-8")
    down = re.findall(
        r'^ibgw_gateway_status\{gateway="ib-gateway",machine="(\w+)",status="down"\} 1', text, re.MULTILINE
    )
    assert down == ["alpha", "beta"]

    limited = diagnose(FLEET, "-l", "alpha", *setting)
    judged(limited)
    assert f"The metrics in {written} are left as they are: this run was limited to some machines." in limited.output
    assert written.read_text(encoding="utf-8") == text


def test_metrics_that_can_not_be_written_cost_nothing_else(diagnose: Diagnose, tmp_path: Path) -> None:
    ended = diagnose({"alpha": LOCAL}, "-e", f"diagnose_metrics_file={tmp_path}/missing/ibgw.prom")
    judged(ended)
    assert ended.output.count("metrics could not be written to") == 1

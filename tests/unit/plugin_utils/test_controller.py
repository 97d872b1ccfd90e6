# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Paths that operators give are refused in one sentence before anything is probed, where no file can be called so."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.ibgw.ops.plugins.module_utils.probe import Misuse
from ansible_collections.ibgw.ops.plugins.plugin_utils.controller import path_of


@pytest.mark.parametrize("given", ["reports", "/no/such/place", "a b/ä{{ x }}", "-rf", "../x", "x" * 255])
def test_any_name_that_a_file_can_have_is_a_path(given: str) -> None:
    assert path_of("diagnose_report_dir", given) == Path(given).absolute()


@pytest.mark.parametrize("given", ["~nobody-of-that-name/x", "a\0b", "x" * 256, "ä" * 128, "gateway\udcff.log"])
def test_what_no_file_can_be_called_is_refused(given: str) -> None:
    with pytest.raises(Misuse, match=r"^diagnose_report_dir is .*, which is no path on the controller: ") as caught:
        path_of("diagnose_report_dir", given)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300

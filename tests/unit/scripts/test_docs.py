# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The pages under docs/findings say what the registry says."""

from __future__ import annotations

from scripts import docs


def test_pages_and_registry_are_equal():
    written = {page.name: page.read_text(encoding="utf-8") for page in docs.FINDINGS.glob("*.md")}
    assert written == docs.pages(), "run make docs"

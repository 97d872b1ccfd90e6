# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is said of a task that Ansible could not run."""

from __future__ import annotations

import pytest
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.probe import task_trouble

_NO_JSON = "Module result deserialization failed: No start of json char found"


@pytest.mark.parametrize(
    ("message", "mends"),
    [
        (f"sudo: a password is required {_NO_JSON}", "--ask-become-pass"),
        (f"This account is currently not available. {_NO_JSON}", "ansible_user"),
        (_NO_JSON, "ansible_python_interpreter"),
        ("Module result deserialization failed: Extra data: line 3 column 1 (char 16)", "print nothing"),
        ("Timed out after 180 seconds", "load, disk or network"),
        ("something that nobody has seen yet", "run it by itself"),
    ],
)
def test_whatever_kept_a_task_from_running_what_mends_it_is_said(message: str, mends: str) -> None:
    _what, cure = task_trouble(message)
    assert mends in cure

# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the inventory has as secrets is known to the bundle, in whatever form it is given."""

from __future__ import annotations

from ansible_collections.ibgw.ops.plugins.action.ibgw_bundle import _secrets


def test_secrets_are_known_however_yaml_read_them() -> None:
    given = {"ib-gateway": {"user": "alice", "password": 12345678, "totp_key": None, "others": ["one", [2.5]]}}
    assert set(_secrets({"gateway_secrets": given})) == {"alice", "12345678", "one", "2.5"}

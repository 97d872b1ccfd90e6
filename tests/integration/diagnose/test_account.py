# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A diagnosis down to account data: orders are asked for where the log proves that this opens no dialog."""

from __future__ import annotations

from pathlib import Path

from tests.integration.gateways import Start
from tests.integration.playbooks import HERE, Play, write_inventory


def test_open_orders_are_told_where_the_log_proves_that_the_api_takes_some(
    start: Start, address: str, ansible_playbook: Play, tmp_path: Path
) -> None:
    settings = {"takes orders": "no", "read-only": "yes", "left as it is": ""}
    gateways = {said: start(environment={"READ_ONLY_API": value}) for said, value in settings.items()}
    for said, each in gateways.items():
        each.broker.place_order(each.user, "MSFT", action="SELL", quantity=3, limit_price=500.5)
        each.wait_for_line("Read-Only API checkbox is" if settings[said] else "Warning; event=Closed")
    names = [{"name": each.user, "trading_mode": "paper"} for each in gateways.values()]
    inventory = write_inventory(tmp_path, {"here": {**HERE, "diagnose_docker_host": address, "gateways": names}})
    ended = ansible_playbook(
        "diagnose", "-i", inventory, "-e", "diagnose_depth=account", "-e", "diagnose_api_timeout=20"
    )
    rows = {said: ended.gateways[each.user] for said, each in gateways.items()}
    assert {said: (row["status"], row["facts"]["open_orders"]) for said, row in rows.items()} == {
        "takes orders": ("healthy", 1),
        "read-only": ("healthy", None),
        "left as it is": ("healthy", None),
    }
    assert [row["facts"]["positions"] for row in rows.values()] == [0, 0, 0]
    assert "321" not in str(rows), "the question itself was not asked"

# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A rebuild makes a new container at the price that it told, and goes back when that does not get as far as the old one."""

from __future__ import annotations

from tests.integration.rebuild.conftest import Deploy


def test_a_new_container_takes_the_place_of_the_old_one(deploy: Deploy) -> None:
    gateway = deploy()
    before = gateway.id
    run = gateway.rebuild()
    assert run.returncode == 0, run.stdout
    assert gateway.id != before
    assert gateway.aside() is None
    assert gateway.logins() == 2

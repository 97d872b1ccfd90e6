# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The simulated gateways of the simulator's own tests, to act on."""

from __future__ import annotations

from tests.integration.simulated.conftest import broker, simulation, start

__all__ = ["broker", "simulation", "start"]

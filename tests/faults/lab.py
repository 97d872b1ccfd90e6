"""Where the matrix is tried: gateways whose settings are kept on this machine, and recover as an operator runs it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docker.models.containers import Container

from simulator.conditions import PASSWORD, Fleet
from simulator.faults import SETTINGS
from tests.faults.matrix import Row

_GATEWAY_USER = 1000


@dataclass(frozen=True)
class Lab(Fleet):
    """One broker, and gateways that keep their settings under `settings`."""

    settings: Path

    def add_user(self, name: str, row: Row) -> None:
        """The user that the row's gateway logs in as."""
        self.broker.add_user(name, PASSWORD, "U7654321" if row.live else "DU7654321", **row.user)

    def start(self, name: str, *, mode: str = "paper", password: str = PASSWORD, **options: Any) -> Container:
        if "volumes" not in options:
            options = {**options, **self._with_settings(mode, dict(options.get("environment") or {}))}
        return super().start(name, mode=mode, password=password, **options)

    def _with_settings(self, mode: str, environment: dict[str, str]) -> dict[str, Any]:
        """Each half of `both` has a directory of its own, beside the one that is named (gnzsnz run.sh:148)."""
        halves = ("_live", "_paper") if mode == "both" else ("",)
        volumes = {}
        for half in halves:
            directory = Path(f"{self.settings}{half}")
            directory.mkdir(parents=True)
            os.chown(directory, _GATEWAY_USER, _GATEWAY_USER)
            volumes[str(directory)] = {"bind": SETTINGS + half, "mode": "rw"}
        return {"environment": {**environment, "TWS_SETTINGS_PATH": SETTINGS}, "volumes": volumes}

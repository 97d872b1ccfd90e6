# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An image is known by what it holds, whatever its name."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.filter.image_family import FilterModule

image_family = FilterModule().filters()["image_family"]

IBC = {
    "Env": ["TWS_MAJOR_VRSN=10.45.1j", "IBC_INI=/home/ibgateway/ibc/config.ini"],
    "Cmd": ["/home/ibgateway/scripts/run.sh"],
}
IBCONTROLLER = {"Env": ["IBC_APP_DIR=/x", "IBC_PROGRAM=gateway"], "Cmd": ["/home/ibgateway/scripts/run.sh"]}


@pytest.mark.parametrize(
    ("config", "family"),
    [
        (IBC, "gnzsnz-ibc"),
        (IBCONTROLLER, "gnzsnz-ibcontroller"),  # under the same name and tag as the one before
        (
            {**IBC, "Env": [*IBC["Env"], "MINE=1"], "Cmd": ["/mine.sh"], "Labels": {"mine": "1"}},
            "gnzsnz-ibc",
        ),  # built upon
        ({"Env": ["PATH=/bin"], "Cmd": ["/bin/sh"]}, ""),
        ({"Env": None, "Cmd": None, "Entrypoint": None, "Labels": None}, ""),
    ],
)
def test_its_family(config: dict[str, Any], family: str) -> None:
    assert image_family({"RepoTags": ["anything/else:1"], "Config": config}) == family

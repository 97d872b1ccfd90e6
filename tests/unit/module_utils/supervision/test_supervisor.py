# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which command lines act on a container, and what they do to it."""

from __future__ import annotations

import pytest
from ansible_collections.ibgw.ops.plugins.module_utils.supervision.supervisor import Managed, does, of_compose

from tests.unit.module_utils.supervision.managed import gateway


@pytest.mark.parametrize(
    ("command", "done"),
    [
        ("/usr/bin/docker start ib-gateway", {"start"}),
        ("/usr/bin/docker start -a ib-gateway", {"start", "kill"}),
        ("docker stop -t 90 ib-gateway", {"stop"}),
        ("docker container restart ib-gateway", {"restart"}),
        ("docker restart c0ffeec0ffee", {"restart"}),
        ("podman kill ib-gateway", {"kill"}),
        ("docker run --rm --name ib-gateway image", {"create", "start", "kill"}),
        ("docker run -d --name=ib-gateway image", {"create", "start"}),
        ("docker run --name other image ib-gateway", set()),
        ("docker start ib-gateway-paper", set()),
        ("docker exec ib-gateway ls", set()),
        ("docker logs ib-gateway", set()),
        ("/bin/sh -c 'cd /srv; docker stop other && docker start ib-gateway'", {"start"}),
        ("/bin/sh -c 'docker stop other; echo ib-gateway'", set()),
        ("/opt/start ib-gateway", set()),
        ("docker compose -p trading up -d", {"create", "start", "stop"}),
        ("docker compose -f /srv/trading/compose.yml restart gateway", {"restart"}),
        ("docker-compose -f /srv/other/compose.yml down", set()),
        ("docker compose --project-directory /srv/trading restart database", set()),
        ("docker compose -p trading stop -t 90", {"stop"}),
        ("docker compose -p trading ps", set()),
        ("docker compose up", set()),
        ("docker stop 'ib-gateway", {"stop"}),
    ],
)
def test_a_command_line_does_what_it_says_to_the_container_that_it_names(command: str, done: set[str]) -> None:
    assert does(command, gateway()) == done


@pytest.mark.parametrize(
    ("directory", "environment", "done"),
    [
        ("/srv/trading", {}, {"stop"}),
        ("/srv/other", {}, set()),
        ("/srv/trading", {"COMPOSE_FILE": "override.yml"}, {"stop"}),
        ("/srv/trading", {"COMPOSE_PROJECT_NAME": "other"}, set()),
    ],
)
def test_compose_is_about_the_project_of_its_directory_unless_told_otherwise(
    directory: str, environment: dict[str, str], done: set[str]
) -> None:
    assert does("docker compose down", gateway(), directory, environment) == done
    assert does("docker compose down", gateway({}), directory, environment) == set()


def test_a_compose_project_is_told_with_its_service_and_its_files() -> None:
    (project,) = of_compose(gateway())
    assert str(project) == "docker compose, project trading, service gateway"
    assert project.told()["where"] == "/srv/trading/compose.yml, /srv/trading/override.yml"
    assert of_compose(gateway({})) == []


def test_no_secret_of_the_container_is_told_with_it() -> None:
    (project,) = of_compose(
        Managed("gw", "1", {"com.docker.compose.project": "Hunter2Secret", "com.docker.compose.service": "gw"})
    )
    assert project.told(["Hunter2Secret"])["name"] == "project ***, service gw"

"""The files that the documentation offers to begin with are taken by the programs they are for."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.peers.haproxy import PROGRAM
from tests.peers.process import run

DEPLOY = Path(__file__).parents[3] / "docs" / "operations" / "deploy"


def test_given_the_balancers_configuration_then_haproxy_takes_it() -> None:
    done = run([PROGRAM, "-c", "-f", DEPLOY / "haproxy.cfg"])
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("service", ["database", "images", "node1", "node2", "node3", "balancer"])
def test_given_the_compose_file_then_it_names_every_part(service: str) -> None:
    described = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    assert described["services"][service]

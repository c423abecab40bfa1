"""docker-compose.yml against the code: the same processes as ./mm up, and no variable nobody explains."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from ruamel.yaml import YAML

from mmplatform.desk import ROOT
from mmplatform.serve import commands

TEXT = (ROOT / "docker-compose.yml").read_text()
SERVICES = YAML(typ="safe").load(TEXT)["services"]


def test_every_process_of_the_platform_has_a_service():
    served = {
        service["command"][3] for service in SERVICES.values() if "mmplatform.serve" in service.get("command", [])
    }
    assert served == set(commands(engine_seats=1))


@pytest.mark.parametrize("name", sorted(commands(engine_seats=1)))
def test_every_command_is_understood(name):
    service = next(service for service in SERVICES.values() if name in service.get("command", []))
    help_text = subprocess.run(
        [sys.executable, *service["command"][1:], "--help"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert help_text.returncode == 0, help_text.stderr


def test_it_names_its_servers_and_waits_for_them():
    assert {"postgres", "valkey"} <= set(SERVICES)
    for name, service in SERVICES.items():
        for other in service.get("depends_on", {}):
            assert other in SERVICES, f"{name} waits for {other}, which does not exist"


def test_engines_are_given_time_to_cancel_their_quotes():
    assert SERVICES["worker-engine"]["stop_grace_period"] == "30s"


def test_every_variable_is_in_the_example():
    asked = set(re.findall(r"(?<!\$)\$\{(\w+)", TEXT))
    explained = set(re.findall(r"^(\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert asked == explained

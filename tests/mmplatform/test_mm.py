"""The launcher itself: what it says on the wrong Python, and when it installs again."""

from __future__ import annotations

import ast
import importlib.util
import shutil
import subprocess
import sys
from importlib.machinery import SourceFileLoader

import pytest

from mmplatform.desk import ROOT

MM = ROOT / "mm"


@pytest.fixture
def mm(tmp_path):
    """The launcher as a module, in a checkout of its own with an environment that is installed."""
    loader = SourceFileLoader("mm_launcher", str(MM))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("mm_launcher", loader))
    loader.exec_module(module)
    for name in ("pyproject.toml", "requirements.lock", "requirements-dev.lock"):
        (tmp_path / name).write_text(f"contents of {name}")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").write_text("")
    module.ROOT = str(tmp_path)
    module.STAMP = str(tmp_path / ".venv" / "installed.json")
    module.PYTHON = str(tmp_path / ".venv" / "bin" / "python")
    module.write_stamp(module.DEVELOP)
    return module


def run(*arguments):
    return subprocess.run([sys.executable, MM, *arguments], capture_output=True, text=True, check=False)


def test_an_old_python_can_read_as_far_as_the_sentence():
    ast.parse(MM.read_text(), feature_version=(3, 6))


def test_a_python_too_old_is_told_which_one_is_needed(mm, monkeypatch, capsys):
    monkeypatch.setattr(mm.sys, "version_info", (3, 9, 1))
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SystemExit, match="1"):
        mm.use_a_new_enough_python()
    assert "Python 3.11 or newer is needed and this is 3.9" in capsys.readouterr().err


def test_every_command_is_there(mm):
    shown = run("--help")
    assert shown.returncode == 0
    for name, (module, _, _) in mm.COMMANDS.items():
        assert f"  {name}" in shown.stdout
        assert importlib.util.find_spec(module), f"./mm {name} has no module {module}"


def test_an_unknown_command_is_refused_with_those_there_are():
    refused = run("upp")
    assert refused.returncode == 2
    assert "there is no command `upp`" in refused.stderr
    assert "  up " in refused.stderr


def test_what_a_developer_installed_is_enough_to_run(mm):
    assert mm.is_installed(mm.DEVELOP)
    assert mm.is_installed(mm.RUN)


@pytest.mark.parametrize("name", ["pyproject.toml", "requirements.lock"])
def test_a_changed_pin_is_installed_again(mm, tmp_path, name):
    (tmp_path / name).write_text("other contents")
    assert not mm.is_installed(mm.RUN)


def test_running_does_not_wait_for_a_developers_tools(mm):
    mm.write_stamp(mm.RUN)
    assert mm.is_installed(mm.RUN)
    assert not mm.is_installed(mm.DEVELOP)


def test_an_environment_that_was_moved_is_made_again(mm, tmp_path):
    mm.ROOT = str(tmp_path.rename(tmp_path.with_name("elsewhere")))
    mm.STAMP = f"{mm.ROOT}/.venv/installed.json"
    mm.PYTHON = f"{mm.ROOT}/.venv/bin/python"
    assert not mm.is_installed(mm.RUN)


def test_too_little_disk_space_is_said_before_anything_is_made(mm, tmp_path, monkeypatch, capsys):
    (tmp_path / "mm").write_text("")
    (tmp_path / ".venv" / "installed.json").unlink()
    usage = shutil.disk_usage(tmp_path)._replace(free=50_000_000)
    monkeypatch.setattr(mm.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(SystemExit):
        mm.install(mm.RUN)
    assert f"600 MB of disk are needed for the packages and {tmp_path} has 50 MB left" in capsys.readouterr().err

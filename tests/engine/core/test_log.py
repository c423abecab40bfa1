"""Logs that keep decimals exact, say who and where, and never tell secrets. E13."""

from __future__ import annotations

import io
import json
import logging
from decimal import Decimal
from typing import Any

import pytest
import structlog

from engine.core.component import Identity
from engine.core.log import bind_identity, configure
from engine.market.types import Level


@pytest.fixture
def out() -> io.StringIO:
    stream = io.StringIO()
    configure(json=True, stream=stream)
    return stream


def line(out: io.StringIO) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(out.getvalue().splitlines()[-1])
    return found


def test_decimals_keep_every_digit_at_any_depth(out: io.StringIO) -> None:
    structlog.get_logger().info(
        "quoted", price=Decimal("0.10"), levels=[{"size": Decimal("1E-18")}], top=Level(Decimal("1.50"), Decimal(2))
    )
    assert line(out)["price"] == "0.10"
    assert line(out)["levels"] == [{"size": "1E-18"}]
    assert line(out)["top"] == {"price": "1.50", "size_base": "2"}


def test_a_line_is_not_lost_for_half_a_character(out: io.StringIO) -> None:
    structlog.get_logger().info("refused", reason="cut here: \ud83d", price=Decimal("0.10"))
    assert line(out)["reason"] == "cut here: \ufffd"
    assert line(out)["price"] == "0.10"


def test_every_line_says_who_and_where(out: io.StringIO) -> None:
    identity = Identity(deployment_id=12, client="acme", venue="paper", symbol="AURORA/USDT")
    bind_identity(identity, trace_id="abc")
    structlog.get_logger().warning("late")
    found = line(out)
    assert {key: found[key] for key in ("deployment", "client", "venue", "symbol", "trace_id", "level", "event")} == {
        "deployment": 12,
        "client": "acme",
        "venue": "paper",
        "symbol": "AURORA/USDT",
        "trace_id": "abc",
        "level": "warning",
        "event": "late",
    }
    assert found["timestamp"].endswith("Z")


@pytest.mark.parametrize(
    "key", ["api_key", "apikey", "secret", "api_secret", "password", "private_key", "Authorization"]
)
def test_a_value_named_like_a_secret_is_never_written(out: io.StringIO, key: str) -> None:
    structlog.get_logger().info("signing in", **{key: "hunter2", "options": {key: "hunter2"}})
    assert "hunter2" not in out.getvalue()
    assert line(out)[key] == "***"


def test_a_password_inside_an_address_is_never_written(out: io.StringIO) -> None:
    structlog.get_logger().info("connecting", url="redis://user:hunter2@broker:6379/0", urls=["amqp://:hunter2@x"])
    logging.getLogger("library").error("cannot reach postgres://desk:hunter2@db/mm")
    assert "hunter2" not in out.getvalue()
    assert line(out)["event"] == "cannot reach postgres://desk:***@db/mm"


def test_the_fencing_token_is_no_secret(out: io.StringIO) -> None:
    structlog.get_logger().info("lease", token=41)
    assert line(out)["token"] == 41


def test_lines_of_libraries_take_the_same_way_out(out: io.StringIO) -> None:
    bind_identity(Identity(client="acme"))
    logging.getLogger("library").warning("slow: %s", "x")
    assert line(out)["event"] == "slow: x"
    assert line(out)["client"] == "acme"


@pytest.mark.parametrize("as_json", [True, False])
def test_an_error_comes_with_its_traceback_but_without_local_variables(as_json: bool, out: io.StringIO) -> None:
    stream = io.StringIO()
    configure(json=as_json, stream=stream)

    def fail() -> None:
        key = "".join(["hun", "ter2"])
        raise RuntimeError(f"no luck with {len(key)} characters at redis://:{key}@broker")

    try:
        fail()
    except RuntimeError as error:
        structlog.get_logger().error("failed", exc_info=error)
    assert "no luck with 7 characters" in stream.getvalue()
    assert "test_log.py" in stream.getvalue()
    assert "hunter2" not in stream.getvalue()

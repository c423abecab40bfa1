"""What the record takes of the events, without a database."""

from __future__ import annotations

from decimal import Decimal

from engine.market.summaries import Ticker
from engine.metrics.events import ListenerChanged, TickerHeard
from mmplatform.host.batch import Owner
from mmplatform.host.journal import Journal


def test_what_a_listener_heard_is_no_row_of_the_record() -> None:
    owner = Owner(deployment_id=1, client_id=1, token=1, base="AURORA", quote="USDT")
    urged: list[bool] = []
    journal = Journal(owner, urge=lambda: urged.append(True))
    journal.emit(TickerHeard(ts_ns=1, listener="ear", ticker=Ticker(ts_ns=1, symbol="AURORA/USDT", last=Decimal(1))))
    journal.emit(ListenerChanged(ts_ns=1, listener="ear", problem="the venue is away"))
    assert journal.is_clean
    assert urged == []

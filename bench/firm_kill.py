"""A firm-wide kill without any engine: 50 live accounts at five venues, 10 orders each, until the last is proven."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import psutil

from bench import Figure, percentile
from bench._stage import join_as_django
from engine.venues.ccxt.tuned.base import tuning_of
from engine.venues.credentials import Credentials
from mmplatform.embedded import Postgres, Valkey
from tests.venues.every import AURORA, VENUES, opened
from tests.venues.loopback import Loopback
from tests.venues.records import Side
from tests.venues.wire import Keys, Venue

if TYPE_CHECKING:
    from strategies.models import Clearing

KINDS = ("binance", "bitget", "bybit", "gate", "okx")
ACCOUNTS = 50
ORDERS = 10
PATIENCE_S = 60.0


def run() -> list[Figure]:
    with _servers() as environment, _venues() as venues:
        accounts = _furnish(venues)
        for venue, keys, deployment in accounts:
            _rest_orders(venue, keys, deployment)
        with _kill_path(environment) as worker:
            began, spent = time.perf_counter(), _processor_s(worker)
            cleared = _kill_and_wait()
            took_ms, spent = (time.perf_counter() - began) * 1000, _processor_s(worker) - spent
    proven = [each for each in cleared if each.state == "clean" and each.witness == "venue"]
    each_ms = [each.took_ms for each in proven if each.took_ms is not None]
    left = sum(len(venue.books.resting(keys.account)) for venue, keys, _ in accounts)
    return [
        Figure(name="from the kill to the last account's proof", value=took_ms, unit="ms", at_most=30_000),
        Figure(name="processor the worker took for all of it", value=spent, unit="s"),
        Figure(name="an account, from the kill to its proof, p50", value=percentile(each_ms, 0.50), unit="ms"),
        Figure(name="accounts proven clean by their venues", value=len(proven), unit="of 50", at_least=ACCOUNTS),
        Figure(
            name="orders found and cancelled", value=sum(each.orders_found for each in proven), unit="of 500",
            at_least=ACCOUNTS * ORDERS,
        ),
        Figure(name="orders the venues' own books still hold", value=left, unit="", at_most=0),
    ]  # fmt: skip


@contextlib.contextmanager
def _servers() -> Iterator[dict[str, str]]:
    """A database, a broker and a vault of their own; no engine, no web, no beat. Joined as a Django process."""
    home = Path(tempfile.mkdtemp(prefix="mm-bench-"))
    home.chmod(0o711)  # PostgreSQL may run as another user
    postgres, valkey = Postgres(home / "postgresql", durable=False), Valkey(home / "valkey", durable=False)
    try:
        postgres.prepare()
        with (home / "servers.log").open("wb") as log:
            postgres.start(output=log.fileno())
            valkey.start(output=log.fileno())
        from exchanges.vault import KEY_FILE, PUBLIC_KEY_FILE, PrivateKey, keep

        keep(home / "vault.key", [PrivateKey.new()], home / "vault.pub")
        added = {
            "DATABASE_URL": postgres.url, "REDIS_URL": valkey.url, "MM_VAR": str(home), "MM_SECRET_KEY": "bench",
            "PYTHONPYCACHEPREFIX": str(home / "bytecode"), "DJANGO_SETTINGS_MODULE": "mmplatform.settings",
            KEY_FILE: str(home / "vault.key"),
            PUBLIC_KEY_FILE: str(home / "vault.pub"),
        }  # fmt: skip
        os.environ.update(added)
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        subprocess.run([sys.executable, "-m", "django", "migrate", "-v0"], check=True)
        join_as_django()
        yield {**os.environ}
    finally:
        valkey.stop()
        postgres.stop()
        shutil.rmtree(home, ignore_errors=True)


@contextlib.contextmanager
def _venues() -> Iterator[list[Venue]]:
    """Venues of five kinds behind one port, each with books of its own, served by a thread."""
    venues = [opened(VENUES[kind]) for kind in KINDS]
    server, loop = Loopback(), asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(server.open(), loop).result(10)
    for venue in venues:
        server.mount(venue)
    try:
        yield venues
    finally:
        asyncio.run_coroutine_threadsafe(server.close(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


def _furnish(venues: list[Venue]) -> list[tuple[Venue, Keys, int]]:
    """Live accounts, each with a sealed key and a deployment: where, opened by what, and the deployment's key."""
    from clients.choices import DeskRole
    from clients.models import Client, Mandate, User
    from exchanges.choices import VenueKind
    from exchanges.models import ExchangeAccount, Market
    from exchanges.models import Venue as VenueRecord
    from exchanges.services import credentials_seal
    from strategies.models import Deployment, Revision, Strategy

    actor = User.objects.create(username="bench", desk_role=DeskRole.ADMIN)
    client = Client.objects.create(slug="bench", name="Bench")
    mandate = Mandate.objects.create(client=client, slug="bench", name="Bench", base=AURORA.base, quote=AURORA.quote)
    strategy = Strategy.objects.create(client=client, mandate=mandate, name="two-sided")
    revision = Revision.objects.create(
        client=client, strategy=strategy, number=1, yaml="bench", sha256="0" * 64, author=actor
    )
    made = []
    for venue in venues:
        record = VenueRecord.objects.create(
            slug=venue.id, name=venue.id, kind=VenueKind.CENTRALISED,
            component=f"exchanges.ccxt.{venue.id}", endpoint_override=venue.address,
        )  # fmt: skip
        market = Market.objects.create(
            venue=record, symbol=AURORA.symbol, base=AURORA.base, quote=AURORA.quote,
            tick_size=AURORA.tick, lot_size=AURORA.lot,
        )  # fmt: skip
        for number in range(ACCOUNTS // len(venues)):
            keys = msgspec.structs.replace(venue.keys, account=f"a{number}", api_key=f"{venue.keys.api_key}{number}")
            venue.by_key[keys.api_key] = keys
            venue.books.deposit(keys.account, **{AURORA.base: "10", AURORA.quote: "100000"})
            account = ExchangeAccount.objects.create(client=client, venue=record, name=keys.account, is_paper=False)
            given = Credentials(api_key=keys.api_key, secret=keys.secret, passphrase=keys.passphrase)
            credentials_seal(account=account, credentials=given, actor=actor)
            deployment = Deployment.objects.create(
                client=client, mandate=mandate, revision=revision, account=account, market=market,
                name=f"{venue.id} {number}", mode="live",
            )  # fmt: skip
            made.append((venue, keys, deployment.pk))
    return made


def _rest_orders(venue: Venue, keys: Keys, deployment: int) -> None:
    """What an engine that died would have left: orders of ours on both sides, in the venue's own spelling."""
    spelled = tuning_of(venue.id).ids
    for number in range(ORDERS):
        side: Side = "buy" if number % 2 else "sell"
        venue.books.place(
            keys.account, AURORA.symbol, side, price=Decimal(99 - number if number % 2 else 101 + number),
            size=Decimal("0.1"), post_only=True,
            client_id=spelled.encode(f"mm-{deployment:x}-1-{0x19A00000000 + number:x}"),
        )  # fmt: skip


@contextlib.contextmanager
def _kill_path(environment: dict[str, str]) -> Iterator[psutil.Process]:
    """The kill path's worker as `./mm up` starts it, ready when it answers."""
    from mmplatform.celery import app
    from mmplatform.serve import commands
    from strategies.clearing import TASK

    worker = subprocess.Popen(
        commands(engine_seats=1)["killer"], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        give_up_at = time.monotonic() + PATIENCE_S
        while not app.control.ping(timeout=0.2):
            if worker.poll() is not None or time.monotonic() > give_up_at:
                raise RuntimeError("the kill path's worker did not start")
        app.send_task(TASK, queue="kill")  # as the beat does all the time, so that a kill finds everything at hand
        while not _has_ended_one(app.control.inspect(timeout=0.5)):
            if time.monotonic() > give_up_at:
                raise RuntimeError("the kill path's worker did not end its first round")
        yield psutil.Process(worker.pid)
    finally:
        worker.terminate()
        worker.wait(20)


def _processor_s(worker: psutil.Process) -> float:
    times = [each.cpu_times() for each in (worker, *worker.children(recursive=True))]
    return sum(each.user + each.system for each in times)


def _has_ended_one(inspect: Any) -> bool:
    done = [sum(each["total"].values()) for each in (inspect.stats() or {}).values()]
    return any(done) and not any((inspect.active() or {"": ["not known"]}).values())


def _kill_and_wait() -> list[Clearing]:
    from clients.models import User
    from strategies.models import Clearing
    from strategies.services import firm_halt

    firm_halt(actor=User.objects.get(), reason="bench")
    give_up_at = time.monotonic() + PATIENCE_S
    while Clearing.objects.filter(ended_at=None).exists() and time.monotonic() < give_up_at:
        time.sleep(0.01)
    return list(Clearing.objects.all())

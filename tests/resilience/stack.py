"""A whole desk of real processes on throw-away servers, and the questions the tests ask of its record."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import redis

from engine.execution.ids import parse
from mmplatform.embedded import Postgres, Server, Valkey
from mmplatform.host.lease import Timing
from mmplatform.up import commands

ROOT = Path(__file__).resolve().parents[2]
SLOTS = 2


class Stack:
    """PostgreSQL, Valkey, beat, supervisor and one engine worker with two engine slots and a rehearsal slot."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.postgres = Postgres(home / "postgresql")  # durable: what it confirmed must survive its kill -9
        self.valkey = Valkey(home / "valkey")
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.deployments: dict[str, int] = {}
        self.fills_seen: dict[int, set[str]] = defaultdict(set)
        """Fill ids by deployment as they were published: what a person saw on screen."""
        self._closing = False

    def open(self) -> None:
        self.postgres.prepare()
        self.serve(self.postgres)
        self.serve(self.valkey)
        self.environment = dict(os.environ) | {
            "DATABASE_URL": self.postgres.url,
            "REDIS_URL": self.valkey.url,
            "MM_SECRET_KEY": "for tests only",
            "MM_VAR": str(self.home),
            "MM_ENGINE_SLOTS": str(SLOTS),
            "MM_REHEARSAL_SLOTS": "1",
            "DJANGO_SETTINGS_MODULE": "mmplatform.settings",
            "PYTHONWARNINGS": "default",
        }
        self.run("-m", "django", "migrate", "-v0")
        self.deployments = json.loads(self.run("-m", "tests.resilience.furnish", "make"))
        threading.Thread(target=self._watch_fills, daemon=True).start()
        for name in ("beat", "supervisor", "engine"):
            self.start(name)

    def close(self) -> None:
        self._closing = True
        for process in self.processes.values():
            process.send_signal(signal.SIGTERM)
        for process in self.processes.values():
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                self._kill_group(process)
        self.valkey.stop()
        self.postgres.stop()

    # Processes

    def serve(self, server: Server) -> None:
        """Start a server, for the second time on the port it had."""
        with (self.home / f"{server.name.lower()}.log").open("ab") as output:
            server.start(port=server.port, output=output.fileno())

    def start(self, name: str) -> None:
        log = (self.home / f"{name}.log").open("ab")
        self.processes[name] = subprocess.Popen(
            commands(port=0, engine_seats=SLOTS + 1)[name],
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        log.close()

    def run(self, *arguments: str) -> str:
        """Run Python with the stack's environment to its end; what it printed."""
        done = subprocess.run(
            [sys.executable, *arguments], cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def command(self, verb: str, *names: str) -> None:
        self.run("-m", "tests.resilience.furnish", verb, *(str(self.deployments[name]) for name in names))

    def kill_worker(self) -> None:
        """kill -9 of the engine worker and all its children at once."""
        self._kill_group(self.processes["engine"])

    @staticmethod
    def _kill_group(process: subprocess.Popen[bytes]) -> None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def host_of(self, name: str) -> int:
        """The process that holds a deployment."""
        owner = self.one(
            "select s.owner from strategies_hostslot s join strategies_deployment d on d.slot_id = s.id"
            " where d.id = %s",
            self.deployments[name],
        )
        return int(owner.split(":")[1])

    def mates_of(self, name: str) -> list[str]:
        """The deployments on the same host, this one included."""
        ids = self.column(
            "select d.id from strategies_deployment d where d.slot_id = "
            "(select slot_id from strategies_deployment where id = %s)",
            self.deployments[name],
        )
        return [mate for mate, pk in self.deployments.items() if pk in ids]

    def log(self, name: str) -> str:
        return (self.home / f"{name}.log").read_text()

    # Questions

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.postgres.url, autocommit=True, connect_timeout=3) as connection:
            return connection.execute(query, values).fetchall()

    def column(self, query: str, *values: Any) -> list[Any]:
        return [row[0] for row in self.rows(query, *values)]

    def one(self, query: str, *values: Any) -> Any:
        return self.rows(query, *values)[0][0]

    def tile(self, name: str) -> dict[str, Any]:
        """What the desk page shows of a deployment now."""
        with redis.Redis.from_url(self.valkey.url, socket_timeout=2) as broker:
            text = broker.get(f"live:last:tile:{self.deployments[name]}")
        return json.loads(text) if text else {}

    def state(self, name: str) -> tuple[str, str, str, int]:
        """Wanted, observed, reason, token."""
        return self.rows(
            "select wanted, observed, observed_reason, token from strategies_deployment where id = %s",
            self.deployments[name],
        )[0]

    def token(self, name: str) -> int:
        return self.state(name)[3]

    def quotes(self, name: str) -> bool:
        """Whether the present holder has orders resting."""
        return bool(
            self.one(
                "select count(*) from monitoring_order o join strategies_deployment d on d.id = o.deployment_id "
                "where d.id = %s and o.token = d.token and o.status in ('open', 'partially_filled') "
                "and d.observed = 'active'",
                self.deployments[name],
            )
        )

    def until(self, condition: Callable[[], Any], *, within_s: float, what: str) -> float:
        """Wait for something another process decides; the seconds it took."""
        began = time.monotonic()
        while time.monotonic() - began < within_s:
            try:
                if condition():
                    return time.monotonic() - began
            except (psycopg.OperationalError, redis.RedisError):
                pass
            time.sleep(0.05)
        tails = "\n".join(f"--- {name}\n{self.log(name)[-3000:]}" for name in self.processes)
        states = {name: self.state(name) for name in self.deployments}
        raise AssertionError(f"{what} did not happen within {within_s:g} s; {states}\n{tails}")

    def until_quoting(self, *names: str, within_s: float = 30.0) -> float:
        return self.until(
            lambda: all(self.quotes(name) for name in names), within_s=within_s, what=f"quoting of {', '.join(names)}"
        )

    def until_settled(self) -> dict[str, int]:
        """Wait until nothing changes hands any more, as after a loss, when hosts share out anew; tokens by name."""
        seen: list[tuple[float, dict[str, int]]] = []

        def still() -> bool:
            tokens = {name: self.token(name) for name in self.deployments}
            if not seen or seen[-1][1] != tokens:
                seen.append((time.monotonic(), tokens))
            # A slot that came late counts, and is given its share, after it has renewed for twice the settling time.
            return time.monotonic() - seen[-1][0] > 3 * Timing().settle_s

        self.until(still, within_s=90, what="an end of the sharing out")
        return seen[-1][1]

    # Invariants

    def check_record(self) -> None:
        """Never two holders, nothing lost, nothing doubled: for every deployment, over everything it ever did."""
        for name, pk in self.deployments.items():
            self._check_orders(name, pk)
            self._check_fills(name, pk)

    def _check_orders(self, name: str, pk: int) -> None:
        present = self.token(name)
        holders = self.rows(
            "select token, min(created_at), max(created_at), max(updated_at), "
            "count(*) filter (where status not in ('filled', 'cancelled', 'rejected')) "
            "from monitoring_order where deployment_id = %s group by token order by token",
            pk,
        )
        for (old, _, last_created, last_changed, open_orders), (new, first_created, *_) in itertools.pairwise(holders):
            assert last_created < first_created, f"{name}: holders {old} and {new} quoted at once"
            assert last_changed <= first_created, f"{name}: orders of {old} were still changing when {new} quoted"
            assert not open_orders, f"{name}: {open_orders} orders of {old} were left resting"
        for token, _, _, _, open_orders in holders:
            assert token == present or not open_orders, f"{name}: orders of {token} rest, but {present} holds it"

    def _check_fills(self, name: str, pk: int) -> None:
        fills = self.rows(
            "select fills_total, fill_id, client_order_id, side, size_base, price, fee, position_base, "
            "volume_total_quote from monitoring_fill where deployment_id = %s order by fills_total",
            pk,
        )
        position = volume = Decimal(0)
        last_token = 0
        for number, (total, fill_id, order_id, side, size, price, _, after, volume_after) in enumerate(fills, start=1):
            assert total == number, f"{name}: fill {number} is missing or doubled ({fill_id} is numbered {total})"
            position += size if side == "buy" else -size
            volume += size * price
            assert position == after, f"{name}: the position after {fill_id} is not the sum of its fills"
            assert volume == volume_after, f"{name}: the volume after {fill_id} is not the sum of its fills"
            token = parse(order_id).token
            assert token >= last_token, f"{name}: a fill of holder {token} came after one of {last_token}"
            last_token = token
        # In one statement, since quoting goes on: a fill between two of them would look like a difference.
        differing = self.column(
            "select client_order_id from"
            " (select client_order_id, filled_base from monitoring_order"
            " where deployment_id = %s and filled_base > 0) o"
            " full join (select client_order_id, sum(size_base) as summed from monitoring_fill"
            " where deployment_id = %s group by client_order_id) f using (client_order_id)"
            " where filled_base is distinct from summed",
            pk,
            pk,
        )
        assert not differing, f"{name}: orders and fills disagree about what was filled: {differing}"

    def fills_lost(self, name: str) -> set[str]:
        """Fills that were shown to people and are not in the record."""
        pk = self.deployments[name]
        return self.fills_seen[pk] - set(
            self.column("select fill_id from monitoring_fill where deployment_id = %s", pk)
        )

    def _watch_fills(self) -> None:
        while not self._closing:
            try:
                with redis.Redis.from_url(self.valkey.url, socket_timeout=5) as broker:
                    pubsub = broker.pubsub(ignore_subscribe_messages=True)
                    pubsub.psubscribe("live:dep:*")
                    while not self._closing:
                        message = pubsub.get_message(timeout=1)
                        if message is None:
                            continue
                        frame = json.loads(message["data"])
                        if frame["type"] == "fill":
                            self.fills_seen[frame["dep"]].add(frame["data"]["fill"]["fill_id"])
            except (redis.RedisError, OSError):
                time.sleep(0.2)

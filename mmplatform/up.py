"""`./mm up`: the whole desk in one terminal.

PostgreSQL and Valkey (embedded, unless DATABASE_URL and REDIS_URL name others), migrations, static files, the demo
desk, then web, beat and the four workers. What dies is started again; Ctrl-C stops everything, engines first so that
no quote outlives them.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from exchanges.vault import KEY_FILE, PUBLIC_KEY_FILE, VaultError
from mmplatform.desk import ROOT, Address, Desk, DeskError, var_directory
from mmplatform.embedded import EmbeddedError, Postgres, Server, Valkey, free_port, port_is_free
from mmplatform.processes import Child, Household, Log, Stopped, command_of
from mmplatform.serve import commands
from mmplatform.vaultkey import environment_of, furnish

DEFAULT_PORT = 8000
STOP_ORDER = (("engine", "beat", "supervisor", "worker"), ("web", "killer"), ("valkey", "postgres"))
"""Hosts cancel their quotes while the pages still show it and the database still records it."""
START_PATIENCE_S = 30.0
CELERY_ROUTINE = re.compile(
    "Connected to redis|^celery beat v|^worker: Warm shutdown"
    # Root is what a container or a rented machine often gives; PostgreSQL alone is handed to another user.
    "|SecurityWarning|absolutely not recommended|specify a different user|^User information:|_warn_or_raise_security"
)
ROUTINE = {
    "postgres": re.compile(r"^LOG:|^\s|^FATAL:  the database system is starting up"),
    "valkey": re.compile(r"Reading config|Memory overcommit|signal-handler|ready to exit"),
    **dict.fromkeys(("engine", "supervisor", "killer", "worker", "beat"), CELERY_ROUTINE),
}
"""What they say on every start and stop, hidden unless they die."""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./mm up", description="Start the desk and keep it running until Ctrl-C.")
    parser.add_argument("--port", type=_port, help=f"of the web pages (default: the last one used, or {DEFAULT_PORT})")
    parser.add_argument("--fresh", action="store_true", help="delete this desk's data first and start empty")
    parser.add_argument("--no-demo", action="store_true", help="do not create or start the demo desk")
    parser.add_argument("--no-start", action="store_true", help="create the demo desk, leaving every deployment paused")
    return parser.parse_args()


def _port(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 65_535:
        raise argparse.ArgumentTypeError(f"a port is a number from 1 to 65535, not {text!r}")
    return int(text)


def main() -> int:
    options = arguments()
    log = Log(sys.stdout)
    desk = Desk(var_directory())
    killed_before = desk.was_killed
    try:
        desk.open()
    except DeskError as error:
        print(f"mm: {error}", file=sys.stderr)
        return 1
    if killed_before:
        log.say("desk", "the last run did not stop cleanly; carrying on with its data")
    up = Up(desk, log, options)
    code = 0
    try:
        up.boot()
        up.watch()
    except Stopped as reason:
        log.say("desk", f"{reason}: stopping, engines first")
    except (DeskError, EmbeddedError) as error:
        print(f"mm: {error}", file=sys.stderr)
        code = 1
    finally:
        was_clean = up.stop()
        desk.close()
    return code or (0 if was_clean else 1)


class Up:
    """One run of the desk."""

    def __init__(self, desk: Desk, log: Log, options: argparse.Namespace) -> None:
        self.desk = desk
        self.log = log
        self.options = options
        self.household = Household(log)
        self.started_at = float(os.environ.get("MM_STARTED_AT", time.time()))
        self.environment = dict(os.environ)
        self.address = Address(pid=os.getpid(), url="", ports={})

    def boot(self) -> None:
        self.household.heed_signals()
        remembered = self.desk.read_address()
        ports = remembered.ports if remembered else {}
        web_port = self._web_port(ports.get("web"))
        secrets = self._start_servers(ports)
        self.environment |= {
            "MM_SECRET_KEY": os.environ.get("MM_SECRET_KEY") or secrets["secret_key"],
            "MM_VAR": str(self.desk.var),
            "DJANGO_SETTINGS_MODULE": "mmplatform.settings",
            "PYTHONUNBUFFERED": "1",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        }
        self.environment |= self._vault()
        self.address.url = f"http://localhost:{web_port}"
        self.address.ports |= {"web": web_port}
        names = ("DATABASE_URL", "REDIS_URL", "MM_SECRET_KEY", "MM_VAR", KEY_FILE, PUBLIC_KEY_FILE)
        self.address.environment = {name: self.environment[name] for name in names if name in self.environment}
        prepared = self._prepare()
        self._sign_in = prepared["sign_in"]
        for name, command in commands(port=web_port, engine_seats=prepared["engine_seats"]).items():
            spawn = command_of(command, environment=environment_of(name, self.environment), directory=ROOT)
            # An engine cancels its quotes and proves it before it goes, which takes as long as a venue's answer.
            patience_s = 15 if name == "engine" else 8
            self.household.start(Child(name, spawn, patience_s=patience_s, quiet=ROUTINE.get(name)))
        self.desk.write_address(self.address)

    def watch(self) -> None:
        """Pass on what the processes say, tell when pages and quotes are there, until asked to stop."""
        while not self._page_answers():
            self.household.pump(0.1)
        self.address.ready = True
        self.desk.write_address(self.address)
        lines = [f"The desk is open: {self.address.url}"]
        if self._sign_in:
            lines += ["Sign in, once:    " + self.address.url + self._sign_in]
        self.log.banner([*lines, "Ctrl-C stops everything."])
        if not self.options.no_demo and not self.options.no_start:
            probe = QuotesProbe(self.environment)
            while not probe.sees_quotes():
                self.household.pump(0.2)
            self.log.say("desk", f"first live quotes on screen after {time.time() - self.started_at:.1f} s")
        while True:
            self.household.pump(1.0)

    def stop(self) -> bool:
        """Stop whatever runs, in order. True when everything ended as it should."""
        began = time.monotonic()
        for names in STOP_ORDER:
            self.household.stop(names)
        unclean = self.household.unclean()
        for name, code in unclean.items():
            self.log.say("desk", f"{name} ended with exit code {code}")
        if self.household.children:
            self.log.say("desk", f"stopped in {time.monotonic() - began:.1f} s; the data stay in {self.desk.var}")
        return not unclean

    def _web_port(self, remembered: int | None) -> int:
        """Return a port for the pages. One asked for must be free; otherwise any will do, and the last one is best."""
        asked = self.options.port
        if asked:
            if not port_is_free(asked):
                raise DeskError(
                    f"Port {asked} is in use by another program; choose another, such as ./mm up --port {free_port()}."
                )
            return int(asked)
        wanted = remembered or DEFAULT_PORT
        port = next((port for port in range(wanted, wanted + 50) if port_is_free(port)), None) or free_port()
        if port != wanted:
            self.log.say("desk", f"port {wanted} is in use, so the pages are on {port}")
        return port

    def _start_servers(self, ports: dict[str, int]) -> dict[str, str]:
        """Start what DATABASE_URL and REDIS_URL do not name; return the desk's secrets."""
        embedded = [name for name in ("DATABASE_URL", "REDIS_URL") if not os.environ.get(name)]
        if self.options.fresh:
            if len(embedded) < 2:
                raise DeskError(
                    "--fresh deletes embedded data only, and DATABASE_URL or REDIS_URL names a server of your own; "
                    "empty that one yourself, or unset both."
                )
            self.log.say("desk", f"deleting the data in {self.desk.var}")
            self.desk.forget()
        secrets = self.desk.secrets()
        postgres = Postgres(self.desk.var / "postgresql", password=secrets["postgres"])
        valkey = Valkey(self.desk.var / "valkey", password=secrets["valkey"])
        if self.options.fresh:
            postgres.remove()
            valkey.remove()
        if "DATABASE_URL" in embedded:
            if postgres.prepare():
                self.log.say("postgres", f"made a data directory in {postgres.directory.resolve()}")
            self._serve("postgres", postgres, ports.get("postgres"))
            self.environment["DATABASE_URL"] = postgres.url
        if "REDIS_URL" in embedded:
            self._serve("valkey", valkey, ports.get("valkey"))
            self.environment["REDIS_URL"] = valkey.url
        return secrets

    def _vault(self) -> dict[str, str]:
        """Where the key is that seals exchange credentials: what the environment names, else one of this desk's own."""
        try:
            added, made = furnish(self.desk.var, os.environ)
        except VaultError as error:
            raise DeskError(str(error)) from None
        if made:
            self.log.say("desk", f"made the key of the vault, {made}: keep a copy elsewhere, it opens all credentials")
        return added

    def _serve(
        self, name: str, server: Server, remembered: int | None, *, quiet: re.Pattern[str] | None = None
    ) -> None:
        """Start an embedded server and wait for its answer. After a death it comes back on the same port."""
        port = remembered if remembered and port_is_free(remembered) else free_port()
        child = Child(
            name,
            lambda: server.begin(port=port, output=subprocess.PIPE),
            stop_signal=server.stop_signal,
            quiet=ROUTINE[name],
        )
        self.household.start(child)
        give_up_at = time.monotonic() + START_PATIENCE_S
        while not server.answers():
            if not child.is_alive or time.monotonic() > give_up_at:
                last_words = self.household.last_words(child)
                raise DeskError(
                    f"{server.name} did not start on port {port} (data in {server.directory}):\n{last_words}"
                )
            self.household.pump(0.02)
        self.address.ports[name] = port
        self.log.say(name, f"{server.name} answers on port {port}")

    def _prepare(self) -> dict[str, Any]:
        """Migrate, collect static files, set up the demo desk; return what that found out."""
        result = self.desk.var / "prepared.json"
        options = [] if self.options.no_demo else ["--demo"] if self.options.no_start else ["--demo", "--start"]
        command = [sys.executable, "-m", "mmplatform.prepare", str(result), *options]
        spawn = command_of(command, environment=self.environment, directory=ROOT)
        if self.household.run(Child("desk", spawn)):
            raise DeskError("The desk could not be prepared, for the reason above.")
        try:
            found: dict[str, Any] = json.loads(result.read_text())
        finally:
            result.unlink(missing_ok=True)  # it holds a sign-in link
        return found

    def _page_answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.address.ports["web"], timeout=0.5)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


class QuotesProbe:
    """Looks, as a page would, for a deployment that is ACTIVE and whose tile shows orders in the market."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._database_url = environment["DATABASE_URL"]
        self._redis_url = environment["REDIS_URL"]

    def sees_quotes(self) -> bool:
        import psycopg
        import redis

        try:
            with psycopg.connect(self._database_url, connect_timeout=2) as database:
                active = database.execute("select id from strategies_deployment where observed = 'active'").fetchall()
            if not active:
                return False
            with redis.Redis.from_url(self._redis_url, socket_timeout=2) as broker:
                tiles = broker.mget([f"live:last:tile:{deployment}" for (deployment,) in active])
        except (psycopg.OperationalError, redis.RedisError):
            return False
        return any(json.loads(tile)["open_bids"] for tile in tiles if tile)


if __name__ == "__main__":
    sys.exit(main())

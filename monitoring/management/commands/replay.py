from __future__ import annotations

import json
import sys
import time
from decimal import Decimal
from pathlib import Path
from typing import Any, NoReturn

import msgspec
from django.core.exceptions import PermissionDenied
from django.core.management.base import BaseCommand, CommandParser
from django.urls import reverse

from clients.errors import Refusal
from clients.models import User
from clients.services import one_time_link
from engine.accounting.session import SessionReport as Figures
from engine.accounting.session_text import FINDINGS, render_report
from engine.core.config import load_config
from engine.core.errors import EngineError
from engine.core.plugins import Registry
from engine.core.states import State
from monitoring.demo import desk
from monitoring.demo.rehearsal import rehearsal
from monitoring.models import Recording, ReplayRun, SessionReport
from monitoring.services import recorded_market, recording_register, replay_start, replayable
from strategies.blueprint import MarketFacts, RecordingFacts, blueprint
from strategies.choices import Mode
from strategies.models import Revision, Strategy
from strategies.services import deployment_pause

LOOK_EVERY_S = 0.2
SEAT_PATIENCE_S = 60.0
REPORT_PATIENCE_S = 15.0
"""A host writes the end of a replay and its report together; the report of one that faulted may never come."""

DAMAGED, BAD_INPUT, NOT_PLAYED, STOPPED = 1, 2, 3, 130
DAMAGE = {
    "crossed_books",
    "damaged_lines",
    "missing_prints",
    "missing_snapshot",
    "sequence_gaps",
    "time_backwards",
    "truncated",
}
"""Findings that mean the recording does not hold what the market did. Others were merely left out."""


class Command(BaseCommand):
    help = "Play a recording to a strategy on the running desk, follow it, and print its session report."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--speed", default="1", help="a multiple of real time, or max")
        parser.add_argument("--symbol", default="", help="such as BTC/USDT, when the recording holds several")
        parser.add_argument("--mandate", metavar="SLUG", help="play it to this mandate's newest approved revision")
        parser.add_argument("--strategy", type=Path, metavar="FILE.yaml", help="play it to this file")
        parser.add_argument("--as", dest="actor", metavar="NAME", default=desk.OPERATOR, help="who starts it")
        parser.add_argument("--json", type=Path, metavar="OUT", help="also write the report to this file")
        parser.add_argument("--url", default="", help="where the desk's pages are")
        parser.add_argument("--sign-in", action="store_true", help="print a one-time sign-in link to watch it with")

    def handle(self, *args: Any, **options: Any) -> None:
        began = time.monotonic()
        try:
            run = self._start(**options)
        except (Refusal, EngineError, PermissionDenied) as refusal:
            self._fail(str(refusal), BAD_INPUT)
        try:
            self._follow(run)
        except KeyboardInterrupt:
            self._stop(run)
            self._fail(f"stopped at {run.progress:.0%}; the deployment is paused.", STOPPED)
        report = self._report(run)
        is_damaged = bool(report.recording_problem) or not DAMAGE.isdisjoint(report.findings)
        market = run.deployment.market
        self.stdout.write("\n" + render_report(report, title=str(run.deployment), base=market.base, quote=market.quote))
        if options["json"]:
            self._write(options["json"], run, report, is_damaged=is_damaged, wall_s=time.monotonic() - began)
        if is_damaged:
            found = [FINDINGS.get(kind, kind) for kind in sorted(DAMAGE & report.findings.keys())]
            what = report.recording_problem or f"{', '.join(found)} were found"
            self._fail(f"The recording is damaged: {what.rstrip('.')}.", DAMAGED)

    def _fail(self, sentence: str, code: int) -> NoReturn:
        self.stdout.flush()
        self.stderr.write(f"mm: {sentence}")
        sys.exit(code)

    def _start(self, *, file: Path, speed: str, symbol: str, actor: str, **options: Any) -> ReplayRun:
        recording = self._recording(file, symbol)
        revision, funding = self._revision(recording, **options)
        person = User.objects.filter(username=actor).first()
        if person is None:
            raise Refusal(f"There is nobody called {actor}; name who starts the replay with --as.")
        run = replay_start(
            recording=recording,
            revision=revision,
            funding=funding,
            speed=speed,
            actor=person,
            reason=f"Started with ./mm replay {file.name}",
        )
        length = f"{recording.starts_at:%Y-%m-%d %H:%M:%S} to {recording.ends_at:%Y-%m-%d %H:%M:%S} UTC"
        self.stdout.write(f"Recording  {recording.name}: {recording.symbol}, {length}, {recording.messages:,} messages")
        self.stdout.write(
            f"Strategy   {revision}, {'as fast as it goes' if speed == 'max' else f'at {speed} × real time'}"
        )
        if options["url"]:
            self.stdout.write(f"Watch      {options['url']}{reverse('monitoring:replay', args=[run.pk])}")
        if options["sign_in"]:
            self.stdout.write(f"Sign in    {options['url']}{one_time_link(person)} (once)")
        self.stdout.flush()
        return run

    def _recording(self, file: Path, symbol: str) -> Recording:
        recordings = recording_register(file)
        if symbol:
            recordings = [found for found in recordings if found.symbol == symbol.upper()]
        if len(recordings) != 1:
            held = ", ".join(found.symbol for found in recording_register(file)) or "no market"
            raise Refusal(f"{file} holds {held}; name the one to play with --symbol.")
        return recordings[0]

    def _revision(
        self, recording: Recording, *, mandate: str | None, strategy: Path | None, **_: Any
    ) -> tuple[Revision, dict[str, Decimal] | None]:
        if mandate:
            found: Revision | None = replayable(recording).filter(strategy__mandate__slug=mandate).first()
            if found is None:
                raise Refusal(f"The mandate {mandate} has no approved revision for {recording.symbol}.")
            return found, None
        if strategy:
            return self._revision_of(strategy, recording)
        return rehearsal(recording)

    def _revision_of(self, file: Path, recording: Recording) -> tuple[Revision, dict[str, Decimal]]:
        """The file as a revision of the recorded market's rehearsal mandate."""
        revision, funding = rehearsal(recording)
        text = file.read_text()
        self._check(text, file.name, recording, funding)
        mandate = revision.strategy.mandate
        strategy, _ = Strategy.objects.get_or_create(
            mandate=mandate, name=file.stem[:120], defaults={"client_id": mandate.client_id}
        )
        people = {person.username: person for person in User.objects.filter(username__in=desk.STAFF)}
        return desk.approved(strategy, text, people), funding

    def _check(self, text: str, filename: str, recording: Recording, funding: dict[str, Decimal]) -> None:
        """Refuse a file that cannot run on this recording before anything is recorded of it."""
        registry = Registry.installed()
        load_config(text, filename=filename, registry=registry)
        market = recorded_market(recording)
        blueprint(
            yaml=text,
            mode=Mode.REPLAY,
            market=MarketFacts(
                component=market.venue.component,
                symbol=market.symbol,
                base=market.base,
                quote=market.quote,
                tick_size=market.tick_size,
                lot_size=market.lot_size,
            ),
            registry=registry,
            funding=funding,
            recording=RecordingFacts(path=recording.path),
            filename=filename,
        )

    def _follow(self, run: ReplayRun) -> None:
        """Show how far it is until it is over."""
        begun = time.monotonic()
        shown = -1
        while run.finished_at is None:
            time.sleep(LOOK_EVERY_S)
            run.refresh_from_db(fields=["progress", "finished_at", "problem"])
            deployment = run.deployment
            deployment.refresh_from_db(fields=["observed", "observed_reason", "slot"])
            if deployment.observed == State.FAULTED:
                self._fail(f"The replay failed: {deployment.observed_reason}", NOT_PLAYED)
            if deployment.slot_id is None and run.progress == 0 and time.monotonic() - begun > SEAT_PATIENCE_S:
                self._stop(run)
                self._fail("No host took the replay within a minute; /readyz says what is missing.", NOT_PLAYED)
            shown = self._show(run, deployment.observed_reason, shown)
        if sys.stdout.isatty():
            self.stdout.write("\r\x1b[K", ending="")

    def _show(self, run: ReplayRun, reason: str, shown: int) -> int:
        """A line that moves on a terminal; elsewhere a line each tenth."""
        percent = int(run.progress * 100)
        if sys.stdout.isatty():
            self.stdout.write(f"\r\x1b[K{percent:3} %  {reason[:60]}", ending="")
            self.stdout.flush()
        elif percent // 10 != shown // 10:
            self.stdout.write(f"{percent:3} %")
            self.stdout.flush()
        return percent

    def _stop(self, run: ReplayRun) -> None:
        deployment_pause(deployment=run.deployment, actor=run.started_by, reason="./mm replay was stopped")

    def _report(self, run: ReplayRun) -> Figures:
        give_up_at = time.monotonic() + REPORT_PATIENCE_S
        while (found := SessionReport.objects.filter(deployment=run.deployment).first()) is None:
            if time.monotonic() > give_up_at:
                self._fail(f"The replay left no report: {run.problem or 'no reason given'}", NOT_PLAYED)
            time.sleep(LOOK_EVERY_S)
        return msgspec.convert(found.figures, Figures, strict=False)

    def _write(self, path: Path, run: ReplayRun, report: Figures, *, is_damaged: bool, wall_s: float) -> None:
        recording = run.recording
        content = {
            "recording": {"path": recording.path, "symbol": recording.symbol, "messages": recording.messages},
            "replay": run.pk,
            "deployment": run.deployment_id,
            "speed": run.speed,
            "wall_s": round(wall_s, 3),
            "is_damaged": is_damaged,
            "problem": run.problem,
            "report": msgspec.to_builtins(report),
        }
        path.write_text(json.dumps(content, indent=1) + "\n")

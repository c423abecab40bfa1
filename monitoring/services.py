"""Verbs on recordings and replays: a mandate's approved configuration, unchanged, on recorded market data."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path

from django.db import transaction
from django.db.models import QuerySet
from django.utils.text import slugify

from clients.access import Action, require
from clients.audit import audit
from clients.errors import Refusal
from clients.models import Mandate, User
from engine.core.clock import utc
from engine.core.errors import RecordingDamaged
from engine.venues.recordings import inspect, list_recordings, open_recording, plain
from engine.venues.recordings.messages import Summary
from engine.venues.replay.instrument import steps_of, unified
from exchanges.choices import VenueKind
from exchanges.models import ExchangeAccount, Market, Venue
from monitoring.models import Recording, ReplayRun
from strategies.choices import Mode, RevisionState
from strategies.models import Revision
from strategies.services import deployment_create, deployment_start

FASTEST = "max"


def recordings_scan(folder: Path) -> list[Recording]:
    """Register every recording in a folder and below, one for each market in a file; also what was known before.

    Files of no known format are left out. Raises Refusal when there is no such folder.
    """
    if not folder.is_dir():
        raise Refusal(f"There is no folder {folder}; name one that holds recordings.")
    found = []
    for summary in list_recordings(folder.resolve()):
        found += _register(summary, str(Path(summary.path).relative_to(folder.resolve())))
    return found


def recording_register(path: Path) -> list[Recording]:
    """Register one file, a recording for each market in it. Raises Refusal when it cannot be read at all."""
    try:
        summary = inspect(str(path.resolve()))
    except (RecordingDamaged, OSError) as error:
        raise Refusal(f"{path} is not a recording that can be played: {error}") from None
    return _register(summary, path.name)


@transaction.atomic
def _register(summary: Summary, name: str) -> list[Recording]:
    found = []
    for spelling in summary.symbols:
        try:
            symbol = unified(spelling)
        except RecordingDamaged:
            continue  # a market whose base and quote cannot be told apart has no mandate either
        if plain(symbol) != plain(spelling):
            continue  # a dated future or a swap is not the pair it is named after
        recording, _ = Recording.objects.update_or_create(
            path=summary.path,
            symbol=symbol,
            defaults={
                "name": name[:120],
                "starts_at": utc(summary.first_ns),
                "ends_at": utc(summary.last_ns),
                "messages": summary.messages,
                "size_bytes": summary.size_bytes,
                "problem": summary.problem,
            },
        )
        found.append(recording)
    return found


def replayable(recording: Recording) -> QuerySet[Revision]:
    """The approved revisions whose mandate is about the recorded market, newest first."""
    base, _, quote = recording.symbol.partition("/")
    return (
        Revision.objects.filter(
            state=RevisionState.APPROVED, strategy__mandate__base=base, strategy__mandate__quote=quote
        )
        .select_related("strategy__mandate__client")
        .order_by("-created_at", "-pk")
    )


@transaction.atomic
def replay_start(
    *,
    recording: Recording,
    revision: Revision,
    actor: User,
    speed: str = FASTEST,
    funding: Mapping[str, Decimal] | None = None,
    reason: str = "",
) -> ReplayRun:
    """Play a recording to an approved revision on paper: a deployment of its own, started at once.

    speed: a multiple of real time as text, or "max". funding: opening balances by asset; left out, those of the
    mandate's latest paper deployment.
    """
    require(actor, Action.REPLAY)
    mandate = revision.strategy.mandate
    if recording.symbol != mandate.symbol:
        raise Refusal(f"{recording} holds {recording.symbol}, but {mandate} is about {mandate.symbol}.")
    speed = _speed(speed)
    market = recorded_market(recording)
    account, _ = ExchangeAccount.objects.get_or_create(client_id=mandate.client_id, venue=market.venue, name="Replay")
    deployment = deployment_create(
        mandate=mandate,
        revision=revision,
        account=account,
        market=market,
        mode=Mode.REPLAY,
        funding=_latest_funding(mandate) if funding is None else funding,
        name=f"{mandate.symbol} replay of {recording.name}"[:110],
        actor=actor,
    )
    run = ReplayRun.objects.create(
        client_id=mandate.client_id, deployment=deployment, recording=recording, speed=speed, started_by=actor
    )
    audit("replay.started", run, actor=actor, new={"recording": recording.path, "speed": speed}, reason=reason)
    deployment_start(deployment=deployment, actor=actor, reason=reason or f"Replay of {recording.name}")
    return run


def _speed(speed: str) -> str:
    if speed == FASTEST:
        return speed
    try:
        if Decimal(speed).is_finite() and Decimal(speed) > 0:
            return f"{Decimal(speed).normalize():f}"
    except InvalidOperation:
        pass
    raise Refusal(f'The speed of a replay is a positive multiple of real time or "{FASTEST}", was {speed!r}.')


def _latest_funding(mandate: Mandate) -> dict[str, Decimal]:
    latest = mandate.deployments.filter(mode__in=(Mode.PAPER, Mode.REPLAY)).order_by("-pk").first()
    if latest is None:
        raise Refusal(f"{mandate} has never run on paper, so say what the replay begins with in base and quote.")
    return {funding.asset: funding.amount for funding in latest.funding.all()}


@transaction.atomic
def recorded_market(recording: Recording) -> Market:
    """The recorded market as a record, with tick and lot as the recording shows them. Raises Refusal if it shows none.

    A venue's spot and futures share a symbol but not a tick: what differs gets a venue record of its own.
    """
    try:
        opened = open_recording(recording.path, recording.symbol)
        tick_size, lot_size = steps_of(opened)
    except (RecordingDamaged, OSError) as error:
        raise Refusal(f"{recording} cannot be played: {error}") from None
    source = "Recorded Binance" if opened.parts[0].format.startswith("Binance") else f"Recorded {recording.name}"
    base, _, quote = recording.symbol.partition("/")
    number = 1
    while True:
        venue, _ = Venue.objects.get_or_create(
            name=source if number == 1 else f"{source} ({number})",
            kind=VenueKind.REPLAY,
            defaults={"slug": _free_slug(source, number), "component": "exchanges.replay"},
        )
        market, _ = Market.objects.get_or_create(
            venue=venue,
            symbol=recording.symbol,
            defaults={"base": base, "quote": quote, "tick_size": tick_size, "lot_size": lot_size},
        )
        if (market.tick_size, market.lot_size) == (tick_size, lot_size):
            return market
        number += 1


def _free_slug(name: str, number: int) -> str:
    stem = slugify(name)[:40]
    taken = set(Venue.objects.filter(slug__startswith=stem).values_list("slug", flat=True))
    while (slug := stem if number == 1 else f"{stem}-{number}") in taken:
        number += 1
    return slug

"""A running service goes on with another revision without a restart, where only live parameters differ."""

from __future__ import annotations

from enum import Enum, auto

from engine.core.catalog import value_in_words
from engine.core.change import LiveChange, NeedsRestart
from engine.core.config import ConfigError
from engine.core.container import Container
from engine.core.plugins import Registry
from mmplatform.host.build import bring_in, config_of
from mmplatform.host.journal import Journal
from mmplatform.host.records import Record
from strategies.blueprint import BlueprintError


class Outcome(Enum):
    CHANGED = auto()
    REFUSED = auto()
    """The new configuration would not run; the old one goes on, and the log of events says why."""
    NEEDS_RESTART = auto()


async def change_in_place(
    container: Container, old: Record, new: Record, *, journal: Journal, registry: Registry
) -> Outcome:
    """Between two ticks, all or nothing: orders, tracker, lease and token stay what they are.

    Both records describe the same market, account and mode; what differs is the revision or the share.
    """
    await bring_in(new, registry)
    try:
        changes = await container.change(config_of(new, registry))
    except NeedsRestart as need:
        journal.note(f"{_named(new)} takes a restart: {need}.")
        return Outcome.NEEDS_RESTART
    except (ConfigError, BlueprintError) as error:
        journal.note(f"{_named(new)} would not run, so {_named(old)} goes on: {error}", level="error")
        return Outcome.REFUSED
    said = ", ".join(change.in_words() for change in changes) or "nothing differs in effect"
    journal.note(f"Goes on with {_named(new)}, changed while it runs: {said}.", level="warning")
    adopt(new, journal, changes=changes)
    return Outcome.CHANGED


def adopt(record: Record, journal: Journal, *, changes: tuple[LiveChange, ...] = ()) -> None:
    """Have it recorded what the service runs by, unless the record says so already."""
    if record.runs == (record.revision_id, record.share) and not changes:
        return
    revision_id, share = record.runs
    old = {"revision_id": revision_id, "share": None if share is None else str(share)}
    new = {"revision_id": record.revision_id, "share": str(record.share), "restarted": not changes}
    for change in changes:
        key = f"{change.component}.{change.parameter}"
        old[key], new[key] = value_in_words(change.old), value_in_words(change.new)
    journal.adopt(
        revision_id=record.revision_id, share=record.share, old=old, new=new, reason=f"runs by {_named(record)}"
    )


def _named(record: Record) -> str:
    return record.revision if record.share == 1 else f"{record.revision} at {record.share.normalize():f} of each size"

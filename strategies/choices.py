from django.db.models import TextChoices

from engine.core.states import State


class RevisionState(TextChoices):
    SUBMITTED = "submitted", "Waiting for approval"
    APPROVED = "approved", "Approved"
    REJECTED = "rejected", "Rejected"


class Mode(TextChoices):
    """How far a deployment may go. LIVE takes an account with a key that was checked."""

    SHADOW = "shadow", "Shadow: quotes are computed and published, never sent"
    PAPER = "paper", "Paper: our own matching on the venue's public market"
    REPLAY = "replay", "Replay: paper on a recording"
    LIVE = "live", "Live: orders go to the venue"


class Wanted(TextChoices):
    PAUSED = "paused", "Paused"
    ACTIVE = "active", "Active"
    HALTED = "halted", "Halted"


Observed = TextChoices("Observed", {state.name: (state.value, state.value.capitalize()) for state in State})


class RollOutState(TextChoices):
    RUNNING = "running", "Under way"
    DONE = "done", "Done"
    ROLLED_BACK = "rolled back", "Rolled back"
    ABORTED = "aborted", "Aborted"


class Verdict(TextChoices):
    """What a look at a stage says. Only FINE leads on; too much of MISSING leads back, like WORSE."""

    FINE = "fine", "Fine"
    EARLY = "early", "Too early to tell"
    MISSING = "missing", "Evidence missing"
    WORSE = "worse", "Worse"


class SlotKind(TextChoices):
    """Replays run in slots of their own, so that no rehearsal can disturb quoting."""

    ENGINE = "engine", "Engine"
    REHEARSAL = "rehearsal", "Rehearsal"


class KillScope(TextChoices):
    """What a kill switch covers, the broadest first."""

    FIRM = "firm", "Firm"
    VENUE = "venue", "Venue"
    CLIENT = "client", "Client"
    ACCOUNT = "account", "Account"
    MANDATE = "mandate", "Mandate"
    DEPLOYMENT = "deployment", "Deployment"


class ClearingState(TextChoices):
    """How far the kill path has come with one account."""

    ASKED = "asked", "Waiting for a worker"
    RUNNING = "running", "Clearing"
    CLEAN = "clean", "Proven clean"
    UNPROVEN = "unproven", "Not proven"


CLEARING_OVER = (ClearingState.CLEAN, ClearingState.UNPROVEN)


class Witness(TextChoices):
    """By whose word an account is clean."""

    VENUE = "venue", "The venue lists nothing of ours"
    HOST = "host", "The engine host that held its orders confirmed it"
    RECORD = "record", "By our record nothing of ours can rest there"


class StepKind(TextChoices):
    """What a line of evidence tells."""

    TAKEN = "taken", "Taken up"
    LISTED = "listed", "Listed"
    CANCELLED = "cancelled", "Cancelled"
    HELD_UP = "held_up", "Held up"
    ENDED = "ended", "Ended"


class DrillOutcome(TextChoices):
    """How a kill drill stands."""

    RUNNING = "running", "Under way"
    RESTARTING = "restarting", "Proven clean, being started again"
    PASSED = "passed", "Passed"
    FAILED = "failed", "Failed"
    MISSED = "missed", "Missed"


DRILL_OVER = (DrillOutcome.PASSED, DrillOutcome.FAILED, DrillOutcome.MISSED)

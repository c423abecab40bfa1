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

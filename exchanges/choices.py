from django.db.models import TextChoices


class VenueKind(TextChoices):
    SIMULATED = "simulated", "Simulated market"
    REPLAY = "replay", "Recorded market"
    CENTRALISED = "centralised", "Centralised exchange"
    DECENTRALISED = "decentralised", "Decentralised exchange"


class MarketState(TextChoices):
    TRADING = "trading", "Trading"
    HALTED = "halted", "Halted"
    DELISTED = "delisted", "Delisted"


class KeyVerdict(TextChoices):
    """What a check found of the key an account holds."""

    UNCHECKED = "unchecked", "Not checked yet"
    USABLE = "usable", "May trade"
    REFUSED = "refused", "Refused"


class CheckState(TextChoices):
    ASKED = "asked", "Waiting for a worker"
    RUNNING = "running", "Asking the venue"
    PASSED = "passed", "Passed"
    REFUSED = "refused", "Refused"
    FAILED = "failed", "Could not be finished"


CHECK_OVER = (CheckState.PASSED, CheckState.REFUSED, CheckState.FAILED)

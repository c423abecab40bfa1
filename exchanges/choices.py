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

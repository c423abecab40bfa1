class Refusal(Exception):
    """A service's answer to a request it will not carry out: one sentence for people, with the remedy in it."""

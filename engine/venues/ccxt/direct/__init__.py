"""Books of the busiest venues, decoded by us from the frame: exact, checked for gaps, and faster than ccxt's floats."""

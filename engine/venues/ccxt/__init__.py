"""Centralised venues through ccxt, made exact. The library is imported only when such a venue is really loaded."""

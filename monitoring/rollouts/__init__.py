"""Staged roll-outs: measured from samples, judged against a baseline, led on or back (docs/rollouts.md)."""

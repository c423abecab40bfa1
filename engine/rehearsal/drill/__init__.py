"""Drills: every kill switch, tripped on purpose in a simulated market, to see it stop a whole service.

market     a market that can be moved, frozen, halted or silenced
account    an account at a paper venue that can be made to refuse, to answer late or to lose funds
stage      one service over both, on a clock moved by hand
scenarios  what provokes each switch
run        the drill itself, its control run, and what was seen
"""

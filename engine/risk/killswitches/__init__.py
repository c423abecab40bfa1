"""Kill switches: conditions under which quoting stops until a person resets it (Q8, E11).

    holdings   what we hold and could come to hold: inventory, exposure, balance_floor
    results    what it has cost: loss, drawdown
    market     what the market does: market_halt, price_move, spread
    data       whether what we see of it is true: data_lag, stale_book, clock
    venue      how the venue answers: reject_storm, response_timeout, reconciliation
    trading    how we trade: slippage, order_rate, fill_rate
    people     what a person has said: manual
    several    several as one: any, quorum

A switch judges only what is known. A market that is not ready for a moment is neither a loss nor a position; a market
that stays silent is the business of `killswitches.data_lag`. Each is asked on every tick while ACTIVE, after every fill
and once at a start; what it remembers is bounded, and a start begins every window anew: a person has looked meanwhile.
"""

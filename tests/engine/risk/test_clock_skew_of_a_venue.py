"""A venue that measures its clock feeds the switch on it. Q8."""

from __future__ import annotations

from engine.core.states import State
from engine.testing import FakeVenue
from tests.engine.desk import Desk


class Measured(FakeVenue):
    """A fake venue whose clock runs as told."""

    skew_s: float | None = None

    def clock_skew_s(self) -> float | None:
        return self.skew_s


async def test_a_venue_whose_clock_runs_away_halts_the_desk() -> None:
    desk = await Desk(
        venue=Measured,
        more='tested: {id: killswitches.clock, args: {max_skew_s: !decimal "0.5"}}',
        switches='"@tested", "@manual"',
    ).open()
    await desk.service.start("test")
    for skew_s in (None, 0.4, -0.4):
        desk.venue.skew_s = skew_s  # type: ignore[attr-defined]
        await desk.run(2)
        assert desk.service.machine.state is State.ACTIVE
    desk.venue.skew_s = 0.6  # type: ignore[attr-defined]
    await desk.run(2)
    assert desk.service.machine.state is State.HALTED
    assert "0.600 s ahead of ours" in desk.service.machine.reason
    await desk.close()

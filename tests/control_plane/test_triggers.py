"""Each trigger from its first check to its runs, undisturbed: test_crashes.py disturbs them."""

import pytest

from control_plane.scenarios import Scenario
from control_plane.triggers import TRIGGER_SCENARIOS
from control_plane.world import World


@pytest.mark.parametrize("scenario", TRIGGER_SCENARIOS, ids=lambda scenario: scenario.__name__)
async def test_a_trigger(world: World, scenario: Scenario) -> None:
    space, _ = await world.settled_in()
    await scenario(space)

"""The work queue keeps the rules of client-go's."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrain_operator.runtime.queue import FIRST_RETRY, LAST_RETRY, WorkQueue
from runtime.clock import now, run


def new() -> WorkQueue[str]:
    return WorkQueue(now)


async def take_now(queue: WorkQueue[str]) -> str | None:
    """What can be taken without waiting for a time."""
    try:
        async with asyncio.timeout(0.001):
            return await queue.take()
    except TimeoutError:
        return None


async def taken_after(queue: WorkQueue[str]) -> tuple[str, float]:
    began = now()
    key = await queue.take()
    return key, now() - began


def test_keys_are_taken_in_the_order_they_came() -> None:
    async def work() -> list[str]:
        queue = new()
        for key in "cab":
            queue.add(key)
        return [await queue.take() for _ in range(3)]

    assert run(work()) == ["c", "a", "b"]


def test_a_key_that_waits_is_not_added_again() -> None:
    async def work() -> None:
        queue = new()
        queue.add("a")
        queue.add("a")
        assert queue.depth == 1
        assert await queue.take() == "a"
        assert await take_now(queue) is None

    run(work())


def test_a_key_added_while_it_is_worked_on_is_worked_on_once_more_afterwards() -> None:
    async def work() -> None:
        queue = new()
        queue.add("a")
        assert await queue.take() == "a"
        for _ in range(3):
            queue.add("a")
        assert queue.depth == 0
        assert await take_now(queue) is None
        queue.done("a")
        assert await take_now(queue) == "a"
        queue.done("a")
        assert await take_now(queue) is None

    run(work())


def test_a_key_that_is_done_is_taken_again_only_when_it_is_added() -> None:
    async def work() -> None:
        queue = new()
        queue.add("a")
        await queue.take()
        queue.done("a")
        assert await take_now(queue) is None
        queue.add("a")
        assert await take_now(queue) == "a"

    run(work())


@pytest.mark.parametrize(
    ("delays", "expected"),
    [([5], 5), ([5, 3], 3), ([3, 5], 3), ([0], 0), ([-1], 0), ([5, 0], 0)],
    ids=str,
)
def test_of_several_times_the_soonest_counts(delays: list[float], expected: float) -> None:
    async def work() -> None:
        queue = new()
        for delay in delays:
            queue.add_after("a", delay)
        _, delay = await taken_after(queue)
        assert delay == pytest.approx(expected, abs=0.01)

    run(work())


def test_a_time_that_a_sooner_one_replaced_does_not_come() -> None:
    async def work() -> None:
        queue = new()
        queue.add_after("a", 5)
        queue.add_after("a", 3)
        await queue.take()
        queue.done("a")
        await asyncio.sleep(10)
        assert queue.depth == 0

    run(work())


def test_a_time_that_comes_while_the_key_waits_or_is_worked_on_adds_it_once() -> None:
    async def work() -> None:
        queue = new()
        queue.add_after("a", 1)
        queue.add("a")
        await asyncio.sleep(2)
        assert queue.depth == 1
        queue.add_after("a", 1)
        await queue.take()
        await asyncio.sleep(2)
        assert queue.depth == 0
        queue.done("a")
        assert queue.depth == 1

    run(work())


def test_a_key_that_fails_comes_back_later_each_time_up_to_a_limit() -> None:
    async def work() -> list[float]:
        queue = new()
        delays = []
        for _ in range(14):
            queue.retry("a")
            _, delay = await taken_after(queue)
            delays.append(delay)
            queue.done("a")
        return delays

    delays = run(work())
    for failures, delay in enumerate(delays):
        exact = min(FIRST_RETRY * 2**failures, LAST_RETRY)
        assert 0.75 * exact <= delay <= 1.25 * exact + 0.01


def test_a_key_that_went_well_fails_for_the_first_time_again() -> None:
    async def work() -> None:
        queue = new()
        for _ in range(5):
            queue.retry("a")
            await queue.take()
            queue.done("a")
        queue.forget("a")
        queue.retry("a")
        _, delay = await taken_after(queue)
        assert delay <= 1.25 * FIRST_RETRY

    run(work())


def test_a_key_that_fails_does_not_hold_up_one_that_is_added() -> None:
    async def work() -> None:
        queue = new()
        queue.retry("a")
        queue.add("a")
        assert await take_now(queue) == "a"

    run(work())


def test_a_worker_that_is_cancelled_while_it_waits_takes_no_key_along() -> None:
    async def work() -> None:
        queue = new()
        waiting = asyncio.create_task(queue.take())
        await asyncio.sleep(0)
        waiting.cancel()
        queue.add("a")
        assert await take_now(queue) == "a"
        await asyncio.wait([waiting])
        assert waiting.cancelled()

    run(work())


def test_a_worker_that_is_cancelled_as_a_key_comes_leaves_it_to_the_next() -> None:
    async def work() -> None:
        queue = new()
        first, second = (asyncio.create_task(queue.take()) for _ in range(2))
        await asyncio.sleep(0)
        queue.add("a")
        first.cancel()
        assert await second == "a"
        assert first.cancelled()
        assert queue.busy

    run(work())


def test_depth_age_and_work_are_told() -> None:
    async def work() -> None:
        queue = new()
        assert (queue.depth, queue.oldest, queue.busy) == (0, 0.0, False)
        queue.add("a")
        await asyncio.sleep(2)
        queue.add("b")
        assert (queue.depth, round(queue.oldest), queue.busy) == (2, 2, False)
        await queue.take()
        assert (queue.depth, queue.oldest, queue.busy) == (1, 0.0, True)
        queue.done("a")
        assert not queue.busy

    run(work())


steps = st.lists(
    st.tuples(st.sampled_from(["add", "after", "retry", "pause"]), st.sampled_from("abc")),
    max_size=30,
)


@settings(max_examples=100)
@given(steps, st.integers(1, 4))
def test_no_key_is_at_two_workers_and_none_is_forgotten(
    chosen: list[tuple[str, str]], workers: int
) -> None:
    added: dict[str, int] = dict.fromkeys("abc", 0)
    seen: dict[str, int] = dict.fromkeys("abc", 0)
    at_work: set[str] = set()

    async def worker(queue: WorkQueue[str]) -> None:
        while True:
            key = await queue.take()
            assert key not in at_work
            at_work.add(key)
            seen[key] = added[key]
            await asyncio.sleep(0.5)
            at_work.remove(key)
            queue.done(key)

    def step(queue: WorkQueue[str], what: str, key: str) -> Coroutine[Any, Any, None]:
        if what == "pause":
            return asyncio.sleep(0.3)
        added[key] += 1
        if what == "after":
            queue.add_after(key, 1)
        elif what == "retry":
            queue.retry(key)
        else:
            queue.add(key)
        return asyncio.sleep(0)

    async def work() -> None:
        queue = new()
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(worker(queue)) for _ in range(workers)]
            for what, key in chosen:
                await step(queue, what, key)
            await asyncio.sleep(1000)
            for task in tasks:
                task.cancel()

    run(work())
    assert seen == added


@settings(max_examples=100)
@given(st.lists(st.sampled_from("abcd"), max_size=40), st.integers(0, 40))
def test_tenants_take_turns_however_many_keys_one_of_them_has(
    tenants: list[str], later: int
) -> None:
    keys = [(tenant, number) for number, tenant in enumerate(tenants)]

    async def work() -> list[tuple[str, int]]:
        queue: WorkQueue[tuple[str, int]] = WorkQueue(now, lambda key: key[0])
        taken = []
        for place, key in enumerate(keys):
            queue.add(key)
            if place % 3 == later % 3:
                taken.append(await queue.take())
        return [*taken, *[await queue.take() for _ in range(queue.depth)]]

    taken = run(work())
    assert sorted(taken, key=lambda key: key[1]) == keys
    for tenant in set(tenants):
        mine = [number for name, number in taken if name == tenant]
        assert mine == sorted(mine)


def test_one_key_of_a_tenant_waits_for_one_of_each_other() -> None:
    async def work() -> list[str]:
        queue: WorkQueue[str] = WorkQueue(now, lambda key: key[0])
        for number in range(1000):
            queue.add(f"a{number}")
        for key in ("b0", "c0", "b1"):
            queue.add(key)
        return [await queue.take() for _ in range(6)]

    assert run(work()) == ["a0", "b0", "c0", "a1", "b1", "a2"]

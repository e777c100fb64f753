"""Stacks in and below coroutines, asynchronous generators and asyncio tasks."""

import asyncio
import concurrent.futures
import contextvars
import gc

from expect import allocate, finish


async def innermost(label):
    allocate(label)
    await asyncio.sleep(0)
    allocate(label + ", resumed")


async def middle(label):
    await innermost(label)


async def awaiting():
    await middle("awaited")


async def gathered():
    await asyncio.gather(*(middle("gathered %d" % number) for number in range(3)))


async def tasks():
    async def of_task():
        await innermost("in a task")

    task = asyncio.create_task(of_task())
    await task


async def groups():
    if hasattr(asyncio, "TaskGroup"):

        async def of_group():
            await innermost("in a group")

        async with asyncio.TaskGroup() as group:
            group.create_task(of_group())


async def eager_tasks():
    if hasattr(asyncio, "eager_task_factory"):
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
        await asyncio.create_task(middle("eager"))
        asyncio.get_running_loop().set_task_factory(None)


async def produce(label):
    try:
        allocate(label)
        yield 1
        await middle(label + ", awaiting")
        yield 2
    finally:
        allocate(label + ", finally")


async def generators():
    async for _ in produce("asynchronous generator"):
        pass
    generator = produce("closed one")
    await generator.__anext__()
    await generator.aclose()


async def comprehensions():
    [one async for one in produce("list")]
    {one async for one in produce("set")}
    [await middle("awaiting list") for _ in range(1)]
    expression = (one async for one in produce("expression"))
    return [one async for one in expression]


class Manager:
    async def __aenter__(self):
        allocate("__aenter__")
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, *exception):
        await asyncio.sleep(0)
        allocate("__aexit__")
        return True


async def managers():
    async with Manager():
        raise KeyError


class Awaitable:
    def __await__(self):
        allocate("__await__")
        yield from asyncio.sleep(0).__await__()
        allocate("__await__, resumed")


async def awaitables():
    await Awaitable()


async def executors():
    loop = asyncio.get_running_loop()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        await loop.run_in_executor(pool, allocate, "in an executor")
    if hasattr(asyncio, "to_thread"):
        await asyncio.to_thread(called_back, "to a thread")


def called_back(label):
    allocate(label)


async def callbacks():
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    loop.call_soon(called_back, "called soon")
    loop.call_later(0, done.set_result, None)
    done.add_done_callback(lambda _: called_back("when done"))
    await done
    await asyncio.sleep(0)
    contextvars.copy_context().run(called_back, "in a context")


async def cancelled():
    async def waits():
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            allocate("cancelled")
            raise

    task = asyncio.create_task(waits())
    await asyncio.sleep(0)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        allocate("saw it cancelled")


async def exceptions():
    async def fails():
        await asyncio.sleep(0)
        raise KeyError

    try:
        await fails()
    except KeyError:
        allocate("exception from below")


async def chain(depth):
    if depth == 0:
        await innermost("below 100 coroutines")
    else:
        await chain(depth - 1)


async def many():
    """Tasks in turn, each at another depth."""

    async def work(depth):
        if depth:
            return await work(depth - 1)
        for _ in range(5):
            allocate()
            await asyncio.sleep(0)

    await asyncio.gather(*(work(depth) for depth in range(20)))


class Suspend:
    def __await__(self):
        yield


async def by_hand():
    async def suspended():
        allocate("sent into")
        try:
            await Suspend()
        finally:
            allocate("closed by hand")

    coroutine = suspended()
    coroutine.send(None)
    coroutine.close()


async def main():
    await awaiting()
    await gathered()
    await tasks()
    await groups()
    await eager_tasks()
    await generators()
    await comprehensions()
    await managers()
    await awaitables()
    await executors()
    await callbacks()
    await cancelled()
    await exceptions()
    await chain(100)
    await many()
    await by_hand()


# Another time it would run the finalizers of asyncio's cycles on another stack.
gc.disable()
asyncio.run(main())
finish()

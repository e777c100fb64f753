"""asyncio: many tasks that wait for each other."""

import asyncio


async def produce(queue, count):
    for number in range(count):
        await queue.put({"number": number, "text": f"message {number}"})
        if number % 10 == 0:
            await asyncio.sleep(0)
    await queue.put(None)


async def consume(queue):
    length = 0
    while (message := await queue.get()) is not None:
        length += len(message["text"])
    return length


async def pair(count):
    queue = asyncio.Queue(5)
    consumer = asyncio.create_task(consume(queue))
    await produce(queue, count)
    return await consumer


async def main():
    total = 0
    for _ in range(40):
        total += sum(await asyncio.gather(*(pair(40) for _ in range(300))))
    return total


print(asyncio.run(main()))

"""Tasks, queues, streams, executors, asynchronous generators, cancelled waits."""

import asyncio


async def produce(queue, count):
    for number in range(count):
        await queue.put({"number": number, "text": str(number) * 3})
        if number % 7 == 0:
            await asyncio.sleep(0)
    await queue.put(None)


async def consume(queue):
    total = 0
    while (one := await queue.get()) is not None:
        total += one["number"] + len(one["text"])
    return total


async def count_up(limit):
    for number in range(limit):
        yield [number] * 3
        await asyncio.sleep(0)


async def deep(depth):
    if depth == 0:
        await asyncio.sleep(0)
        return [0]
    return [depth] + await deep(depth - 1)


async def echo(reader, writer):
    while line := await reader.readline():
        writer.write(line.upper())
        await writer.drain()
    writer.close()


async def streams():
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
    answers = []
    for number in range(30):
        writer.write(b"line %d\n" % number)
        answers.append(await reader.readline())
    writer.close()
    await writer.wait_closed()
    server.close()
    await server.wait_closed()
    return b"".join(answers).decode().count("LINE")


async def main():
    queues = [asyncio.Queue(5) for _ in range(4)]
    producers = [produce(queue, 200) for queue in queues]
    totals = await asyncio.gather(*producers, *(consume(queue) for queue in queues))
    numbers = [sum(one) async for one in count_up(100)]
    depths = await asyncio.gather(*(deep(depth) for depth in range(30)))
    loop = asyncio.get_running_loop()
    squares = await asyncio.gather(*(loop.run_in_executor(None, lambda n=n: [n * n] * 10) for n in range(30)))
    try:
        await asyncio.wait_for(asyncio.sleep(3600), 0)
    except asyncio.TimeoutError:
        numbers.append(1)
    print(totals[4:], sum(numbers), sum(map(sum, depths)), sum(map(sum, squares)), await streams())


asyncio.run(main())

"""aiohttp's client: python3 client-aiohttp.py URL TASKS."""

import asyncio
import sys

import aiohttp


async def ask(session, url):
    while True:
        async with session.get(url) as response:
            await response.read()


async def main():
    url, tasks = sys.argv[1], int(sys.argv[2])
    connector = aiohttp.TCPConnector(limit=tasks)
    async with aiohttp.ClientSession(connector=connector) as session:
        await asyncio.gather(*(ask(session, url) for _ in range(tasks)))


asyncio.run(main())

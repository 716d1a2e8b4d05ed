"""Links to the pages of each agency, after the demo."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx

from adapters.demo.pages import serve_until
from adapters.trial_agencies import london_agencies


async def test_each_agency_has_a_link_that_works(root: Path) -> None:
    agencies = [plan.id for plan in london_agencies()]
    lines: list[str] = []
    stop = asyncio.Event()
    serving = asyncio.create_task(
        serve_until(stop, {agency: root / agency for agency in agencies}, lines.append)
    )
    while len(lines) < len(agencies):
        await asyncio.wait({serving}, timeout=0.01)
        assert not serving.done()

    statuses = {}
    async with httpx.AsyncClient() as client:
        for line in lines:
            agency, link = line.split()
            statuses[agency] = (await client.get(link)).status_code
    stop.set()
    await serving

    assert statuses == dict.fromkeys(agencies, 303)

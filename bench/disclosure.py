"""Disclosure control of a quarter's figures: 33 boroughs, 31 sets of strands, 6 channels.

100,000 cases of 100 agencies, of which the police minted 62 %. Times are CPU time of this process,
also as a multiple of the time for the same cells without secondary suppression. The peak of the
memory is that of the process so far.
"""

from __future__ import annotations

import itertools
import random
import resource
import time
from collections import Counter, defaultdict

from bench import results
from broker.figures.disclosure import Cell, Counts, Mark, protect

BOROUGHS = [f"E090000{number:02}" for number in range(1, 34)]
STRANDS = ("disability", "race", "religion", "orientation", "transgender")
SETS = [
    "+".join(chosen) for size in range(1, 6) for chosen in itertools.combinations(STRANDS, size)
]
CHANNELS = [f"channel-{number}" for number in range(1, 7)]


def made_counts(cases: int, agencies: int) -> Counts:
    """Counts in which the police mint most cases, councils those of their borough."""
    random_ = random.Random(7)
    sets = [1.0 / (2.5 ** chosen.count("+")) / (1 + SETS.index(chosen) % 5) for chosen in SETS]
    boroughs = [random_.uniform(0.4, 2.0) for _ in BOROUGHS]
    channels = [1.0 / (1 + position) for position in range(len(CHANNELS))]
    counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for _ in range(cases):
        borough = random_.choices(BOROUGHS, boroughs)[0]
        strands = random_.choices(SETS, sets)[0]
        channel = random_.choices(CHANNELS, channels)[0]
        source = random_.random()
        if source < 0.62:
            minting = "police"
        elif source < 0.73:
            minting = f"council-{borough}"
        else:
            minting = f"service-{random_.randrange(agencies - 34)}"
        counts[f"{borough}|{strands}|{channel}"][minting] += 1
    return counts


def cells(by_channel: bool) -> list[Cell]:
    """Cells with all margins; a strand, and any strand with others, are cells beside the sets."""
    kinds: dict[str, list[str]] = {"*": SETS}
    kinds |= {f"with {strand}": [one for one in SETS if strand in one] for strand in STRANDS}
    kinds |= {chosen: [chosen] for chosen in SETS}
    boroughs = {"*": BOROUGHS} | {one: [one] for one in BOROUGHS}
    channels = {"*": CHANNELS} | ({one: [one] for one in CHANNELS} if by_channel else {})
    return [
        Cell(
            f"{borough}|{kind}|{channel}",
            frozenset("|".join(atom) for atom in itertools.product(*members)),
            10 if "*" not in (borough, kind, channel) else 5,
        )
        for (borough, b), (kind, k), (channel, c) in itertools.product(
            boroughs.items(), kinds.items(), channels.items()
        )
        for members in [(b, k, c)]
    ]


def run(*, quick: bool = False) -> None:
    """Measure the table by borough and strand, and unless `quick` the one by channel too."""
    counts = made_counts(100_000, 100)
    rows = []
    for by_channel in (False,) if quick else (False, True):
        asked = cells(by_channel)
        start = time.process_time()
        protect(counts, asked, round_to=5, secondary=False)
        middle = time.process_time()
        release = protect(counts, asked, round_to=5)
        end = time.process_time()
        marks = Counter(figure.mark for figure in release.figures)
        rows.append(
            {
                "table by": "borough, strand" + (", channel" if by_channel else ""),
                "cells": len(asked),
                "primary": marks[Mark.PRIMARY],
                "secondary": marks[Mark.SECONDARY],
                "CPU, s": round(end - middle, 1),
                "peak MB": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
                "x primary alone": round((end - middle) / (middle - start)),
            }
        )
    results.show(rows)
    results.save("disclosure", rows)

"""Fuzzes one parser with atheris: the process that run.py starts for each.

    python -m tests.fuzz.harness PARSER FOLDER [libFuzzer's options] CORPUS

The first byte of an input chooses between the input as it is and, for documents, JSON inside the
whole that it belongs in (a signed note, for example), so that coverage leads past the wrapping.
`python -m tests.fuzz.harness PARSER --seeds FOLDER` writes the real inputs to start from.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path


def seeds(name: str, folder: Path) -> None:
    """Write the corpus of real inputs."""
    import orjson

    from tests.fuzz import parser_catalogue
    from tests.fuzz.parser_exports import exports

    folder.mkdir(parents=True, exist_ok=True)
    parser = {p.name: p for p in (*parser_catalogue.PARSERS, *exports())}[name]
    found = [b"\0" + seed for seed in parser.seeds]
    found += [
        b"\1" + orjson.dumps(document, option=orjson.OPT_SORT_KEYS) for document in parser.documents
    ]
    for number, seed in enumerate(found):
        (folder / f"seed-{number}").write_bytes(seed)


def main() -> None:
    name, *options = sys.argv[1:]
    if options[:1] == ["--seeds"]:
        seeds(name, Path(options[1]))
        return
    import atheris
    import orjson

    # Only what parses is instrumented: the rest would cost time and lead the search astray
    with atheris.instrument_imports(include=["broker", "contracts", "adapters", "yaml", "tomllib"]):
        from tests.fuzz import parser_catalogue
        from tests.fuzz.parser_exports import exports
    from tests.fuzz.parser_mutation import replaced, spliced

    parser = {p.name: p for p in (*parser_catalogue.PARSERS, *exports())}[name]

    def try_one(data: bytes) -> None:
        if not data:
            return
        wrapped = parser.wrap is not None and data[0] % 2 == 1
        whole = parser.wrap(data[1:]) if wrapped and parser.wrap else data[1:]
        parser.check(whole)

    def mutated(data: bytes, limit: int, seed: int) -> bytes:
        # libFuzzer flips bytes; what it seldom does is to put a number where a text belongs
        rng = random.Random(seed)
        if not data or rng.randrange(2) == 0:
            return bytes(atheris.Mutate(data, limit))
        if parser.documents and data[0] % 2 == 1:
            try:
                return (b"\1" + replaced(orjson.loads(data[1:]), rng))[:limit]
            except (ValueError, RecursionError):
                return (b"\1" + replaced(rng.choice(parser.documents), rng))[:limit]
        return (b"\0" + spliced(data[1:], rng, parser.seeds))[:limit]

    atheris.Setup([sys.argv[0], *options], try_one, custom_mutator=mutated)
    atheris.Fuzz()


if __name__ == "__main__":
    main()

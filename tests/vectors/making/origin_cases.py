"""Cases of step 1: a proof's origin, the name of its generation, and the link of index 0."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from broker.envelope.primitives import lp
from broker.tlog.checkpoint import Origin
from broker.tlog.generation_links import GenerationLink, generation_name
from broker.tlog.merkle import MAX_LOG_SIZE
from tests.support.record_parts import FIRST_LINK, link_bytes
from tests.vectors.making.agencies import DEPLOYMENT, NOW, POLICE
from tests.vectors.making.form_cases import honest
from tests.vectors.making.scene import Case, Scene
from tests.vectors.making.setting import Setting


def cases(setting: Setting) -> Iterator[Case]:
    """All of them."""
    yield from _origins(setting)
    yield from _links(setting)


def _origins(setting: Setting) -> Iterator[Case]:
    s = Scene(setting, "1-origin_wrong-topic")
    yield s.refused(
        "A record replayed to another topic.", replace(honest(s), topic=setting.topic("b"))
    )
    s = Scene(setting, "1-origin_wrong-partition")
    yield s.refused("A record replayed to another partition.", replace(honest(s), partition=1))
    s = Scene(setting, "1-origin_wrong-deployment")
    value = s.small().value()
    stream = f"pan-leeds/{POLICE}/{setting.topic()}/0"
    origin = f"{stream}/{generation_name(stream, FIRST_LINK, NOW)}"
    yield s.refused("A record of another deployment.", s.sign(value, origin=origin))
    first_name = generation_name(f"{DEPLOYMENT}/{POLICE}/{setting.topic()}/0", FIRST_LINK, NOW)
    for what, name in (
        ("short", first_name[:-1]),
        ("long", first_name + "0"),
        ("undivided", first_name.replace("-", "0")),
        ("letter", "x" + first_name[1:]),
    ):
        for index in (0, 1):
            s = Scene(setting, f"1-generation_name-{what}_{index}")
            origin = f"{DEPLOYMENT}/{POLICE}/{setting.topic()}/0/{name}"
            before = [b"a first record"] * index
            yield s.refused(
                f"A generation whose name has another form, at index {index}.",
                s.sign(s.small().value(), origin=origin, before=before),
                spec="streams.md, Generations",
            )
    s = Scene(setting, "1-generation_name-other_salt")
    link = replace(FIRST_LINK, salt=b"\x01" * 16)
    origin = Origin(DEPLOYMENT, POLICE, setting.topic(), 0, first_name).format()
    yield s.refused(
        "A generation whose name follows from other random bytes than it shows.",
        s.sign(s.small().value(), origin=origin, link=link),
        spec="streams.md, Generations",
    )


def _links(setting: Setting) -> Iterator[Case]:
    stream = f"{DEPLOYMENT}/{POLICE}/{setting.topic()}/0"
    earlier = generation_name(stream, FIRST_LINK, NOW - 1000)
    predecessor = GenerationLink(earlier, 1, bytes(range(32)), bytes(16))
    for what, opened in (("same", NOW - 1000), ("earlier", NOW - 2000)):
        s = Scene(setting, f"1-generation_order-{what}")
        link = replace(predecessor, name=f"{NOW - 1000:016x}-" + "f" * 32)
        name = generation_name(stream, link, opened)
        origin = Origin(DEPLOYMENT, POLICE, setting.topic(), 0, name).format()
        yield s.refused(
            "A generation that is not later, as text, than the one it names.",
            s.sign(s.small().value(), origin=origin, link=link),
            spec="streams.md, Generations",
        )
    s = Scene(setting, "1-link_malformed-missing")
    yield s.refused(
        "Index 0 without extra data.",
        s.sign(s.small().value(), extra=b""),
        spec="streams.md, Generations",
    )
    name, size, root, salt = (
        predecessor.name.encode(),
        predecessor.size.to_bytes(8, "big"),
        predecessor.root,
        predecessor.salt,
    )
    malformed = {
        "three_parts": ("Three elements.", lp(name, size, root)),
        "five_parts": ("Five elements.", lp(name, size, root, salt, b"")),
        "count": (
            "Four elements that are said to be five.",
            (5).to_bytes(8, "big") + lp(name, size, root, salt)[8:],
        ),
        "size_short": ("A size of 7 bytes.", lp(name, size[1:], root, salt)),
        "root_short": ("A root of 31 bytes.", lp(name, size, root[1:], salt)),
        "salt_short": ("15 random bytes.", lp(name, size, root, salt[1:])),
        "byte_more": ("A byte more.", lp(name, size, root, salt) + b"\x00"),
        "byte_less": ("A byte less.", lp(name, size, root, salt)[:-1]),
        "not_ascii": ("A name that is not ASCII.", lp("é".encode(), size, root, salt)),
        "name": ("A name of another form.", lp(b"the one before", size, root, salt)),
        "size_zero": ("A predecessor without records.", lp(name, bytes(8), root, salt)),
        "size_large": (
            "A predecessor of 2^63 records.",
            lp(name, (MAX_LOG_SIZE + 1).to_bytes(8, "big"), root, salt),
        ),
        "nobody_with_records": (
            "No predecessor, but a size.",
            link_bytes(replace(FIRST_LINK, size=1)),
        ),
        "nobody_with_root": (
            "No predecessor, but another root than nothing's.",
            link_bytes(replace(FIRST_LINK, root=bytes(32))),
        ),
        "countless": ("Elements without number.", (2**62).to_bytes(8, "big")),
        "one_byte": ("A single byte.", b"\x00"),
    }
    for what, (about, extra) in malformed.items():
        s = Scene(setting, f"1-link_malformed-{what}")
        yield s.refused(
            f"Index 0 with extra data of another form: {about[0].lower()}{about[1:]}",
            s.sign(s.small().value(), extra=extra),
            spec="streams.md, Generations",
        )

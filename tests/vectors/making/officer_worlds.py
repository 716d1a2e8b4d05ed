"""A setting in which the police has three officers, and manifests under their delegations.

docs/spec/contract-signatures.md, "Officers", and keys.md. Two of the three sign the contract. Each
manifest lists a stream key of its own; a manifest is refused if its delegation has other signature
lines than those of two officers in the order of their names.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from broker.registry.contracts import verify_contract
from broker.tlog.note import format_note, sign_note
from contracts.loading import parse_contract
from tests.vectors.making.agencies import COUNCIL, FOUNDED, HOUR, POLICE, Delegated, Key, Member
from tests.vectors.making.contract_worlds import (
    Hand,
    officer_hands,
    officer_notes,
    two_party,
    with_officers,
)
from tests.vectors.making.ground import Ground
from tests.vectors.making.scene import Case, Scene
from tests.vectors.making.setting import STREAM, Setting, founded
from tests.vectors.making.terms import notes_of, text_of

ISSUED = FOUNDED + HOUR
_REFUSED = {
    "alone": ("One officer has signed its delegation.", ("siro",)),
    "turned": ("Two officers have signed its delegation, in the other order.", ("siro", "chief")),
    "three": ("Three officers have signed its delegation.", ("chief", "deputy", "siro")),
    "crossed": (
        "Its delegation has one signature of each of two officers.",
        ("chief:0", "deputy:1"),
    ),
}


def _signed(member: Member, hands: dict[str, Hand], who: tuple[str, ...]) -> Delegated:
    """A delegation of the first manifest keys, with the lines of these officers."""
    own = member.delegation()
    signers = []
    for one in who:
        name, _, half = one.partition(":")
        pair = hands[name].governance.note_signers()
        signers += [pair[int(half)]] if half else list(pair)
    return replace(own, note=format_note(sign_note(own.text, signers)))


def _key(member: Member, what: str) -> Key:
    return member.key(STREAM, f"of officers {what}", begins=FOUNDED + HOUR)


def officers(ground: Ground) -> Setting:
    """The setting."""
    setting = founded("officers", ground)
    police, council = setting.members[POLICE], setting.members[COUNCIL]
    hands = officer_hands(police)
    tree = with_officers(two_party("officers", police, council), hands)
    raw = text_of(tree)
    two = {"chief": "chief", "siro": "siro"}
    notes = notes_of(tree, raw, [council]) | officer_notes(tree, raw, hands, two)
    setting.contracts = {"officers": (raw, notes)}
    setting.signed = verify_contract(parse_contract(raw, "officers.yaml"), notes.values())
    setting.manifests = {f"{COUNCIL}.1": setting.manifests[f"{COUNCIL}.1"]}
    first = _signed(police, hands, ("chief", "deputy"))
    setting.add_manifest(f"{POLICE}.1", police, police.manifest(), first)
    for version, (what, (_, who)) in enumerate(_REFUSED.items(), 10):
        manifest = police.manifest(version, ISSUED, [_key(police, what)])
        setting.add_manifest(what, police, manifest, _signed(police, hands, who))
    good = police.manifest(100, ISSUED, [_key(police, "good")])
    setting.add_manifest("good", police, good, _signed(police, hands, ("deputy", "siro")))
    setting.held = {COUNCIL: setting.held[COUNCIL]}
    return setting


def cases(setting: Setting) -> Iterator[Case]:
    """One for each manifest."""
    police = setting.members[POLICE]
    spec = "contract-signatures.md, Officers; keys.md, Delegations"
    for what, (about, _) in _REFUSED.items():
        s = Scene(setting, f"2-key_unknown-officers_{what}")
        draft = s.small(POLICE, (COUNCIL,), signed=setting.signed)
        yield s.refused(
            f"A key that only a refused manifest lists. {about}",
            s.log(key=_key(police, what)).one(draft.value()),
            spec=spec,
        )
    for name, about, key in (
        ("first", "Two officers signed the contract and the delegation.", None),
        ("other_two", "Two other officers signed the delegation.", _key(police, "good")),
    ):
        s = Scene(setting, f"10-opened-officers_{name}")
        event = s.small(POLICE, (COUNCIL,), signed=setting.signed)
        log = s.log() if key is None else s.log(key=key)
        yield s.opened(about, event, log.one(event.value()), spec=spec)

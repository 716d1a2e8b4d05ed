"""Runs Verifpal over the models of this folder and compares each result with what is expected.

`make model`, or `python docs/spec/model/check.py`. Beside each model stand variants of it with one
check left out; they must fail, or a model that holds would say nothing. Verifpal is built once with
cargo (about four minutes) into `.cache/tools`; VERIFPAL names another one. See README.md.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOOLS = HERE.parents[2] / ".cache" / "tools"
VERIFPAL = "1.6.7"
"""The version whose results are below; searches differ between versions."""
RUN_SECONDS = 900


@dataclass(frozen=True)
class Case:
    """One run.

    Attributes:
        says: what the result means.
        model: file name without its suffix.
        expected: a letter and a digit for each query in order (c confidentiality,
            a authentication, f freshness, e equivalence; 0 holds, 1 an attack was found).
        sessions: runs of each party at the same time.
        edits: (text, replacement) for variants; each text must be in the model.
        queries: instead of the model's own; a search for what is known to break ends early.
    """

    says: str
    model: str
    expected: str
    sessions: int = 1
    edits: tuple[tuple[str, str], ...] = ()
    queries: tuple[str, ...] = ()


_SECRETS = ("confidentiality? g0", "confidentiality? g1")
_B_LEAKS = ("man_b = SIGN", "leaks xk_b\n\tman_b = SIGN")
_NO_CONTEXT = (
    ("ctx = HASH(contract_1, name_s, ", "ctx = HASH(nil, "),
    ("ctx = HASH(contract_2, name_o, ", "ctx = HASH(nil, "),
)
_NO_INFO = (
    ("info = HASH(contract_1, name_s, ", "info = HASH(nil, "),
    ("info = HASH(contract_2, name_o, ", "info = HASH(nil, "),
)

_NO_RECIPIENT_IN_LIST = (
    ("HASH(name_r, ek, HASH(kem, wrap))", "HASH(ek, HASH(kem, wrap))"),
    ("HASH(name_o, ek, HASH(o_kem, o_wrap))", "HASH(ek, HASH(o_kem, o_wrap))"),
)
_NO_RECIPIENT_IN_WRAP = (("HASH(name_r, ek)", "HASH(ek)"), ("HASH(name_o, ek)", "HASH(ek)"))

_DELEGATED = "HASH(name_s, second, vm_2)"

CASES = (
    Case("both groups are secret, both readers know who wrote", "sealing", "c0c0a0a0e0e0"),
    Case("both groups are secret, two sessions", "sealing", "c0c0", 2, queries=_SECRETS),
    Case("reader B's key is out: group 1 stays secret, all know who wrote", "sealing",
         "c1c0a0a0e0e0", edits=(_B_LEAKS,)),
    Case("BROKEN: B is given group 1's key", "sealing", "c1c1",
         edits=(_B_LEAKS, ("CONCAT(k0, nil)", "CONCAT(k0, k1)")), queries=_SECRETS),
    Case("BROKEN: exchange keys are taken from any manifest", "sealing", "c1c1",
         edits=(("_ = SIGNVERIF(pin_a,", "_ = HASH(pin_a,"),
                ("_ = SIGNVERIF(pin_b,", "_ = HASH(pin_b,"),
                ("ek_a), man_a)?", "ek_a), man_a)"), ("ek_b), man_b)?", "ek_b), man_b)")),
         queries=_SECRETS),
    Case("the sender is known and what is read is what was sealed", "authorship", "c0a0f0e0"),
    Case("the same, two sessions", "authorship", "c0a0f0e0", 2),
    Case("the commitment left out: this model cannot see it", "authorship", "c0a0f0e0",
         edits=(("_ = ASSERT(r_commit, commit)?", "_ = HASH(r_commit)"),)),
    Case("BROKEN: the proof is not checked", "authorship", "c0a1f1e1",
         edits=(("_ = SIGNVERIF(vk_s, HASH(topic, generation, HASH(id, commit, ct, "
                 "HASH(kem, wrap, n, list))), proof)?", "_ = HASH(proof)"),)),
    Case("BROKEN: the stream key needs no manifest", "authorship", "c0a1f1e1",
         edits=(("_ = SIGNVERIF(pin_s, HASH(name_s, stream, vk_s), man_s)?", "_ = HASH(man_s)"),)),
    Case("BROKEN: the leaf does not commit to the value", "authorship", "c0a1f1e1",
         edits=(("HASH(id, commit, ct, HASH(kem, wrap, n, list))", "contract"),)),
    Case("BROKEN: a reader without memory, two sessions", "authorship", "c0a1f1e1", 2,
         edits=(("[generation]", "generation"),)),
    Case("each record is taken in its place, once", "stream", "a0a0a0f0f0f0"),
    Case("the same, two sessions", "stream", "a0a0a0f0f0f0", 2),
    Case("BROKEN: the checkpoint does not name its origin", "stream", "a1a0a1f0f0f0",
         edits=(("topic_a, gen_a, ", ""), ("topic_b, gen_b, ", ""))),
    Case("BROKEN: records are signed one by one, without the log", "stream", "a1a1a0f1f0f0",
         edits=(("HASH(leaf0, HASH(event1))", "HASH(event1)"),
                ("HASH(frontier, HASH(event1))", "HASH(event1)"))),
    Case("BROKEN: a reader without memory, two sessions", "stream", "a1a1a1f1f1f1", 2,
         edits=(("[gen_a], [gen_b]", "gen_a, gen_b"),)),
    Case("what was made for another agency is not opened, even for the same key", "recipient", "c0"),
    Case("the wrap alone names the recipient: that is enough here", "recipient", "c0",
         edits=_NO_RECIPIENT_IN_LIST),
    Case("BROKEN: neither wrap nor key list names the recipient", "recipient", "c1",
         edits=_NO_RECIPIENT_IN_LIST + _NO_RECIPIENT_IN_WRAP),
    Case("a stolen event does not open as another party's", "parties", "c0c1"),
    Case("the same, two sessions", "parties", "c0c1", 2),
    Case("the wrap's info left out: ctx still holds", "parties", "c0c1", edits=_NO_INFO),
    Case("ctx left out: the wrap's info still holds", "parties", "c0c1", edits=_NO_CONTEXT),
    Case("BROKEN: neither names contract and source", "parties", "c1c1",
         edits=_NO_INFO + _NO_CONTEXT),
    Case("a withdrawn pair and one officer in a thief's hands: neither signs for the agency",
         "delegation", "a0a0"),
    Case("the stream key is the agency's own, two sessions", "delegation", "a0", 2,
         queries=("authentication? Owner -> Reader: vk_s",)),
    Case("one officer's signature left out: the honest officer's is enough here", "delegation",
         "a0a0", edits=((f"_ = SIGNVERIF(pin_b, {_DELEGATED}, del_b)?", "_ = HASH(del_b)"),)),
    Case("BROKEN: one officer is enough, and the thief has that one", "delegation", "a1a1",
         edits=((f"_ = SIGNVERIF(pin_a, {_DELEGATED}, del_a)?", "_ = HASH(del_a)"),)),
    Case("BROKEN: manifests of a withdrawn pair are not void", "delegation", "a1a1",
         edits=(("name_s, first, vm_1", "name_s, vm_1"), ("name_s, second, vm_2", "name_s, vm_2"))),
    Case("BROKEN: the manifest keys need no delegation", "delegation", "a1a1",
         edits=((f"_ = SIGNVERIF(pin_a, {_DELEGATED}, del_a)?", "_ = HASH(del_a)"),
                (f"_ = SIGNVERIF(pin_b, {_DELEGATED}, del_b)?", "_ = HASH(del_b)"))),
    Case("BROKEN: the stream key needs no manifest", "delegation", "a1a1",
         edits=((f"_ = SIGNVERIF(vm_2, HASH({_DELEGATED}, vk_s), man)?", "_ = HASH(man)"),)),
    Case("X25519 broken later: ML-KEM holds", "hybrid", "c0"),
    Case("ML-KEM broken later: X25519 holds", "hybrid", "c0",
         edits=(("PUBKEY[weak from phase 1]", "PUBKEY"),
                ("KEM_ENCAP(", "KEM_ENCAP[weak from phase 1]("))),
    Case("BROKEN: X25519 alone", "hybrid", "c1",
         edits=(("HASH(ss_m, ss_x, ", "HASH(ss_x, "), ("HASH(KEM_DECAP(dk, enc_m), ", "HASH("))),
    Case("BROKEN: both halves broken", "hybrid", "c1",
         edits=(("KEM_ENCAP(", "KEM_ENCAP[weak from phase 1]("),)),
)  # fmt: skip


def main() -> int:
    """Run every case; 0 if all are as expected."""
    verifpal = _verifpal()
    wrong = 0
    started = time.monotonic()
    for case in CASES:
        begun = time.monotonic()
        found = _run(verifpal, case)
        agrees = found == case.expected
        wrong += not agrees
        verdict = "as expected" if agrees else f"EXPECTED {case.expected}"
        took = time.monotonic() - begun
        sys.stdout.write(
            f"{case.model:10} x{case.sessions}  {found:14} {verdict:12} {took:6.1f} s  "
            f"{case.says}\n"
        )
        sys.stdout.flush()
    broken = sum(case.says.startswith("BROKEN") for case in CASES)
    sys.stdout.write(
        f"{len(CASES)} runs, {broken} of them of deliberately broken variants; {wrong} not as "
        f"expected; {time.monotonic() - started:.0f} s. Bounded search: no attack found is no "
        "proof of none.\n"
    )
    return 1 if wrong else 0


def _variant(case: Case) -> str:
    text = (HERE / f"{case.model}.vp").read_text("utf-8")
    for old, new in case.edits:
        if old not in text:
            raise SystemExit(f"{case.model}.vp no longer holds what a variant replaces: {old}")
        text = text.replace(old, new)
    if case.queries:
        asked = "".join(f"\t{query}\n" for query in case.queries)
        text = f"{text.partition('queries[')[0]}queries[\n{asked}]\n"
    return text


def _run(verifpal: str, case: Case) -> str:
    """The result code, or what went wrong."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{case.model}.vp"
        path.write_text(_variant(case), "utf-8")
        command = [verifpal, "verify", "--quiet", "--result-code", "--color", "never"]
        command += ["--sessions", str(case.sessions), str(path)]
        try:
            done = subprocess.run(  # noqa: S603  # our own models, a program that the caller names
                command, capture_output=True, text=True, timeout=RUN_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            return "timeout"
    if done.returncode:
        sys.stderr.write(done.stdout + done.stderr)
        return "error"
    return done.stdout.strip().splitlines()[-1]


def _verifpal() -> str:
    """The program, built if there is none yet."""
    named = os.environ.get("VERIFPAL")
    built = TOOLS / "bin" / "verifpal"
    if named:
        return named
    if not built.exists():
        cargo = shutil.which("cargo")
        if cargo is None:
            raise SystemExit("Verifpal is built with cargo (rustup.rs), or named in VERIFPAL.")
        sys.stdout.write(f"building Verifpal {VERIFPAL} into {TOOLS}, about four minutes, once\n")
        sys.stdout.flush()
        package = ["verifpal", "--version", VERIFPAL, "--locked", "--ignore-rust-version"]
        command = [cargo, "install", "--quiet", *package, "--root", str(TOOLS)]
        subprocess.run(command, check=True)  # noqa: S603  # cargo, with constants
    return str(built)


if __name__ == "__main__":
    sys.exit(main())

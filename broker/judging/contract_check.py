"""Contract of a record, and the parts that its sender and this reader take in it (step 6).

docs/spec/opening.md. `ends.py` has the rest of step 6: records from before an end.
"""

from __future__ import annotations

from broker.errors import RefusedError
from broker.judging.reader_context import ReaderContext
from broker.judging.verification import VerifiedRecord
from broker.registry.contract_in_force import ContractInForce


def contract_of_record(
    contract_hash: bytes, verified: VerifiedRecord, context: ReaderContext, now: int
) -> ContractInForce:
    """Return the contract under which a record was sealed.

    Args:
        contract_hash: as the record states it.
        verified: a record that passed steps 0 to 4.
        context: what the reader knows.
        now: the reader's clock, ms.

    Raises:
        RefusedError: step 6; no such contract was in force, or a party took no part in it.
    """
    in_force = context.contract_in_force(contract_hash)
    if in_force is None:
        raise RefusedError(6, "contract_unknown", "no contract with this hash has all signatures")
    contract, log_time = in_force.contract, verified.log_time
    if verified.origin.topic not in in_force.topics:
        raise RefusedError(6, "topic_not_owned", "the contract does not own this topic")
    if not in_force.effect <= log_time < contract.ends_ms:
        raise RefusedError(6, "contract_not_in_force", "the contract was not in force at log time")
    if now >= contract.ends_ms + contract.grace_ms:
        raise RefusedError(
            6, "contract_ended", "the contract ended, and its grace period has passed"
        )
    if in_force.replaced_by(verified.origin.agency, context.agency, log_time) is None:
        raise RefusedError(6, "contract_replaced", "a newer version had replaced the contract")
    for party in (verified.origin.agency, context.agency):
        if party not in contract.by_id:
            raise RefusedError(6, "not_a_party", "the contract does not name sender and reader")
        _require_taking_part(party, in_force, verified, context, now)
    return in_force


def _require_taking_part(
    party: str,
    in_force: ContractInForce,
    verified: VerifiedRecord,
    context: ReaderContext,
    now: int,
) -> None:
    """Check that a party has not suspended its part or left (contracts.md, "Step 6").

    The sender's stop counts at log time, because a record of that time stays refused. The reader's
    own stop counts at its clock: during a suspension the record waits, and nothing is lost.
    """
    reader = party == context.agency
    stop = in_force.stop_at(party, now if reader else verified.log_time)
    if stop is None:
        return
    if stop.state == "left":
        raise RefusedError(6, "contract_left", f"{party} had left the contract")
    if reader:
        raise RefusedError(6, "own_suspension", "this agency has suspended its part")
    raise RefusedError(6, "suspended", "the sender had suspended its part of the contract")

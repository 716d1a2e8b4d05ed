"""Gaps of other senders' streams as rows, and what each state counts as. Never edited again."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import orjson
import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make the table and move the gaps of every state into it."""
    for name in ("bytes", "gaps"):
        column = sa.Column(name, sa.BigInteger(), server_default="0", nullable=False)
        op.add_column("reader_states", column)
    column = sa.Column("stopped", sa.Boolean(), server_default="0", nullable=False)
    op.add_column("reader_states", column)
    op.create_table(
        "reader_gaps",
        sa.Column("agency", sa.String(length=100), nullable=False),
        sa.Column("topic", sa.String(length=249), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("generation", sa.String(length=64), nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint(
            "agency", "topic", "partition", "generation", "first", name=op.f("pk_reader_gaps")
        ),
        sqlite_with_rowid=False,
    )
    connection = op.get_bind()
    rows = connection.execute(
        sa.text("SELECT agency, topic, partition, state FROM reader_states")
    ).all()
    for agency, topic, partition, state in rows:
        place = {"agency": agency, "topic": topic, "partition": partition}
        head, gaps, size = _converted(orjson.loads(state))
        connection.execute(
            sa.text(
                "UPDATE reader_states"
                " SET state = :state, bytes = :bytes, gaps = :gaps, stopped = :stopped"
                " WHERE agency = :agency AND topic = :topic AND partition = :partition"
            ),
            place
            | {"state": orjson.dumps(head), "bytes": size, "gaps": len(gaps)}
            | {"stopped": head["stopped"]},
        )
        for generation, first, last, body in gaps:
            connection.execute(
                sa.text(
                    "INSERT INTO reader_gaps VALUES (:agency, :topic, :partition, :generation,"
                    " :first, :last, :body)"
                ),
                place | {"generation": generation, "first": first, "last": last, "body": body},
            )


def _converted(
    state: dict[str, Any],
) -> tuple[dict[str, Any], list[tuple[str, int, int, bytes]], int]:
    """Head, gaps and count, of the first stored form: hashes in hex, gaps inside."""
    gaps: list[tuple[str, int, int, bytes]] = []
    count = 0
    state["v"] = 2
    for held in state["generations"]:
        newest = held["name"] == state["newest"]
        digits = held["start"].bit_length() + (63 if newest else held["size"].bit_length())
        count += 512 + 64 * digits
        for first, last, before, after, root in held["gaps"]:
            count += 64 + 64 * (last + 1).bit_length()
            # no node is shared with another frontier: the next change writes it shorter
            body = bytes([(after is not None) | (root is not None) << 1]) + _whole(before)
            body += (_whole(after) if after else b"") + bytes.fromhex(root or "")
            gaps.append((held["name"], first, last, body))
        held["gaps"] = len(held["gaps"])
        size, root, time, lowest = held["latest"]
        held["latest"] = [size, _text(root), time, lowest]
        held["frontier"] = _text(held["frontier"])
        held["base"] = _text(held["base"]) if held.get("base") else None
        held["passed"] = False
        held["signer"] = ""
    return state, gaps, count


def _text(hexadecimal: str) -> str:
    return b64encode(bytes.fromhex(hexadecimal)).decode("ascii")


def _whole(frontier: str) -> bytes:
    data = bytes.fromhex(frontier)
    return data[:8] + bytes([0]) + data[8:]

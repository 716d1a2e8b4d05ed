"""Confluent's client-side field level encryption: its JSON serializer, local KMS, mock registry.

The six sensitive fields are tagged and encrypted under one data key that all readers share; nothing
is signed. It validates with JSON Schema, so pydantic is left out here.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from confluent_kafka.schema_registry import (
    Rule,
    RuleKind,
    RuleMode,
    RuleParams,
    RuleSet,
    Schema,
    SchemaRegistryClient,
)
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.schema_registry.rules.encryption.encrypt_executor import (
    FieldEncryptionExecutor,
)
from confluent_kafka.schema_registry.rules.encryption.localkms.local_driver import LocalKmsDriver
from confluent_kafka.serialization import MessageField, SerializationContext

from bench import measuring
from bench.sample_event import SENSITIVE, Referral

_TOPIC = "bench"
_RULES = {"secret": "bench"}


def _schema() -> str:
    """The model's JSON Schema, written out flat, with a tag on each sensitive field."""
    schema = Referral.model_json_schema()
    definitions = schema.pop("$defs")
    for name, field in list(schema["properties"].items()):
        if "$ref" in field:
            schema["properties"][name] = definitions[field["$ref"].rsplit("/", 1)[1]]
    for group, field in SENSITIVE:
        found = schema["properties"][group]["properties"][field]
        # JSON Schema has ECMA's patterns, and what is encrypted has no code list or length any more
        kind = {"type": "array", "items": {"type": "string"}} if "items" in found else None
        schema["properties"][group]["properties"][field] = {
            **(kind or {"type": "string"}),
            "confluent:tags": ["PII"],
        }
    return json.dumps(schema)


class Case(measuring.Case):
    """A message is the value that the serializer gives."""

    name = "Confluent CSFLE JSON"

    def __init__(self, recipients: int) -> None:
        del recipients  # all of them hold the one data key
        LocalKmsDriver.register()
        FieldEncryptionExecutor.register()
        client = SchemaRegistryClient.new_client({"url": "mock://"})
        rule = Rule(
            "sensitive",
            "",
            RuleKind.TRANSFORM,
            RuleMode.WRITEREAD,
            "ENCRYPT",
            ["PII"],
            RuleParams(
                {
                    "encrypt.kek.name": "bench",
                    "encrypt.kms.type": "local-kms",
                    "encrypt.kms.key.id": "bench",
                }
            ),
            None,
            None,
            "ERROR,ERROR",
            False,
        )
        schema = _schema()
        client.register_schema(
            f"{_TOPIC}-value", Schema(schema, "JSON", [], None, RuleSet(None, [rule]))
        )
        config = {"auto.register.schemas": False, "use.latest.version": True}
        self._serialize = JSONSerializer(schema, client, conf=config, rule_conf=_RULES)
        # Without a schema of its own: with one it would run that schema's rules, that is none.
        self._deserialize = JSONDeserializer(None, schema_registry_client=client, rule_conf=_RULES)
        self._context = SerializationContext(_TOPIC, MessageField.VALUE)

    def produce(self, datas: Sequence[dict[str, Any]]) -> list[bytes]:
        return [self._serialize(data, self._context) for data in datas]

    def consume(self, messages: Sequence[bytes]) -> list[dict[str, Any]]:
        return [self._deserialize(message, self._context) for message in messages]

    def data(self, opened: dict[str, Any]) -> dict[str, Any]:
        return opened

"""The prosecution service's XML reaches its partners; strands reach it as groups, never back."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import ClassVar

import pytest

from adapters.base import MappingError, Rejected, Row
from adapters.cps import ADAPTER
from adapters.cps.case_xml import NAMESPACE
from adapters.limits import MAX_FILE_BYTES
from adapters.sources.rejects import piece_bytes, rejected_pieces
from adapters.testing import AdapterBehaviour, MemoryLinks, full_data, opened

EXPORT = f"""<?xml version="1.0" encoding="UTF-8"?>
<x:CaseExport xmlns:x="{NAMESPACE}">
  <x:Case>
    <x:Action>ChargingDecision</x:Action>
    <x:Recipients><x:Agency>P1</x:Agency><x:Agency>P2</x:Agency></x:Recipients>
    <x:Case>
      <x:Number>CMS-1001</x:Number>
      <x:URN>01ZZ1000126</x:URN>
      <x:Stage>LegalDecision</x:Stage>
      <x:ExtractedOn>2026-11-02</x:ExtractedOn>
    </x:Case>
    <x:HateCrime><x:Flags><x:Flag>RacistAndReligious</x:Flag></x:Flags></x:HateCrime>
    <x:File><x:Forms>
      <x:Form><x:Number>MG3</x:Number><x:Reference>MG3-1001</x:Reference></x:Form>
    </x:Forms></x:File>
    <x:Charging>
      <x:Decision>B-Charge</x:Decision>
      <x:ActionPlan>Ask &lt;the shop&gt; for
footage &amp; the till roll.</x:ActionPlan>
    </x:Charging>
    <x:Victim><x:SpecialMeasures><x:Item>Screens</x:Item></x:SpecialMeasures></x:Victim>
    <x:Defendants>
      <x:Defendant><x:Name>Siân Notreal</x:Name><x:KnownToVictim>1</x:KnownToVictim></x:Defendant>
    </x:Defendants>
  </x:Case>
  <x:Case>
    <x:Action>HearingResult</x:Action>
    <x:Recipients><x:Agency>P1</x:Agency></x:Recipients>
    <x:Case><x:Number>CMS-1001</x:Number><x:URN>01ZZ1000126</x:URN></x:Case>
    <x:Hearing>
      <x:Plea>Guilty</x:Plea><x:Next>2026-12-01</x:Next>
      <x:Result>GuiltyPlea</x:Result><x:SentenceUplift>true</x:SentenceUplift>
    </x:Hearing>
  </x:Case>
</x:CaseExport>
"""


def refusal(content: bytes | str) -> MappingError:
    with pytest.raises(MappingError) as refused:
        list(ADAPTER.read(content.encode() if isinstance(content, str) else content))
    return refused.value


def kept(content: str) -> bytes:
    """The rejected cases of a file, as they are put aside."""
    records = ADAPTER.read(content.encode())
    rejected = [item for item in records if isinstance(item, Rejected)]
    return b"".join(piece_bytes(rejected_pieces(records, rejected), io.BytesIO(content.encode())))


def rejection(content: str) -> MappingError:
    first = next(iter(ADAPTER.read(content.encode())))
    assert isinstance(first, Rejected)
    return first.error


class TestCps(AdapterBehaviour):
    adapter = ADAPTER
    document = ADAPTER.mapping.document
    one_way: ClassVar = frozenset({"strands", "incident.strands"})

    def export(self) -> bytes:
        return EXPORT.encode()

    def test_a_charging_decision_means_this(self) -> None:
        links = MemoryLinks()
        decision, result = self.events(self.export(), self.context(links))
        assert decision.event.type == result.event.type == "case.updated"
        assert decision.event.recipients == ("partner-one", "partner-two")
        assert decision.event.data == {
            "case_id": links.find_shared("case", "CMS-1001"),
            "urn": "01ZZ1000126",
            "cps_stage": "legal_decision",
            "forms": [{"form": "MG3", "reference": "MG3-1001"}],
            "charging_decision": "charge",
            "action_plan": "Ask <the shop> for\nfootage & the till roll.",
            "victim": {"special_measures": ["screens"]},
            "alleged_perpetrators": [{"name": "Siân Notreal", "known_to_victim": True}],
        }
        assert result.event.data["outcome"] == "convicted_plea"
        assert result.event.data["sentence_uplift"] is True

    def test_strands_become_reporting_groups(self) -> None:
        flat = full_data(self.document, "case.updated") | {
            "strands": ["race", "religion", "transgender"]
        }
        written = ADAPTER.from_event(opened("case.updated", flat), self.context())
        (row,) = ADAPTER.read_back(written)
        assert row["HateCrime/Flags"] == ["RacistAndReligious", "HomophobicBiphobicTransphobic"]

    def test_a_reporting_group_is_never_sent_as_a_strand(self) -> None:
        for outgoing in self.events(self.export()):
            assert "strands" not in outgoing.event.data

    def test_the_missing_parts_of_a_decision_are_named(self) -> None:
        row = self.rows(self.export())[0]
        refused = replace(row, values={**row.values, "Charging/Decision": ""})
        with pytest.raises(MappingError) as error:
            ADAPTER.to_event(refused, self.context())
        assert error.value.code == "missing_value"
        assert error.value.where == "line 3, column Charging/Decision"

    def test_an_unknown_element_rejects_that_case_only(self) -> None:
        content = EXPORT.replace("<x:Stage>", "<x:Secret/><x:Stage>", 1)
        first, second = ADAPTER.read(content.encode())
        assert isinstance(first, Rejected)
        assert first.error.code == "unknown_column"
        assert first.error.where == "line 9"
        assert "Secret" not in first.error.diagnostics()
        assert isinstance(second, Row)

    def test_a_case_that_is_not_shaped_like_one_is_rejected(self) -> None:
        for old, new, code in (
            ("<x:Action>ChargingDecision", "<x:Action>A</x:Action><x:Action>B", "row_malformed"),
            ("<x:Charging>", "<x:Charging>stray", "row_malformed"),
            ("B-Charge", "<x:Deep/>", "row_malformed"),
            ("<x:Forms>", "<x:Forms>stray", "row_malformed"),
            ("<x:Form>", "<x:Form>stray", "row_malformed"),
            ("<x:Number>MG3", "<x:Number>MG5</x:Number><x:Number>MG3", "row_malformed"),
            ("<x:Charging>", '<x:Charging secret="1">', "unknown_column"),
            ("<x:Charging>", '<x:Charging xmlns:x="urn:example:other">', "unknown_column"),
            ("<x:Case>", "<x:Other/><x:Case>", "unknown_column"),
        ):
            assert rejection(EXPORT.replace(old, new, 1)).code == code

    def test_a_rejected_case_can_be_corrected_and_dropped_again(self) -> None:
        content = EXPORT.replace("<x:Stage>", "<x:Secret/><x:Stage>", 1)
        corrected = kept(content).replace(b"<x:Secret/>", b"")
        (row,) = self.rows(corrected)
        assert dict(row.values) == dict(self.rows(self.export())[0].values)

    def test_a_file_that_is_not_this_export_is_refused(self) -> None:
        assert refusal("<CaseExport/>").code == "file_malformed"
        assert refusal(EXPORT[: len(EXPORT) // 2]).code == "file_malformed"
        assert refusal("ACTION,PARTNERS\r\n").code == "file_malformed"
        assert refusal(b"<" * (MAX_FILE_BYTES + 1)).code == "file_too_large"
        unknown = EXPORT.replace("UTF-8", "x-unknown")
        assert refusal(unknown).code in ("file_encoding", "file_malformed")

    def test_entities_and_deep_nesting_are_refused(self) -> None:
        bomb = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "boom">]><a>&b;</a>'
        assert refusal(bomb).code == "file_malformed"
        assert refusal("<a>" * 5_000 + "</a>" * 5_000).code == "file_malformed"

    def test_other_encodings_that_xml_declares_are_read(self) -> None:
        latin = EXPORT.replace("UTF-8", "ISO-8859-1").encode("iso-8859-1")
        assert [o.event for o in self.events(latin)] == [
            o.event for o in self.events(EXPORT.encode("utf-8"))
        ]

    def test_a_character_that_xml_does_not_have_is_not_written(self) -> None:
        flat = full_data(self.document, "case.updated") | {"note": "bad \ufffe character"}
        with pytest.raises(MappingError) as error:
            ADAPTER.from_event(opened("case.updated", flat), self.context())
        assert error.value.code == "invalid_value"

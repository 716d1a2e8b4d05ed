"""Every setting and every case, in the order of the steps."""

from __future__ import annotations

from collections.abc import Mapping

from tests.vectors.making import (
    content_cases,
    contract_cases,
    contract_forms,
    contract_worlds,
    delegation_worlds,
    edge_cases,
    form_cases,
    grant_cases,
    history_cases,
    manifest_forms,
    manifest_worlds,
    model_cases,
    odd_terms,
    officer_worlds,
    opened_cases,
    origin_cases,
    place_cases,
    signature_cases,
    version_cases,
    vocabulary_cases,
    world_cases,
    worlds,
    wrap_cases,
)
from tests.vectors.making.ground import Ground
from tests.vectors.making.scene import Case
from tests.vectors.making.setting import Setting, founded


def all_settings(ground: Ground) -> dict[str, Setting]:
    """By name."""
    made = [
        founded("partnership", ground, shipped=True),
        worlds.rotated(ground),
        worlds.revoked(ground),
        worlds.standing(ground),
        worlds.undelegated(ground),
        worlds.shared_key(ground),
        version_cases.versions(ground),
        manifest_worlds.refused(ground),
        manifest_forms.forms(ground),
        delegation_worlds.delegations(ground),
        delegation_worlds.withdrawn(ground),
        contract_worlds.contracts(ground),
        contract_worlds.incomplete(ground),
        contract_forms.forms(ground),
        odd_terms.odd(ground),
        odd_terms.six_roles(ground),
        officer_worlds.officers(ground),
        vocabulary_cases.vocabularies(ground),
    ]
    return {setting.name: setting for setting in made}


def all_cases(settings: Mapping[str, Setting]) -> list[Case]:
    """Each name once."""
    partnership = settings["partnership"]
    cases = [
        *form_cases.cases(partnership),
        *origin_cases.cases(partnership),
        *signature_cases.cases(partnership),
        *place_cases.cases(partnership),
        *history_cases.cases(partnership),
        *wrap_cases.cases(partnership),
        *world_cases.cases(settings),
        *manifest_worlds.cases(settings["refused-manifests"]),
        *manifest_forms.cases(settings["manifest-forms"]),
        *delegation_worlds.cases(settings),
        *contract_cases.cases(settings),
        *contract_forms.cases(settings["contract-forms"]),
        *content_cases.cases(partnership),
        *grant_cases.cases(settings),
        *odd_terms.cases(settings),
        *officer_worlds.cases(settings["officers"]),
        *model_cases.cases(partnership),
        *opened_cases.cases(partnership),
        *edge_cases.cases(partnership),
        *version_cases.cases(settings["versions"]),
        *vocabulary_cases.cases(settings["vocabularies"]),
    ]
    names = [case.name for case in cases]
    assert len(set(names)) == len(names), sorted({n for n in names if names.count(n) > 1})
    return cases

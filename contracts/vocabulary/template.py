"""A first vocabulary for an officer to extend: one type, one code list, comments that explain."""

from __future__ import annotations

import json
from datetime import date
from typing import Final

__all__ = ["vocabulary_template"]

_TEMPLATE: Final = """\
# A vocabulary: event types, fields and code lists of one subject (docs/spec/vocabularies.md).
# An agreement pins this file by its hash, so a change needs a new version of the agreement.
format: concordant.vocabulary/v1
vocabulary: {name}
title: {title}
dated: {today}
source: "Written with concordant vocabulary new; name the people who decided on it"

# Groups of people that data may be about.
data_subjects:
  none: "No person"
  client: "The person whom the agencies serve"

# Kinds of values. Built in: uuid, day, time_of_day, instant, agency, email, language, boolean.
kinds:
  person_name: {{text: {{longest: 100}}}}
  long_text: {{text: {{longest: 2000}}}}

# Lists of codes, each with its date and its source.
code_lists:
  requested_service:
    dated: {today}
    source: "Name the source"
    codes:
      advice: "Advice"
      visit: "A visit"

# Event types, each with its fields. Every type has the id of the case.
event_types:
  request.made:
    description: "An agency asks another for a service for a person."
    fields:
      case_id: {{kind: uuid, required: true, label: "the shared number of the case",
        category: case, sensitivity: personal, data_subject: client}}
      requested_service: {{code: requested_service, required: true,
        label: "the service that is asked for", category: request, sensitivity: personal,
        data_subject: client}}
      name: {{kind: person_name, label: "the name of the person", category: identity,
        sensitivity: personal, data_subject: client, identifies: true}}
      agreed: {{kind: boolean, label: "whether the person agreed that the name is shared",
        category: consent, sensitivity: none, data_subject: client}}
      note: {{kind: long_text, label: "what the other agency should know", category: narrative,
        sensitivity: special-category, data_subject: client, identifies: true}}

# Consent: what is asked, which field has the answer, and the scope that names need.
consent:
  scopes:
    share_name: "Share the name"
  answers:
    agreed: share_name
  identity: share_name

# The part that a field or a type plays.
parts:
  case: case_id
"""


def vocabulary_template(name: str, title: str, today: date) -> str:
    """Return the text of a vocabulary file that loads and passes lint.

    Args:
        name: its name.
        title: one line for people.
        today: the date of its lists.
    """
    return _TEMPLATE.format(name=json.dumps(name), title=json.dumps(title), today=today)

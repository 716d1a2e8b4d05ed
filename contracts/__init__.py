"""What may flow between agencies: agreements, events, code lists and the decision field by field.

Pure but for loading files. Nothing here knows of Kafka, keys or databases: `broker` and `adapters`
import from here, never the other way round.
"""

from __future__ import annotations

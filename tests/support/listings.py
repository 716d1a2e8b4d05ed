"""Listings for tests: the file of a charity, and services made of a few words."""

from __future__ import annotations

from broker.directory.listing import (
    Capacity,
    ForPartners,
    Listing,
    Organisation,
    Service,
)

FILE = """\
organisation:
  name: Haven Support
  description: Support for people after hate crime.
  website: https://haven.example
services:
  emotional-support:
    name: Emotional support
    description: One to one support, by telephone or video.
    needs: [emotional_support, advocacy]
    strands: [disability, race]
    areas: [E09000007]
    minimum_age: 16
    languages: [en, ar]
    access: [Telephone and video only]
    opening:
      - {days: [MO, TU, WE, TH, FR], opens: 09:00, closes: 17:00}
    partners:
      intake: Refer over Concordant. We telephone within three days.
      safe_contact: Ask first whether it is safe to speak.
  safe-home:
    name: Safe home
    description: A place to stay for a short time.
    needs: [housing]
    areas: [E12000007]
    refuge: true
known:
  kitebridge:
    name: Kitebridge Advocacy
    needs: [advocacy]
    areas: [E09000007]
    email: hello@kitebridge.example
    source: Open directory of the borough
    invite: Ask the coordinator of the partnership to send the agreement.
"""


def service(
    *,
    name: str = "Support",
    needs: tuple[str, ...] = ("emotional_support",),
    strands: tuple[str, ...] = (),
    areas: tuple[str, ...] = ("E09000007",),
    capacity: Capacity | None = None,
    **more: object,
) -> Service:
    """A service."""
    values = {
        "name": name,
        "description": "Help.",
        "needs": needs,
        "strands": strands,
        "areas": areas,
        "partners": ForPartners(capacity=capacity),
    }
    return Service.model_validate(values | more)


def listing(*services: Service, capacity: Capacity | None = None) -> Listing:
    """A listing of these services; of one if none is given."""
    offered = services or (service(capacity=capacity),)
    return Listing(
        organisation=Organisation(name="Haven", description="Help."),
        services={f"s{number}": one for number, one in enumerate(offered)},
    )

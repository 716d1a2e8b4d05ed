"""One request as a page sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from starlette.responses import RedirectResponse, Response

from adapters.web.agency import OwnAgency
from adapters.web.errors import ProofMissingError
from adapters.web.people import Person, Role
from adapters.web.rendering import Renderer
from adapters.web.sessions import Session, WebSessions


@dataclass(frozen=True, slots=True)
class Form:
    """Texts and files that a form or an address sent."""

    texts: Mapping[str, Sequence[str]] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)

    def text(self, name: str, default: str = "") -> str:
        """Return the first text of a name, without spaces at its ends."""
        found = self.texts.get(name)
        return found[0].strip() if found else default

    def all(self, name: str) -> Sequence[str]:
        """Return every text of a name."""
        return self.texts.get(name, ())

    def file(self, name: str) -> bytes | None:
        """Return the content of a file; None if none was chosen."""
        return self.files.get(name) or None

    def number(self, name: str, default: int, *, most: int = 1_000_000) -> int:
        """Return a whole number, limited to 1 and ``most``; the default if the text is none."""
        text = self.text(name)
        if not (text.isascii() and text.isdigit() and len(text) <= 7):
            return default
        return min(max(int(text), 1), most)


@dataclass(frozen=True, slots=True)
class Visit:
    """A request of a person who has signed in, and the means to answer it.

    Attributes:
        agency: the agency.
        session: the person's session.
        route: the path, for marks in the navigation.
        path: parameters of the path.
        query: what the address holds.
        form: what a form sent.
        renderer: makes pages.
        sessions: sessions of all people.
        back: page of this application from which the person came.
    """

    agency: OwnAgency
    session: Session
    route: str
    path: Mapping[str, str]
    query: Form
    form: Form
    renderer: Renderer
    sessions: WebSessions
    back: str

    @property
    def person(self) -> Person:
        """Return the person."""
        return self.session.person

    def may(self, roles: frozenset[Role]) -> bool:
        """Return whether the person has one of some roles."""
        return bool(roles & self.person.roles)

    def require_recent_sign_in(self) -> None:
        """Require that the person has shown lately who they are, before a step without return.

        Raises:
            ProofMissingError: it was too long ago.
        """
        if not self.session.recent(self.agency.clock()):
            raise ProofMissingError(visit=self, onward=self.back)

    def page(self, template: str, *, status: int = 200, **values: object) -> Response:
        """Return a page.

        Args:
            template: path below ``templates/``.
            status: HTTP status.
            values: values for the template.
        """
        said, self.session.said = self.session.said, None
        return self.renderer.page(
            template, {**values, "visit": self, "said": said}, status=status, route=self.route
        )

    def redirect(self, path: str, said: str | None = None) -> Response:
        """Return the answer after a form: go to a page of this application.

        Args:
            path: absolute path.
            said: a sentence that the next page shows.
        """
        if said is not None:
            self.session.said = said
        return RedirectResponse(path, status_code=303)

    def download(self, content: bytes, name: str, media_type: str) -> Response:
        """Return a file to save.

        Args:
            content: its bytes.
            name: file name of letters, digits, dots, hyphens and underscores.
            media_type: its type.
        """
        return Response(
            content,
            media_type=media_type,
            headers={"content-disposition": f'attachment; filename="{name}"'},
        )

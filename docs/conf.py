"""Sphinx configuration of the documentation site: make docs.

Pages are plain Markdown, so that they read the same on GitHub and on the site. The order of the
pages is therefore here and not in the pages: `CONTENTS` adds the navigation while a page is read.
A link to a file outside docs/ becomes a download on the site, so it works without a network.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
HERE = Path(__file__).parent

project = "Concordant"
author = "The Concordant maintainers"
project_copyright = author
release = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
version = release

extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
root_doc = "index"
language = "en-GB"

myst_heading_anchors = 4
myst_enable_extensions = ["html_image"]

html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["print.css"]
html_title = f"Concordant {release}"
html_show_sphinx = False
html_copy_source = False
html_last_updated_fmt = None
html_theme_options = {
    "footer_icons": [],
    # The theme's own font stack: no font comes from the network.
    "light_css_variables": {"font-stack": "system-ui, sans-serif"},
    "dark_css_variables": {"font-stack": "system-ui, sans-serif"},
}
nitpicky = True
# A fence with a placeholder such as … is no valid JSON; it is shown without colours.
suppress_warnings = ["misc.highlighting_failure"]

CONTENTS: dict[str, list[tuple[str, list[str]]]] = {
    "index": [
        (
            "Start here",
            [
                "guides/an-agreement-from-draft-to-review",
                "guides/founding-a-partnership",
                "guides/joining-a-partnership",
                "guides/leaving-a-partnership",
                "guides/the-year-of-an-agency",
                "guides/officers",
                "guides/officers-pages",
                "guides/operators-pages",
                "guides/connecting-an-agency",
                "guides/web",
                "guides/desk",
                "guides/figures",
                "guides/directory",
                "guides/connecting-a-rest-client",
                "guides/connecting-a-bus",
                "guides/connecting-a-webhook",
                "guides/connecting-an-sftp-server",
                "guides/connecting-a-database",
                "guides/scaling-out",
                "guides/connecting-a-spreadsheet",
                "guides/connecting-an-xml-export",
                "guides/rehearsing",
                "guides/mappings",
                "guides/contracts-and-audits",
                "guides/vocabularies",
                "guides/lint-rules",
                "guides/python-client",
                "guides/subscribing",
                "guides/hosting-kafka",
                "guides/kubernetes",
                "guides/when-a-key-is-lost",
                "guides/writing-an-adapter",
            ],
        ),
        ("Concepts", ["concepts", "glossary", "architecture", "threat-model", "assurance/README"]),
        (
            "Reference",
            [
                *(
                    "commands",
                    "configuration",
                    "metrics",
                    "codes",
                    "runbook",
                    "events",
                    "formats",
                    "public-api",
                ),
                *(f"mappings/{kind}" for kind in ("csu", "council", "cps", "support")),
                "compatibility",
            ],
        ),
        ("Protocol", ["spec/README"]),
        ("Decisions", ["adr/README"]),
        ("Measurements", ["benchmarks", "faults", "mutants", "structure"]),
    ],
    "spec/README": [
        (
            "",
            [
                "envelope",
                "proof",
                "streams",
                "opening",
                "sending",
                "keys",
                "entries",
                "bundles",
                "contracts",
                "vocabularies",
                "figures",
                "contract-signatures",
                "topics",
                "receipts",
                "heartbeats",
                "reports",
                "pings",
                "partner-statements",
                "directory",
                "evidence",
                "disclosure-log",
                "model/README",
            ],
        )
    ],
    "guides/founding-a-partnership": [
        ("", [f"roles/{role}" for role in ("officer", "it-engineer", "kafka-host", "drafter")])
    ],
    "assurance/README": [("", ["caf", "asvs", "section-62"])],
    "adr/README": [("", sorted(path.stem for path in (HERE / "adr").glob("0*.md")))],
}
"""The pages below a page, by caption, in order."""


def adapt(app: object, name: str, source: list[str]) -> None:
    """Prepare the text of a page: links to pages outside docs/, then its navigation."""
    folder = (HERE / name).parent

    def outside(link: re.Match[str]) -> str:
        beyond = not (folder / link[1]).resolve().is_relative_to(HERE)
        return f"](path:{link[1]})" if beyond else link[0]

    source[0] = re.sub(r"\]\(((?:\.\./)+[^)#:]+\.md)(?:#[^)]*)?\)", outside, source[0])
    for caption, pages in CONTENTS.get(name, []):
        lines = [f":caption: {caption}"] if caption else []
        source[0] += "\n".join(["\n\n```{toctree}", ":hidden:", *lines, "", *pages, "```\n"])


def setup(app: object) -> dict[str, bool]:
    """Connect the navigation to Sphinx."""
    app.connect("source-read", adapt)  # type: ignore[attr-defined]
    return {"parallel_read_safe": True, "parallel_write_safe": True}

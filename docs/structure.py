"""Write docs/structure.md: the size and the order of the code.

`python docs/structure.py` measures the files as they are.
`python docs/structure.py REVISION...` prints the same tables for revisions, one column each.
"""

from __future__ import annotations

import ast
import io
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = Path(__file__).with_name("structure.md")
LAYERS = ("contracts", "broker", "adapters")
LARGE, SMALL = 400, 40
"""A file above LARGE lines, and a module below SMALL."""

HEAD = """\
# Structure in figures

The size and the order of the code. Made by `docs/structure.py`, which also measures earlier revisions:
`python docs/structure.py REVISION`. [Architecture](architecture.md) says what each package is for.

- A **circle** is a set of modules each of which imports, directly or through others, all the others.
- The **longest chain** is the longest list of modules each of which imports the next. The modules
  of a circle count as one.
- An **upward import** goes against the order of packages under `tool.importlinter` of the revision.
- **Topic and partition loose** counts functions that take both as parameters of their own.
- **Docstrings** are all texts of documentation in the code. **Statements** are the lines without
  docstrings, comments, imports and blank lines.

"""


@dataclass(frozen=True)
class Import:
    """One import of one module by another."""

    importer: str
    imported: str
    inner: bool
    """Whether it stands in a function or under TYPE_CHECKING."""


class Tree:
    """The Python files of one revision."""

    def __init__(self, root: Path) -> None:
        self.texts = {
            path.relative_to(root): path.read_text()
            for layer in LAYERS
            for path in sorted((root / layer).rglob("*.py"))
        }
        self.settings = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["importlinter"]

    @cached_property
    def modules(self) -> dict[str, ast.Module]:
        return {_name(path): ast.parse(text) for path, text in self.texts.items()}

    @cached_property
    def imports(self) -> set[Import]:
        found = set()
        for name, tree in self.modules.items():
            top = set(tree.body)
            for node in ast.walk(tree):
                if isinstance(node, ast.Import):
                    targets = [one.name for one in node.names]
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    targets = [self._imported(node.module, one.name) for one in node.names]
                else:
                    continue
                found |= {
                    Import(name, target, node not in top)
                    for target in targets
                    if target in self.modules and target != name
                }
        return found

    def _imported(self, module: str, name: str) -> str:
        return f"{module}.{name}" if f"{module}.{name}" in self.modules else module

    def circles(self, inner: bool) -> list[set[str]]:
        """Circles of imports at the start of the modules, or with those in functions."""
        return [part for part in self._parts(inner) if len(part) > 1]

    def _parts(self, inner: bool) -> list[set[str]]:
        """The strongly connected parts (Tarjan), each after the parts that it imports."""
        below: dict[str, set[str]] = {name: set() for name in self.modules}
        for one in self.imports:
            if inner or not one.inner:
                below[one.importer].add(one.imported)
        order: dict[str, int] = {}
        low: dict[str, int] = {}
        stack: list[str] = []
        parts: list[set[str]] = []

        def visit(name: str) -> None:
            order[name] = low[name] = len(order)
            stack.append(name)
            for other in sorted(below[name]):
                if other not in order:
                    visit(other)
                    low[name] = min(low[name], low[other])
                elif other in stack:
                    low[name] = min(low[name], order[other])
            if low[name] == order[name]:
                at = stack.index(name)
                parts.append(set(stack[at:]))
                del stack[at:]

        for name in sorted(self.modules):
            if name not in order:
                visit(name)
        return parts

    def longest_chain(self) -> list[str]:
        parts = self._parts(False)
        of = {name: at for at, part in enumerate(parts) for name in part}
        best: list[list[int]] = []
        for at in range(len(parts)):  # each part stands after those that it imports
            below = {
                of[one.imported] for one in self.imports if of[one.importer] == at and not one.inner
            }
            best.append(
                [at, *max((best[other] for other in below if other != at), key=len, default=[])]
            )
        return [min(parts[at]) for at in max(best, key=len)]

    def upward(self) -> list[Import]:
        """Imports against the order of packages that the revision states."""
        found = []
        for rule in self.settings["contracts"]:
            if rule["type"] != "layers":
                continue
            for container in rule.get("containers", [""]):
                prefix = f"{container}." if container else ""
                rank = {
                    prefix + package.strip(): at
                    for at, level in enumerate(reversed(rule["layers"]))
                    for package in level.split("|")
                }
                for one in self.imports:
                    here, there = (_under(name, rank) for name in (one.importer, one.imported))
                    if here and there and here != there and rank[here] <= rank[there]:
                        found.append(one)
        return found

    def demo_arrows(self) -> list[Import]:
        """Imports of the demo by modules outside it."""
        return [
            one
            for one in self.imports
            if ".demo" in one.imported
            and ".demo" not in one.importer
            and one.importer != "adapters.main"
        ]

    def lines(self, *prefix: str) -> int:
        return sum(
            t.count("\n") for path, t in self.texts.items() if path.parts[: len(prefix)] == prefix
        )

    def kinds(self, layer: str) -> Counter[str]:
        """Lines of docstrings and of statements."""
        found: Counter[str] = Counter()
        for path, text in self.texts.items():
            if path.parts[0] != layer:
                continue
            tree = self.modules[_name(path)]
            documented, imported = set[int](), set[int]()
            for node in ast.walk(tree):
                lines = range(getattr(node, "lineno", 0), (getattr(node, "end_lineno", 0) or 0) + 1)
                if (
                    isinstance(node, ast.Expr)
                    and isinstance(node.value, ast.Constant)
                    and isinstance(node.value.value, str)
                ):
                    documented.update(lines)
                elif isinstance(node, ast.Import | ast.ImportFrom):
                    imported.update(lines)
            left_out = documented | imported
            found["docstring"] += len(documented)
            found["statement"] += sum(
                bool(line.strip()) and not line.lstrip().startswith("#")
                for number, line in enumerate(text.splitlines(), 1)
                if number not in left_out
            )
        return found

    def loose_places(self) -> int:
        count = 0
        for tree in self.modules.values():
            for node in ast.walk(tree):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    given = {one.arg for one in (*node.args.args, *node.args.kwonlyargs)}
                    count += {"topic", "partition"} <= given
        return count

    def recurring_names(self) -> int:
        """File names of which a layer has two or more."""
        names = Counter(
            (path.parts[0], path.name) for path in self.texts if path.name != "__init__.py"
        )
        return sum(count > 1 for count in names.values())

    def sizes(self) -> list[int]:
        return [text.count("\n") for path, text in self.texts.items() if path.name != "__init__.py"]

    def figures(self) -> dict[str, int]:
        """Each figure of the table under its name."""
        packages = {path.parent for path in self.texts}
        kinds = self.kinds("broker")
        return {
            **{f"lines, `{layer}`": self.lines(layer) for layer in LAYERS},
            "lines of docstrings in `broker`": kinds["docstring"],
            "lines of statements in `broker`": kinds["statement"],
            "packages": len(packages),
            "modules": len(self.sizes()),
            f"modules below {SMALL} lines": sum(size < SMALL for size in self.sizes()),
            f"files above {LARGE} lines": sum(size > LARGE for size in self.sizes()),
            "file names that recur in a layer": self.recurring_names(),
            "longest chain of imports": len(self.longest_chain()),
            "upward imports between packages": len(self.upward()),
            "imports of the demo from outside it": len(self.demo_arrows()),
            "circles of modules": len(self.circles(inner=False)),
            "circles, with imports in functions or for types": len(self.circles(inner=True)),
            "functions with topic and partition loose": self.loose_places(),
        }

    def packages(self) -> dict[str, int]:
        """Lines of each package."""
        names = {path.parts[:2] if len(path.parts) > 2 else path.parts[:1] for path in self.texts}
        found = {}
        for name in sorted(names):
            found["/".join(name)] = (
                self.lines(*name)
                if len(name) > 1
                else sum(t.count("\n") for path, t in self.texts.items() if path.parts[:-1] == name)
            )
        return found


def _name(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def _under(module: str, packages: dict[str, int]) -> str | None:
    return next((one for one in packages if module == one or module.startswith(f"{one}.")), None)


def measure(revision: str | None) -> Tree:
    """The tree of a revision, or of the files as they are."""
    if revision is None:
        return Tree(ROOT)
    packed = subprocess.run(
        ["git", "archive", revision, *LAYERS, "pyproject.toml"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    with (
        tempfile.TemporaryDirectory() as folder,
        tarfile.open(fileobj=io.BytesIO(packed.stdout)) as tar,
    ):
        tar.extractall(folder, filter="data")
        return Tree(Path(folder))


def page(trees: dict[str, Tree]) -> str:
    """Both tables, one column a tree."""
    return "\n".join(
        (
            *_table("figure", trees, {name: tree.figures() for name, tree in trees.items()}),
            "",
            "Lines by package:",
            "",
            *_table("package", trees, {name: tree.packages() for name, tree in trees.items()}),
            "",
        )
    )


def _table(first: str, trees: dict[str, Tree], values: dict[str, dict[str, int]]) -> list[str]:
    rows = dict.fromkeys(row for of_one in values.values() for row in of_one)
    lines = [f"| {first} | {' | '.join(trees)} |", f"| --- |{' ---: |' * len(trees)}"]
    for row in rows:
        cells = (f"{values[name][row]:,}" if row in values[name] else "" for name in trees)
        lines.append(f"| {row} | {' | '.join(cells)} |")
    return lines


if __name__ == "__main__":
    if sys.argv[1:]:
        print(page({revision: measure(revision) for revision in sys.argv[1:]}))
    else:
        PAGE.write_text(HEAD + page({"now": measure(None)}))

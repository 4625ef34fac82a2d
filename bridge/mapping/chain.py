"""The files a profile is made of: itself, what it extends, and the code tables they name."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from bridge.mapping.cells import check_cells
from bridge.mapping.documents import Node, read_document
from bridge.mapping.errors import instead
from bridge.mapping.shelf import Shelf
from bridge.mapping.tables import CodeTable, read_table

MODALITIES = "modalities.csv"


@dataclass(frozen=True, slots=True)
class ProfileDocument:
    """One file of a chain of profiles that extend each other."""

    name: str
    root: Node
    entries: Mapping[str, Node]


class TableFinder:
    """Finds code tables: the profile's own name for one, else the file of that name."""

    def __init__(self, shelf: Shelf, documents: Iterable[ProfileDocument]) -> None:
        self._shelf = shelf
        self._files: dict[str, str] = {}
        self._read: dict[str, CodeTable] = {}
        for document in documents:
            if "tables" in document.entries:
                for name, node in document.entries["tables"].entries().items():
                    self._files[name] = node.text

    def __call__(self, node: Node) -> CodeTable:
        """The table that a profile calls by this name.

        Raises:
            ProfileError: there is none, or it is no code table.
        """
        file = self._files.get(node.text, f"{node.text}.csv")
        if file not in self._read:
            path = self._shelf.find(file)
            if path is None:
                known = (*self._files, *self._shelf.tables())
                raise node.error(f"no table {node.text!r}", instead(node.text, known))
            self._read[file] = read_table(path)
            check_cells(self._read[file], self._modalities)
        return self._read[file]

    def _modalities(self) -> frozenset[str]:
        """What a column `modality` may hold: the terms of the table `modalities`."""
        path = self._shelf.find(MODALITIES)
        if path is None:
            return frozenset()
        terms = read_table(path)
        return frozenset(row[terms.default_column()] for row in terms.rows.values())


def read_chain(name: str, shelf: Shelf, keys: Collection[str]) -> list[ProfileDocument]:
    """The profile and what it extends, the most general first; `keys` are those a file may have.

    Raises:
        ProfileError: a file is missing, has other keys, or they extend each other in a circle.
    """
    chain: list[ProfileDocument] = []
    seen: set[str] = set()
    wanted = Node(name, f"{name}.yaml", 1)
    while True:
        path = shelf.find(f"{wanted.text}.yaml")
        if path is None:
            fix = instead(wanted.text, shelf.profiles())
            raise wanted.error(f"no profile {wanted.text!r}", fix)
        root = read_document(path)
        entries = root.entries(keys)
        if "profile" not in entries or entries["profile"].text != wanted.text:
            raise root.error("the profile does not say its name", f"write `profile: {wanted.text}`")
        chain.insert(0, ProfileDocument(wanted.text, root, entries))
        seen.add(wanted.text)
        if "extends" not in entries:
            return chain
        wanted = entries["extends"]
        if wanted.text in seen:
            raise wanted.error("profiles extend each other in a circle", "extend ihe-swf")

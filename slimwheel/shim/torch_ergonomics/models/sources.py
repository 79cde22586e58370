"""Collects the sources that a network needs, by what they import. None of them is run.

What is carried are modules at or below some given names, the roots. What is imported from
elsewhere has to be Python's own or an installed distribution's.
"""

import os
import sys
from types import ModuleType
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Optional, Set, Tuple  # noqa: F401

from .errors import NotPortable
from .finding import code_of, find_spec, is_namespace, modules_at, search_path
from .imports import Import, Reading, read  # noqa: F401
from .outside import Distributions, is_standard

Source = NamedTuple(
    "Source", [("name", str), ("is_package", bool), ("code", bytes), ("filename", str)]
)
Collected = NamedTuple(
    "Collected",
    [
        ("sources", Dict[str, Source]),  # by dotted name, sorted
        ("namespaces", List[str]),  # packages above sources that are not carried themselves
        # What has to be installed to import the entries, without Python's own: the version of its
        # distribution, None if unknown, by top-level name.
        ("outside", Dict[str, Optional[str]]),
    ],
)

_OWN = "torch_ergonomics"
_MOST_PROBLEMS = 20


def collect(
    entries: Iterable[str],
    package: str,
    include: Iterable[str] = (),
    allow: Iterable[str] = (),
) -> Collected:
    """Finds the sources of some modules and of all that they import of the same package.

    Args:
        entries: dotted names of modules. Those that are not of the package are imports from
            outside.
        package: dotted name of the package or module that is carried. Of packages above it the
            code is not: it may only be imported through them, nothing from them.
        include: further packages and modules that are carried, whether imported or not.
        allow: top-level names that may be imported though no installed distribution has them.

    Raises:
        NotPortable: an import leads to what would be missing elsewhere, or a source cannot be
            had. The message has a line for each; the error's filename and line are the first's.
    """
    roots = [package, *include]
    collector = _Collector(roots, set(allow))
    for name in entries:
        collector.follow(Import(name, "", "", 0, False, False), None)
    # Both lists grow meanwhile.
    for item, source in collector.needed:
        collector.follow(item, source)
    collector.needs = False
    for name in roots[1:]:
        collector.add_tree(name)
    for item, source in collector.optional:
        collector.follow(item, source)
    return collector.result()


class _Collector:
    def __init__(self, roots: List[str], allow: Set[str]) -> None:
        self.roots = set(roots)
        self.above = {name for root in roots for name in _lineage(root)[:-1]}
        self.tops = {_lineage(root)[0] for root in roots}
        self.allow = allow
        self.sources = {}  # type: Dict[str, Source]
        self.readings = {}  # type: Dict[str, Reading]
        # What runs when the entries are imported, then what may run some time.
        self.needs = True
        self.needed = []  # type: List[Tuple[Import, Source]]
        self.optional = []  # type: List[Tuple[Import, Source]]
        self.codeless = set()  # type: Set[str]
        self.namespaces = set()  # type: Set[str]
        self.outside = {}  # type: Dict[str, Optional[str]]
        self.known = set()  # type: Set[str]
        self.specs = {}  # type: Dict[str, Any]
        self.distributions = Distributions()
        self.problems = {}  # type: Dict[str, NotPortable]

    def result(self) -> Collected:
        if self.problems:
            # Carrying a package carries what is in it.
            problems = [
                problem
                for key, problem in self.problems.items()
                if self.problems.keys().isdisjoint(_lineage(key)[:-1])
            ]
            lines = [str(problem) for problem in problems[:_MOST_PROBLEMS]]
            if len(problems) > _MOST_PROBLEMS:
                lines.append("and %d more like these" % (len(problems) - _MOST_PROBLEMS))
            raise NotPortable("\n".join(lines), problems[0].filename, problems[0].line)
        names = sorted(self.sources)
        above = {parent for name in names for parent in _lineage(name)[:-1]}
        return Collected(
            {name: self.sources[name] for name in names},
            sorted((above | self.namespaces) - set(names)),
            {name: self.outside[name] for name in sorted(self.outside)},
        )

    def follow(self, item: Import, source: Optional[Source]) -> None:
        """Carries what an import is of, or finds out where else that is."""
        module, name = item.module, item.name
        full = "%s.%s" % (module, name) if name not in ("", "*") else module
        if self._is_inside(module):
            if not self._carry(module, item, source):
                self._missing(item, source, module)
                return
            for part in self._parts(module, name):
                self._carry(part, item, source)
            if item.dynamic:
                place = "%s:%d" % (source.filename if source else "", item.line)
                problem = "in an archive %s is found by import statements, not by calls" % module
                self._problem(item, source, place, problem)
        elif self._is_inside(full):
            if not self._carry(full, item, source):
                self._missing(item, source, full)
        elif self._is_own(module):
            self._reach_out(item, source, full)
        else:
            self._classify(item, source)

    def add_tree(self, name: str) -> None:
        """Carries a package or module with all that is below it."""
        if not self._carry(name):
            problem = "include names %s, and there is no such module" % name
            self.problems.setdefault(name, NotPortable(problem))
            return
        names = [name]
        seen = set()  # type: Set[str]
        while names:
            parent = names.pop()
            children = set()  # type: Set[str]
            for path in search_path(parent) or ():
                # Links may lead in circles.
                real = os.path.realpath(path)
                if real not in seen:
                    seen.add(real)
                    children.update(modules_at(path))
            for child in sorted(children):
                if self._carry("%s.%s" % (parent, child)):
                    names.append("%s.%s" % (parent, child))

    def _is_inside(self, name: str) -> bool:
        return not self.roots.isdisjoint(_lineage(name))

    def _is_own(self, name: str) -> bool:
        """Whether its top-level name is one that modules are carried of."""
        return name.partition(".")[0] in self.tops

    def _parts(self, module: str, name: str) -> Iterator[str]:
        """The modules that `from module import name` may import beside the first."""
        names = [name] if name else []
        if name == "*":
            names = self.readings[module].exported if module in self.readings else []
        loaded = getattr(sys.modules.get(module), "__dict__", {})
        for part in names:
            # What the package has under this name comes before a module.
            if part not in loaded or isinstance(loaded[part], ModuleType):
                yield "%s.%s" % (module, part)

    def _carry(
        self, name: str, item: Optional[Import] = None, source: Optional[Source] = None
    ) -> bool:
        """Adds a module, and the packages that it is in. False if there is none.

        Directories without code are noted only where an import names them.
        """
        for part in _lineage(name):
            if not self._is_inside(part):
                continue
            if part not in self.sources and part not in self.codeless:
                spec = self._find(part)
                if spec is None:
                    return False
                self._add(part, spec, item, source)
            if item is not None and part in self.codeless:
                self.namespaces.add(part)
        return True

    def _add(self, name: str, spec: Any, item: Optional[Import], source: Optional[Source]) -> None:
        is_package = spec.submodule_search_locations is not None
        filename = spec.origin or name
        code = code_of(spec)
        if not code and is_namespace(spec):
            self.codeless.add(name)
            return
        self.sources[name] = Source(name, is_package, code or b"", filename)
        if code is None:
            problem = (
                "%s (%s) is compiled or made at run time, only sources are carried: it has to be "
                "in an installed package of its own" % (name, filename)
            )
            self._problem(item, source, name, problem)
            return
        try:
            reading = read(code, filename, name, is_package)
        except NotPortable as error:
            self.problems.setdefault(name, error)
            return
        self.readings[name] = reading
        for found in reading.imports:
            needed = self.needs and not found.optional
            (self.needed if needed else self.optional).append((found, self.sources[name]))

    def _reach_out(self, item: Import, source: Optional[Source], full: str) -> None:
        """An import of what is beside or above what is carried."""
        name, spec = item.module, self._find(item.module)
        if spec is not None and (name in self.above or is_namespace(spec)) and self._find(full):
            name, spec = full, self._find(full)
        if spec is None or (is_namespace(spec) and name != full):
            self._missing(item, source, full)
        elif name not in self.above:
            problem = '%s is not carried: add include=["%s"]' % (name, name)
            self._problem(item, source, name, problem)
        elif not is_namespace(spec):
            problem = (
                "of %s the code is not carried, it is above what is: import from the module that "
                'has what is meant, or name the package "%s"' % (name, name)
            )
            self._problem(item, source, name, problem)

    def _classify(self, item: Import, source: Optional[Source]) -> None:
        """An import of what is somewhere else."""
        top = _lineage(item.module)[0]
        if top in self.known:
            return
        spec = self._find(top) if top else None
        found, version = False, None  # type: bool, Optional[str]
        standard = is_standard(top, spec)
        if spec is not None and not standard:
            found, version = self.distributions.find(top, spec)
        if standard:
            self.known.add(top)
        elif found or top in self.allow or top == _OWN:
            self.known.add(top)
            if self.needs:
                self.outside[top] = version
        elif spec is None and top not in sys.modules:
            self._missing(item, source, top or item.module)
        else:
            problem = (
                '%s (%s) is neither carried nor installed: add include=["%s"], or allow=["%s"] if '
                "it is there wherever the archive is loaded"
                % (top, getattr(spec, "origin", None) or "no file", top, top)
            )
            self._problem(item, source, top, problem)

    def _missing(self, item: Import, source: Optional[Source], name: str) -> None:
        # Where it is missing now and the network works, it is not what the network needs.
        if self.needs:
            problem = "there is no module %s here: install it, or catch the ImportError" % name
            self._problem(item, source, name, problem)

    def _problem(
        self, item: Optional[Import], source: Optional[Source], key: str, problem: str
    ) -> None:
        """Notes a problem, once for each key."""
        error = NotPortable(problem)
        if item is not None and source is not None:
            text = "%s:%d: `%s`: %s" % (source.filename, item.line, item.text, problem)
            error = NotPortable(text, source.filename, item.line)
        self.problems.setdefault(key, error)

    def _find(self, name: str) -> Any:
        """The spec of a module, None if there is none. Imports nothing."""
        if name not in self.specs:
            self.specs[name] = find_spec(name)
        return self.specs[name]


def _lineage(name: str) -> List[str]:
    """A module's name behind those of the packages that it is in, the outermost first."""
    parts = name.split(".")
    return [".".join(parts[: count + 1]) for count in range(len(parts))]

"""Reading the walls of the house off its source: which module imports which, and what it must not."""

import ast
import dataclasses
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
APPS = ("djtaskq_beat", "djtaskq_results", "djtaskq_monitor")
PACKAGES = ("djtaskq", *APPS)

PURE = (
    "djtaskq.redaction",
    "djtaskq.task_progress",
    "djtaskq.tracebacks",
    "djtaskq_beat.occurrences",
    "djtaskq_beat.policies",
    "djtaskq_results.states",
    "djtaskq_results.rows",
    "djtaskq_results.ages",
    "djtaskq_results.lifetimes",
    "djtaskq_results.pace",
    "djtaskq_results.spans",
    "djtaskq_monitor.brokers.figures",
    "djtaskq_monitor.brokers.messages",
    "djtaskq_monitor.recording.events",
    "djtaskq_monitor.recording.merge",
    "djtaskq_monitor.recording.order",
    "djtaskq_monitor.recording.repeats",
    "djtaskq_monitor.recording.values",
    "djtaskq_monitor.search",
    "djtaskq_monitor.statistics.contributions",
    "djtaskq_monitor.statistics.histogram",
    "djtaskq_monitor.statistics.shown",
    "djtaskq_monitor.statistics.tally",
)
# Celery's modules that need neither an app nor a broker.
PURE_CELERY = ("celery.schedules", "celery.states", "celery.utils.time")

STOREYS = (
    (
        *("models", "querysets", "managers"),
        *("api.models", "brokers.models", "dashboard.models", "statistics.models"),
    ),
    (
        "store",
        "queries",
        "control",
        "recording.store",
        "statistics.folding",
        "statistics.charts",
        "statistics.counters",
    ),
    ("schedulers", "backends", "camera", "admin", "dashboard", "api", "metrics", "views", "management"),
)


@dataclasses.dataclass(frozen=True)
class Import:
    """One import: who imports what, where."""

    module: str
    imported: str
    place: str


@dataclasses.dataclass(frozen=True)
class Source:
    """One module of the suite."""

    module: str
    path: Path
    tree: ast.Module

    def imports(self) -> Iterator[Import]:
        for node in ast.walk(self.tree):
            place = f"{self.path}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield Import(self.module, alias.name, place)
            elif isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    yield Import(self.module, f"{self._base(node)}.{alias.name}", place)

    def _base(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        package = self.module.split(".")
        if self.path.name != "__init__.py":
            package = package[:-1]
        package = package[: len(package) - node.level + 1]
        return ".".join([*package, *filter(None, [node.module])])


def sources(root: Path = ROOT) -> list[Source]:
    return [
        Source(_module(path.relative_to(root)), path, ast.parse(path.read_text()))
        for package in PACKAGES
        for path in sorted((root / package).rglob("*.py"))
        if "migrations" not in path.parts
    ]


def _module(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def app_imports_app(found: Import) -> bool:
    return any(
        within(found.module, app) and within(found.imported, other)
        for app in APPS
        for other in APPS
        if app != other
    )


def core_imports_upwards(found: Import) -> bool:
    in_core = within(found.module, "djtaskq") and not within(found.module, "djtaskq.project")
    upwards = (*APPS, "djtaskq.project", "django_celery_beat", "django_celery_results")
    return in_core and any(within(found.imported, package) for package in upwards)


def peer_outside_its_app(found: Import) -> bool:
    return (within(found.imported, "django_celery_beat") and not within(found.module, "djtaskq_beat")) or (
        within(found.imported, "django_celery_results") and not within(found.module, "djtaskq_results")
    )


def project_names_apps_by_import(found: Import) -> bool:
    return (
        within(found.module, "djtaskq.project")
        and found.module != "djtaskq.project.urls"
        and any(within(found.imported, app) for app in APPS)
    )


def pure_module_is_not(found: Import) -> bool:
    if not any(within(found.module, pure) for pure in PURE):
        return False
    impure = ("django.db", "django.apps", "django.conf", "djtaskq.db.upsert", "djtaskq.db.claims")
    if any(within(found.imported, package) for package in impure):
        return True
    if within(found.imported, "celery"):
        return not any(within(found.imported, package) for package in PURE_CELERY)
    return ".models" in found.imported or ".store" in found.imported


def looks_upwards(found: Import) -> bool:
    """An import from one storey of an app to a higher one of the same app."""
    app = found.module.split(".")[0]
    if app not in APPS or not within(found.imported, app):
        return False
    own, other = _storey(found.module), _storey(found.imported)
    return own is not None and other is not None and other > own


def _storey(module: str) -> int | None:
    inside = module.partition(".")[2]
    for storey, names in enumerate(STOREYS):
        if any(within(inside, name) for name in names):
            return storey
    return None


def dialect_words(source: Source) -> Iterator[str]:
    """Places outside djtaskq/db that ask for a vendor or write SQL themselves."""
    if within(source.module, "djtaskq.db"):
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute) and node.attr in {"vendor", "cursor", "raw", "extra"}:
            yield f"{source.path}:{node.lineno} .{node.attr}"
        if isinstance(node, ast.Name) and node.id == "RawSQL":
            yield f"{source.path}:{node.lineno} RawSQL"


def settings_readers(source: Source) -> Iterator[str]:
    """Places outside djtaskq/conf.py that read our dictionary."""
    if source.module == "djtaskq.conf":
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute) and node.attr == "DJTASKQ":
            yield f"{source.path}:{node.lineno}"
        if isinstance(node, ast.Call) and any(
            isinstance(arg, ast.Constant) and arg.value == "DJTASKQ" for arg in node.args
        ):
            yield f"{source.path}:{node.lineno}"


def functions(source: Source) -> Iterator[tuple[str, int]]:
    """Each function's place and length in lines, without its docstring."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0]
            start = node.lineno
            if ast.get_docstring(node) is not None and first.end_lineno is not None:
                start += first.end_lineno - first.lineno + 1
            yield f"{source.path}:{node.lineno} {node.name}", (node.end_lineno or start) - start + 1


def ready_statements(source: Source) -> Iterator[tuple[str, ast.stmt]]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef) and node.name == "ready":
            for statement in node.body:
                yield f"{source.path}:{statement.lineno}", statement


def connects_or_registers(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return True
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        return True
    if not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call)):
        return False
    called = statement.value.func
    name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
    return name.startswith(("connect", "register"))

"""What can be chosen, as rows: implementations, suites, cases."""

from collections.abc import Sequence
from typing import Any

from ..plugins.declaration import Implementation
from ..plugins.libraries import is_installed, library_version, missing
from ..plugins.registry import Registry
from ..problems.random_problems import RANDOM
from ..problems.suite import Suite
from ..problems.suite_files import CONFORMANCE, CONFORMANCE_PARTS, find_suite, suite_names

Row = dict[str, Any]


def implementation_rows(registry: Registry, patterns: Sequence[str] = ()) -> list[Row]:
    """Return what each implementation declares, and last the files whose library is missing."""
    rows = [_implementation_row(one) for one in registry.select(patterns)]
    if not patterns:
        rows += [
            {"implementation": f"{one.family}.*", "available": one.reason, "library": one.library}
            for one in registry.unavailable
        ]
    return rows


def _implementation_row(one: Implementation) -> Row:
    lacking = [library for library in (one.library, one.arrays) if not is_installed(library)]
    constraints = dict(one.constraints)
    ndim = constraints.pop("ndim", 2)
    only = [f"{name}={value}" for name, value in constraints.items()]
    only += [] if one.layout == "contiguous" else [f"layout={one.layout}"]
    only += ["flushes_subnormals"] if one.flushes_subnormals else []
    only += [] if one.deterministic else ["not deterministic"]
    only += ["and its own when="] if one.when else []
    return {
        "implementation": one.name,
        "available": missing(lacking[0]) if lacking else "yes",
        "library": one.library,
        "version": library_version(one.library),
        "ndim": _words(ndim),
        "dtypes": _words(one.dtypes),
        "takes": _words(name for name in one.parameters if name not in ("x", "weight")),
        "only": _words(only),
        "accuracy": one.accuracy.name,
        "locality": one.locality,
        "timed": "plan" if one.is_plan else "call",
        "origin": one.origin,
        "about": one.description,
    }


def suite_rows() -> list[Row]:
    """Return the suites that come with convharness, and the names that stand for others."""
    suites = [find_suite(name) for name in suite_names()]
    rows = [{"suite": suite.name, "cases": len(suite), "about": suite.description} for suite in suites]
    about = "N random problems; random:N:SEED repeats those of a run."
    return [
        *rows,
        {"suite": f"{RANDOM}:N", "about": about},
        {"suite": CONFORMANCE, "about": f"What check asks: {', '.join(CONFORMANCE_PARTS)}."},
    ]


def case_rows(suites: Sequence[Suite]) -> list[Row]:
    """Return the cases of suites with their costs; with the suite where there are several or a seed."""
    is_named = len(suites) > 1 or any(":" in suite.name for suite in suites)
    return [
        {
            **({"suite": suite.name} if is_named else {}),
            "case": case.label,
            "problem": str(case),
            "weight": case.weight,
            "parameters": case.total("parameters"),
            "macs": case.total("macs"),
            "about": case.description,
        }
        for suite in suites
        for case in suite
    ]


def _words(values: Any) -> str:
    return " ".join(map(str, values)) if not isinstance(values, (str, int)) else str(values)

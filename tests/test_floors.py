"""The rules of the house that can be read off the source.

``spin lint`` checks the order of the floors; this file needs only the standard library.
"""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "skexperts"
MAX_LINES = 400

# Methods that sklearn.utils.metaestimators._BaseComposition, bridged in _sklearn.py,
# gives to its subclasses. Every other inherited private method is out of bounds.
BRIDGED_METHODS = {"_get_params", "_set_params", "_validate_names"}

# Sparse X is never made dense. Each exception: file -> why it is not X that grows.
DENSE_ALLOWED = {
    "decomposition/_learn.py": "a few rows that become atoms",
    "decomposition/_dictionary.py": "one row at a time, while atoms are drawn",
    "decomposition/_draw_patches.py": "a batch of images at a time",
    "decomposition/_encode_patches.py": "a batch of images, and of their codes",
    "svm/_base.py": "coefficients made sparse by sparsify(), for a warm start",
    "decomposition/_encode.py": "norms of rows",
    "decomposition/_base.py": "the codes, for sparse_output=False",
    "inspection/_model.py": "coefficients, for arrays of all experts",
}

# Loaded where they are used, so that `import skexperts` stays quick and needs no extra.
HEAVY = {"dask", "matplotlib", "networkx", "pandas", "polars", "ray", "skops"}


def parse(folder):
    return {
        path.relative_to(folder).as_posix(): ast.parse(
            path.read_text("utf-8"), str(path)
        )
        for path in sorted(folder.rglob("*.py"))
    }


SOURCES = parse(PACKAGE)
TESTS = parse(ROOT / "tests")


def find(trees, matches, allowed=()):
    """Return "file:line" of every node for which ``matches(node)`` is true."""
    return [
        f"{name}:{node.lineno}"
        for name, tree in trees.items()
        if name not in allowed
        for node in ast.walk(tree)
        if matches(node)
    ]


def imported(node):
    """Full dotted names that an import statement reads, none for other nodes."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return []


def is_private_sklearn(name):
    package, *parts = name.split(".")
    return package == "sklearn" and any(part.startswith("_") for part in parts)


def is_joblib(name):
    return name.split(".")[0] == "joblib" or f"{name}.".startswith(
        "sklearn.utils.parallel."
    )


def is_self_or_super(node):
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id == "super"
    return isinstance(node, ast.Name) and node.id == "self"


def at_import_time(tree):
    """Nodes that run when the module is imported: not the bodies of functions."""
    nodes = [tree]
    while nodes:
        node = nodes.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            nodes.extend(ast.iter_child_nodes(node))


def test_the_package_is_found():
    assert len(SOURCES) > 10


def test_only_one_file_calls_joblib():
    assert not find(
        SOURCES,
        lambda node: any(map(is_joblib, imported(node))),
        allowed={"_parallel.py"},
    )


@pytest.mark.parametrize(
    ("trees", "allowed"), [(SOURCES, {"_sklearn.py"}), (TESTS, set())]
)
def test_only_one_file_names_private_scikit_learn(trees, allowed):
    assert not find(
        trees, lambda node: any(map(is_private_sklearn, imported(node))), allowed
    )


def test_no_inherited_private_method_is_called():
    ours = BRIDGED_METHODS | {
        getattr(node, "name", None) or getattr(node, "attr", None) or node.id
        for tree in SOURCES.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        or (
            isinstance(node, ast.Name | ast.Attribute)
            and isinstance(node.ctx, ast.Store)
        )
    }
    assert not find(
        SOURCES,
        lambda node: (
            isinstance(node, ast.Attribute)
            and is_self_or_super(node.value)
            and node.attr.startswith("_")
            and not node.attr.startswith("__")
            and node.attr not in ours
        ),
    )


def test_sparse_data_is_not_made_dense():
    dense = find(
        SOURCES,
        lambda node: (
            isinstance(node, ast.Attribute) and node.attr in {"toarray", "todense"}
        ),
    )
    assert {place.split(":")[0] for place in dense} == set(DENSE_ALLOWED)


def test_input_is_not_checked_by_assert():
    assert not find(SOURCES, lambda node: isinstance(node, ast.Assert))


def test_nothing_heavy_is_imported_with_the_package():
    assert not [
        f"{name}:{node.lineno}"
        for name, tree in SOURCES.items()
        for node in at_import_time(tree)
        if any(module.split(".")[0] in HEAVY for module in imported(node))
    ]


def test_every_kernel_has_a_typed_twin_and_is_built():
    kernels = PACKAGE / "_kernels"
    names = {path.stem for path in kernels.glob("*.pyx")}
    assert names == {path.stem for path in kernels.glob("*.pyi")}
    built = (kernels / "meson.build").read_text("utf-8")
    assert not [name for name in names if f"'{name}'" not in built]


def test_files_are_short():
    lines = {
        path.relative_to(ROOT).as_posix(): len(path.read_text("utf-8").splitlines())
        for pattern in ("*.py", "*.pyx", "*.pyi")
        for path in PACKAGE.rglob(pattern)
    }
    assert not {name: count for name, count in lines.items() if count > MAX_LINES}

"""What is public: the names in ``__all__``, and all of them are in the reference."""

import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import pytest
from sklearn.base import BaseEstimator

import skexperts

REFERENCE = Path(__file__).resolve().parents[1] / "docs" / "api.rst"
PUBLIC = {
    info.name: importlib.import_module(f"skexperts.{info.name}")
    for info in pkgutil.iter_modules(skexperts.__path__)
    if not info.name.startswith("_")
}


def reference():
    """Yield (module, name) for every entry of the tables of docs/api.rst."""
    module = None
    for line in REFERENCE.read_text("utf-8").splitlines():
        if heading := re.match(r"\.\. currentmodule:: skexperts\.(\w+)", line):
            module = heading[1]
        elif entry := re.match(r" {3}(\w+)$", line):
            yield module, entry[1]


@pytest.mark.parametrize("module", [skexperts, *PUBLIC.values()], ids=["", *PUBLIC])
def test_all_is_sorted_and_importable(module):
    assert module.__all__ == sorted(module.__all__)
    assert [name for name in module.__all__ if not hasattr(module, name)] == []


def test_every_estimator_is_importable_from_the_top():
    estimators = {
        name
        for module in PUBLIC.values()
        for name in module.__all__
        if inspect.isclass(getattr(module, name))
        and issubclass(getattr(module, name), BaseEstimator)
    }
    assert estimators == set(skexperts.__all__) - {"__version__"}


@pytest.mark.parametrize("module", PUBLIC.values(), ids=PUBLIC)
def test_every_estimator_is_importable_from_its_package(module):
    inside = [
        importlib.import_module(info.name)
        for info in pkgutil.iter_modules(
            getattr(module, "__path__", []), f"{module.__name__}."
        )
    ]
    estimators = {
        name
        for part in inside
        for name, member in inspect.getmembers(part, inspect.isclass)
        if issubclass(member, BaseEstimator) and member.__module__ == part.__name__
        if not name.startswith("_") and not inspect.isabstract(member)
    }
    assert estimators <= set(module.__all__)


def test_the_reference_lists_every_public_name_once():
    listed = list(reference())
    public = [(name, key) for name, module in PUBLIC.items() for key in module.__all__]
    assert sorted(listed) == sorted(public)

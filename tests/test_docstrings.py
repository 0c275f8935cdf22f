"""Docstrings say what the signatures say; their examples and those of the guide run."""

import doctest
import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import pytest

import skexperts

ROOT = Path(__file__).resolve().parents[1]
MODULES = {
    info.name: importlib.import_module(info.name)
    for info in pkgutil.walk_packages(skexperts.__path__, "skexperts.")
}
EXAMPLES = {
    name: [test for test in doctest.DocTestFinder().find(module) if test.examples]
    for name, module in MODULES.items()
}


def public_callables():
    """Yield (name, callable) for public functions, classes and methods."""
    for module in MODULES.values():
        for name in getattr(module, "__all__", []):
            member = getattr(module, name)
            if "._" in module.__name__ or not callable(member):
                continue
            yield f"{module.__name__}.{name}", member
            for key, method in inspect.getmembers(member, inspect.isfunction):
                if not key.startswith("_") and method.__module__.startswith(
                    "skexperts"
                ):
                    yield f"{module.__name__}.{name}.{key}", method


def documented_parameters(docstring):
    """Names in the numpydoc section "Parameters", in order."""
    parts = re.split(r"^(\w[\w ]*)\n-{3,}\n", inspect.cleandoc(docstring), flags=re.M)
    section = dict(zip(parts[1::2], parts[2::2], strict=True)).get("Parameters", "")
    heads = re.findall(r"^(\*{0,2}\w[^:\n]*?)(?: :.*)?$", section, flags=re.M)
    return [name.lstrip("*") for head in heads for name in head.split(", ")]


def run_examples(tests):
    report = []
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    for test in tests:
        runner.run(test, out=report.append)
    assert not runner.failures, "".join(report)


@pytest.mark.parametrize(
    "member", [pytest.param(member, id=name) for name, member in public_callables()]
)
def test_parameters_are_documented_in_order(member):
    assert member.__doc__, "no docstring"
    if isinstance(member, type) and issubclass(member, Exception):
        return
    signature = [
        name for name in inspect.signature(member).parameters if name != "self"
    ]
    assert documented_parameters(member.__doc__) == signature


@pytest.mark.parametrize("module", [name for name, tests in EXAMPLES.items() if tests])
def test_the_examples_of_docstrings_run(module):
    run_examples(EXAMPLES[module])


def test_the_examples_of_the_guide_run():
    path = ROOT / "docs" / "user_guide.md"
    text = re.sub(r"^```.*$", "", path.read_text("utf-8"), flags=re.M)
    run_examples([doctest.DocTestParser().get_doctest(text, {}, "guide", str(path), 0)])

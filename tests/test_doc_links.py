"""The HTML of every public estimator links to the page of its class, and only there."""

import re
from pathlib import Path

import pytest
from sklearn.base import BaseEstimator
from sklearn.utils import estimator_html_repr

import skexperts
from skexperts.gating import HardGate
from skexperts.partition._function_partitioner import _FunctionPartitioner

ROOT = Path(__file__).resolve().parents[1]
ESTIMATORS = [
    getattr(skexperts, name)
    for name in skexperts.__all__
    if isinstance(getattr(skexperts, name), type)
    and issubclass(getattr(skexperts, name), BaseEstimator)
]

ARGUMENTS = {"ColumnPartitioner": [0]}


def links(estimator):
    """Targets of the links whose text says that they lead to the documentation."""
    html = estimator_html_repr(estimator)
    links = re.findall(r'<a [^>]*class="sk-estimator-doc-link[^>]*>', html)
    return [
        found[1]
        for link in links
        if (found := re.search(r'href="([^"]*\.html)"', link))
    ]


def pages():
    """Pages that autosummary writes for docs/api.rst, as seen from an example."""
    text = (ROOT / "docs" / "api.rst").read_text("utf-8")
    found, module = {}, None
    for line in text.splitlines():
        if match := re.match(r"\.\. currentmodule:: ([\w.]+)", line):
            module = match[1]
        elif match := re.match(r" {3}:toctree: (\S+)", line):
            folder = match[1]
        elif match := re.match(r" {3}(\w+)$", line):
            found[match[1]] = f"../{folder}{module}.{match[1]}.html"
    return found


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_the_html_links_to_the_page_of_the_class(estimator):
    name = estimator.__name__
    assert links(estimator(*ARGUMENTS.get(name, []))) == [pages()[name]]


class Mine(HardGate):
    pass


@pytest.mark.parametrize("estimator", [Mine(), _FunctionPartitioner(len)])
def test_what_has_no_page_has_no_link(estimator):
    assert links(estimator) == []

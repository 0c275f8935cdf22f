"""Configuration of the site."""

import re
import sys
from importlib.metadata import version as installed_version
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))

from benchmarks import pages

project = "skexperts"
author = "The skexperts developers"
copyright = author
version = release = installed_version("skexperts")

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx_gallery.gen_gallery",
    "numpydoc",
    "myst_parser",
]
exclude_patterns = ["_build", "changes.d"]
templates_path = ["_templates"]
html_theme = "pydata_sphinx_theme"
html_title = "skexperts"
# These have no sections below them.
_ALONE = ("changes", "contributing", "design", "user_guide")
html_sidebars = {name: [] for name in _ALONE}
html_theme_options = {"navigation_with_keys": True, "show_toc_level": 2}

# Methods are written out on the page of their class, by the template.
numpydoc_show_class_members = False
autodoc_typehints = "none"

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 2

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"\.py$",
    "abort_on_example_error": True,
    "show_memory": False,
}


def skip_scikit_learn(app, what, name, member, skip, options):
    """Leave out the methods that scikit-learn defines and documents."""
    return skip or (getattr(member, "__module__", None) or "").startswith("sklearn.")


def escape_types(app, what, name, obj, options, lines):
    """Keep names such as n_features_in_ in types from being read as links."""
    for i, line in enumerate(lines):
        head, colon, kind = line.partition(" : ")
        if colon and re.fullmatch(r"\s*\w+(, \w+)*", head):
            lines[i] = head + colon + re.sub(r"\b(\w+)_\b", r"\1\\_", kind)


def write_benchmark_pages(app):
    """Write the pages of docs/results anew."""
    pages.write()


def setup(app):
    app.connect("builder-inited", write_benchmark_pages)
    app.connect("autodoc-skip-member", skip_scikit_learn)
    # numpydoc comes after it, at the default priority of 500.
    app.connect("autodoc-process-docstring", escape_types, priority=400)

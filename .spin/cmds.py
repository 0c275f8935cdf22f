"""The tasks of the project: ``spin build | test | lint | docs | bench``."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parents[1]
# Tools of the Python that runs spin come first, whether or not its venv is activated.
TOOLS = {
    "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
}
PASS_ON = {"ignore_unknown_options": True}
# lint-imports, but an editable install does not hide the source files from it.
LINT_IMPORTS = """import sys
sys.meta_path[:] = [f for f in sys.meta_path if "editable" not in type(f).__module__]
from importlinter.cli import lint_imports_command
lint_imports_command()
"""


def run(*command, check=True):
    """Show a command, run it at the root of the repository and return its exit code."""
    click.secho("$ " + shlex.join(command), bold=True)
    code = subprocess.run(command, cwd=ROOT, env=os.environ | TOOLS).returncode
    if code and check:
        sys.exit(code)
    return code


@click.command()
def build():
    """Install in place; the kernels are rebuilt on import after a change."""
    run("pip", "install", "--no-build-isolation", "--editable", ".")


@click.command(context_settings=PASS_ON)
@click.argument("arguments", nargs=-1)
def test(arguments):
    """Run the tests; ARGUMENTS go to pytest."""
    run("pytest", *arguments)


@click.command()
def lint():
    """Check format, style, types, docstrings and floors; run all even if one fails."""
    modules = [str(path.relative_to(ROOT)) for path in ROOT.glob("skexperts/**/*.py")]
    tasks = [
        ("ruff", "check", "."),
        ("ruff", "format", "--check", "."),
        ("cython-lint", "skexperts/_kernels"),
        ("mypy",),
        ("python", "-c", LINT_IMPORTS, "--no-logo"),
        ("numpydoc", "lint", *sorted(modules)),
    ]
    codes = [run(*task, check=False) for task in tasks]
    if any(codes):
        sys.exit("spin lint: there are errors above")


@click.command()
def docs():
    """Build the site into docs/_build/html; a warning is an error."""
    run("sphinx-build", "-W", "--keep-going", "docs", "docs/_build/html")


@click.command()
@click.argument("names", nargs=-1)
def bench(names):
    """Run benchmarks/compare_<NAME>.py for each of NAMES, or all of them."""
    scripts = [f"compare_{name}" for name in names]
    for script in scripts or sorted(
        path.stem for path in ROOT.glob("benchmarks/compare_*.py")
    ):
        run("python", "-m", f"benchmarks.{script}")

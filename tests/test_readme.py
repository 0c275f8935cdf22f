"""The tour of the README runs as printed."""

import re
import warnings
from pathlib import Path

from sklearn.exceptions import ConvergenceWarning

README = (Path(__file__).parents[1] / "README.md").read_text()


def test_the_tour_runs(capsys):
    (tour,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    names = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        exec(tour, names)
    assert float(capsys.readouterr().out.splitlines()[0]) > 0.8
    assert names["search"].best_score_ > 0.6
    assert len(tour.splitlines()) < 40


def test_the_files_that_are_linked_exist():
    for target in re.findall(r"\]\((\w[\w./]*)\)", README):
        assert (Path(__file__).parents[1] / target).exists(), target

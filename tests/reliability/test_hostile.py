"""Parts of third parties that break their contract are named."""

import hostile
import pytest

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize(("kind", "name"), hostile.INPUTS)
def test_strange_answers_are_refused(kind, name):
    hostile.check(kind, name)

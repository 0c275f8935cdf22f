import os

from hypothesis import settings

os.environ.setdefault("MPLBACKEND", "Agg")
# Without it scikit-learn skips its check of array API input. It counts before the first
# import of scipy.
os.environ.setdefault("SCIPY_ARRAY_API", "1")

# A fit may start workers: no deadline. In CI every run draws the same examples.
settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")

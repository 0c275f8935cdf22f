import os

from hypothesis import settings

os.environ.setdefault("MPLBACKEND", "Agg")
# Small k-means fits spend their time waiting for each other's threads where another
# process has the cores. It counts before the first import of an OpenMP library.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Without it scikit-learn skips its check of array API input. It counts before the first
# import of scipy.
os.environ.setdefault("SCIPY_ARRAY_API", "1")

# A fit may start workers: no deadline. In CI every run draws the same examples.
settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")

"""L1-regularised linear support vector machines."""

from skexperts.svm._l1_svc import L1SVC
from skexperts.svm._l1_svc_cv import L1SVCCV
from skexperts.svm._l1_svc_path import l1_svc_path
from skexperts.svm._l1_svr import L1SVR
from skexperts.svm._l1_svr_cv import L1SVRCV

__all__ = ["L1SVC", "L1SVCCV", "L1SVR", "L1SVRCV", "l1_svc_path"]

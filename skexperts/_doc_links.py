"""Where the documentation of an estimator is."""

# From one level below the root of the site, as its examples and reference pages are.
_SITE = "../"


class DocLinkMixin:
    """Let the HTML of an estimator link to the page of its class."""

    _doc_link_module = "skexperts"
    _doc_link_template = _SITE + "generated/{estimator_module}.{estimator_name}.html"

"""Looking at a model: what each expert is, and why a row gets what it gets."""

__all__: list[str] = []

"""Mathematics as pure functions on arrays that trust their input."""

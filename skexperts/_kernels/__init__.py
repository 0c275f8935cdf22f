"""Innermost loops in Cython: typed buffers in, preallocated buffers out."""

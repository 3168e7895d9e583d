"""Change a network so that it runs faster without changing its picture."""

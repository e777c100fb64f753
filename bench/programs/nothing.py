"""Nothing: the start and the end of Python."""

"""The start of a program that uses a large library."""

import pandas

print(pandas.__version__)

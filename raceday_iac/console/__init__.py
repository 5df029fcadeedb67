"""The local console: the project of an environment in a browser, on this machine only.

Pages are made here of plain values, by the templates of `render` and those beside this file. What they look at, and
what may be done from them, comes from the command line as a `Project` and, on the embedded server alone, a `Local`.
"""

"""The step of a check: looks at each trigger that is no clock and reports what it sees.

It runs no code of the repository and decides nothing: `retrain_core.verdict` does.
"""

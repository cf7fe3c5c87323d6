"""What to do next for one TrainingRun, decided purely from what is observed.

``rules.plan`` is the entry: its tuple of rules is the documentation.
"""

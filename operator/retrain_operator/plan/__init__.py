"""What to do next for one TrainingRun, decided purely from what is observed.

``ladder.plan`` is the entry: its tuple of rules is the documentation.
"""

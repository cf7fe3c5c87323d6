"""A person's project once more, below `.retrain/`: a git repository as theirs, to train in.

Nothing is written in the original, its `.git` included.
"""

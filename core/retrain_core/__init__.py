"""What every part of Retrain agrees on: spec, outcome, result, status and verdicts. Pure, no I/O."""

"""What every part agrees on: spec, outcome, result, status and verdicts. Pure, no I/O."""

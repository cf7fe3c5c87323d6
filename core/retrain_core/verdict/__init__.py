"""Pure judgements of evidence, one file each."""

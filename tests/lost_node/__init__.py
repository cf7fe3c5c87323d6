"""A node that is lost under a training."""

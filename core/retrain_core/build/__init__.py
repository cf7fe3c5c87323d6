"""The Kubernetes objects of a run, built purely."""

"""The Kubernetes API as the operator uses it: few verbs, plain dicts."""

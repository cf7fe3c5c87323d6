"""Real servers for tests: git over https and ssh, S3, MLflow; each on its own loopback port."""

"""Real servers for tests: git over https and ssh, S3, MLflow, Prometheus; on ports of their own."""

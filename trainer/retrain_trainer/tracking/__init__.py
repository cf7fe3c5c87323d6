"""The MLflow run: found or opened, written to, ended."""

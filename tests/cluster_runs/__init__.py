"""TrainingRuns on a real cluster: Retrain installed by Helm, pods, git, S3 and MLflow."""

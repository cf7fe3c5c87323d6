"""The operator: watches TrainingRuns and runs each as a Job."""

"""TrainingRuns on a cluster, seen from outside it. Imported only by the commands that need one."""

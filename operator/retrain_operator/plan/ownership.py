"""Which Job is a run's: the one it made, or the one it was made for."""

from retrain_core import names
from retrain_operator.kube import objects
from retrain_operator.kube.objects import Object


def owns(run: Object, job: Object) -> bool:
    """Whether ``job`` trains for ``run``.

    A CronJob's Job is there before its run. The run then names the Job, and the operator has
    marked the Job with the run: whoever may create runs can say the one alone, not the other.
    """
    if objects.controlled_by(job, run):
        return True
    return is_record(run, job) and recorded_by(job) == objects.uid(run)


def is_record(run: Object, job: Object) -> bool:
    """Whether ``run`` says that it was made for the CronJob's ``job``, under its name."""
    return objects.name(run) == objects.name(job) and made_for(run) == objects.uid(job)


def made_for(run: Object) -> str | None:
    """The uid of the CronJob's Job that ``run`` was made for; None: it makes its own."""
    return objects.annotations(run).get(names.JOB_UID_ANNOTATION)


def recorded_by(job: Object) -> str | None:
    """The uid of the run that was made for ``job``; None: none was."""
    return objects.annotations(job).get(names.RECORDED_ANNOTATION)

"""Print docs/reasons.md, the reference of outcomes, from the table in retrain_core."""

from retrain_core.outcome import FIRST_OF_OPERATOR, OUTCOMES, Activity, Outcome
from retrain_core.verdict.finding import MEANINGS, REMEDIES
from retrain_core.verdict.promotion import MEANINGS as PROMOTION_MEANINGS

HEAD = """\
<!-- Written by `make generate` from the tables in core/retrain_core and scripts/reasons.py. -->
# Reasons and exit codes

How a run stands is one word: the reason of the condition `Succeeded` in its status, the column
STATUS of `kubectl get trainingruns`, the last lines of `retrain run` and `retrain submit --wait`.
[Troubleshooting](troubleshooting.md) says more about each.

## While it goes on

`Succeeded` is `Unknown`. A reason of the tables below stands here, too, while it keeps the run from
going on: an image that cannot be pulled, say.

| reason | what the run does |
|---|---|"""

ACTIVITIES = {
    Activity.PENDING: "Waits for the Job of a deleted run of the same name to go.",
    Activity.QUEUED: "Waits until Kueue admits it (`spec.queueName`).",
    Activity.STARTING: "Its pod is being made, fetches the source, or is tried again.",
    Activity.TRAINING: "Its pod runs the pipeline.",
    Activity.SUSPENDED: "Nothing runs until `spec.suspend` is false again.",
    Activity.CANCELLING: "`spec.cancel` is set: its pod is being stopped.",
}

FROM_POD = """
## When it has ended

`Succeeded` is `True` where the exit code is 0, else `False`, and `completionTime` is set. The exit
code is that of `retrain run`, of `retrain submit --wait`, and of the pod. *Retry* says whether
there is another pod at once, up to `spec.retries` times; a server that was away has been waited for
already, by `spec.outageToleranceSeconds`.

| reason | exit code | retry | what to do |
|---|---:|---|---|"""

FROM_OPERATOR = """
## What the operator sees from outside

No pod ends with these exit codes; they are those of `retrain submit --wait`.

| reason | exit code | retry | what to do |
|---|---:|---|---|"""

PROMOTIONS = """
## What became of the model

`status.model.reason` of a run that ended well begins with one of these, and it is the reason of the
condition `Promoted`. Every run ends in this judgement, one in which no stage had to run
(`UpToDate`) too.

| reason | what it means |
|---|---|"""

TRIGGERS = """
## What a trigger says

`reason` in `status.triggers` of a [RetrainSchedule](retrainschedule.md): what the last check has
found.

| reason | what it means |
|---|---|"""

BLIND = """
Where a trigger could not be looked at, nothing is started, and the condition `Checked` is `False`.
The reason is one of the tables above (`SourceDenied`, say) or one of these:

| reason | what to do |
|---|---|"""

TAIL = """
## Other exit codes

| exit code | of | what |
|---:|---|---|
| 1 | `retrain submit` | the cluster cannot be used; the message says why |
| 2 | every command | the command line was typed wrong |
| 124 | `retrain submit --wait` | `--timeout` is over; the run goes on |
| 130 | `retrain submit --wait` | waiting was interrupted; the run goes on |
| 137 | a pod, `retrain run` | the process was killed |"""


def main() -> None:
    rows = sorted(OUTCOMES.values(), key=lambda row: row.exit_code)
    print(HEAD)
    for activity in Activity:
        print(f"| `{activity}` | {ACTIVITIES[activity]} |")
    print(FROM_POD)
    print_rows([row for row in rows if not _of_operator(row)])
    print(FROM_OPERATOR)
    print_rows([row for row in rows if _of_operator(row)])
    print(PROMOTIONS)
    for promotion, meaning in PROMOTION_MEANINGS.items():
        print(f"| `{promotion}` | {meaning} |")
    print(TRIGGERS)
    for finding, meaning in MEANINGS.items():
        print(f"| `{finding}` | {meaning} |")
    print(BLIND)
    for finding, remedy in REMEDIES.items():
        print(f"| `{finding}` | {remedy.replace('*', chr(92) + '*')} |")
    print(TAIL)


def print_rows(rows: list[Outcome]) -> None:
    for row in rows:
        retry = "yes" if row.retry else "no"
        remedy = row.remedy.replace("*", r"\*")
        print(f"| `{row.reason}` | {row.exit_code} | {retry} | {remedy} |")


def _of_operator(row: Outcome) -> bool:
    return FIRST_OF_OPERATOR <= row.exit_code <= 125


if __name__ == "__main__":
    main()

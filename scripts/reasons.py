"""Print docs/reasons.md, the reference of outcomes, from the table in retrain_core."""

from retrain_core.outcome import OUTCOMES

HEAD = """\
<!-- Written by `make generate` from core/retrain_core/outcome.py. -->
# Reasons and exit codes

How a run ended is one word. It is printed at the end of `retrain run`, stands in
`status.conditions` as the reason of `Succeeded`, and decides the exit code of the command and of
the pod. *Retry* says whether the same run may succeed when tried again unchanged.

| reason | exit code | retry | what to do |
|---|---:|---|---|"""

TAIL = """
Other exit codes are not Retrain's: 2 is a command line that was typed wrong, 137 a process that
was killed."""


def main() -> None:
    print(HEAD)
    for row in sorted(OUTCOMES.values(), key=lambda row: row.exit_code):
        retry = "yes" if row.retry else "no"
        remedy = row.remedy.replace("*", r"\*")
        print(f"| `{row.reason}` | {row.exit_code} | {retry} | {remedy} |")
    print(TAIL)


if __name__ == "__main__":
    main()

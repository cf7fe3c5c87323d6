"""Nothing that the cluster shows of a run holds a credential: logs, status, events, annotations."""

import base64
import json

from cluster_runs.installed import NAMESPACE
from cluster_runs.kubectl import Kubectl
from cluster_runs.team import GIT_CA, Object, Team, secret

CANARY = "canary-5d81e0"
READ_BY_ALL = "trainingruns,retrainschedules,jobs,pods,events,configmaps"
"""What people who may not read Secrets can look at."""


def test_no_credential_is_in_a_log_a_status_an_event_or_an_annotation(
    team: Team, kubectl: Kubectl
) -> None:
    tracking = {
        "MLFLOW_TRACKING_USERNAME": "trainer",
        "MLFLOW_TRACKING_PASSWORD": f"{CANARY}-mlflow",
    }
    wrong_git = {"username": "trainer", "password": f"{CANARY}-git"}
    wrong_store = {
        "AWS_ACCESS_KEY_ID": team.stores.s3.access_key,
        "AWS_SECRET_ACCESS_KEY": f"{CANARY}-s3",
    }
    team.kubectl.apply(
        secret("tracking", tracking),
        secret("wrong-git", wrong_git, "kubernetes.io/basic-auth"),
        secret("wrong-store", wrong_store),
        secret("stages", {"DATABASE_URL": f"postgres://user:{CANARY}-userinfo@db/x"}),
    )
    # Credentials go over http within the cluster alone.
    uri = team.by_name("mlflow", f"http://{team.stores.mlflow_address}")
    mlflow = {"trackingURI": uri, "secretRef": {"name": "tracking"}}
    private = {"env": [GIT_CA], "envFrom": [{"secretRef": {"name": "stages"}}]}
    specs = {
        "trains": team.spec(mlflow=mlflow, pod=private),
        "is-denied-its-source": team.spec(
            mlflow=mlflow, source={"git": {"secretRef": {"name": "wrong-git"}}}
        ),
        "is-denied-its-store": team.spec(
            mlflow=mlflow, pod=private, dvc={"remote": {"secretRef": {"name": "wrong-store"}}}
        ),
    }
    team.kubectl.apply(*(team.run(name, spec) for name, spec in specs.items()))
    reasons = [team.finished(name)["conditions"][0]["reason"] for name in specs]
    assert reasons == ["Trained", "SourceDenied", "StoreDenied"]

    shown = shown_by(team, kubectl)
    for looked_at in ('"name": "trains"', "--> stage train ", "listening on port"):
        assert looked_at in shown
    for text in credentials(team):
        assert text not in shown
        assert base64.b64encode(text.encode()).decode().rstrip("=") not in shown


def credentials(team: Team) -> list[str]:
    s3, git = team.stores.s3, team.stores.git
    assert git.password is not None
    return [CANARY, git.password, s3.secret_key]


def shown_by(team: Team, kubectl: Kubectl) -> str:
    """All that `kubectl get` and `kubectl logs` print of the team's runs and of the operator."""
    objects = [item for kind in READ_BY_ALL.split(",") for item in team.kubectl.list(kind)]
    operator = Kubectl(kubectl.kubeconfig, NAMESPACE)
    logs = [
        operator("logs", "--selector=app.kubernetes.io/component=operator", "--tail=-1"),
        *(logs_of(team.kubectl, pod) for pod in objects if pod["kind"] == "Pod"),
    ]
    return "\n".join([json.dumps(objects), *logs])


def logs_of(kubectl: Kubectl, pod: Object) -> str:
    name, status = pod["metadata"]["name"], pod["status"]
    started = [
        container["name"]
        for container in (*status["initContainerStatuses"], *status["containerStatuses"])
        if "waiting" not in container["state"]
    ]
    return "\n".join(kubectl("logs", name, "--container", container) for container in started)

"""Complete manifests of both kinds, and variants of them."""

import copy
from typing import Any

import yaml

RUN = """\
apiVersion: retrain.dev/v1alpha1
kind: TrainingRun
metadata:
  name: iris
  namespace: ml
  labels: {team: flowers}
  annotations: {note: complete}
  uid: 6c84fb90-12c4-11e1-840d-7b25c5ee775a
spec:
  source:
    git:
      url: https://git.example.com/team/iris.git
      revision: main
      path: "."
      secretRef: {name: git-credentials}
  image: registry.example.com/team/iris-trainer:1.2
  python: {requirements: requirements.txt}
  dvc:
    targets: [train, evaluate]
    update: [data/raw.csv.dvc]
    force: [query]
    params: {train.C: 0.5, train.max_iter: 200, train.classes: [a, b], train.name: null}
    remote:
      url: s3://bucket/prefix
      endpointURL: https://minio.example.com:9000
      region: us-east-1
      secretRef: {name: store-credentials}
    push: true
    cache: {claimName: dvc-cache}
  mlflow:
    trackingURI: https://mlflow.example.com
    experiment: iris
    secretRef: {name: mlflow-credentials}
    tags: {team: flowers}
  model:
    name: iris
    artifact: models/model.joblib
    profile: {path: data/processed.csv, exclude: [id]}
    promotion:
      metric: f1_macro
      goal: Maximize
      alias: champion
      mode: Automatic
      minImprovement: 0.01
      threshold: 0.8
      evaluateChampion: WhenDataChanged
  smoke:
    params: {train.max_iter: 5}
    inputs: {data/raw.csv: data/sample.csv}
  pod:
    resources: {limits: {memory: 1Gi}}
    nodeSelector: {gpu: "true"}
  queueName: training
  retries: 2
  outageToleranceSeconds: 900
  timeoutSeconds: 3600
  startTimeoutSeconds: 600
  ttlSecondsAfterFinished: 86400
  suspend: false
  cancel: false
status:
  conditions: []
"""

SCHEDULE = """\
apiVersion: retrain.dev/v1alpha1
kind: RetrainSchedule
metadata:
  name: iris
spec:
  runTemplate:
    metadata:
      labels: {team: flowers}
      annotations: {note: triggered}
    spec:
      source: {image: {path: /app}}
      model: {name: iris}
  triggers:
  - name: weekly
    cron: {schedule: "0 0 * * 1", timeZone: Asia/Seoul, startingDeadlineSeconds: 3600}
  - name: release
    release: {tagPattern: "v*", trainExisting: Latest}
  - name: data
    data: {paths: [data/raw.csv.dvc]}
  - name: drift
    drift:
      current: s3://bucket/today.parquet
      columns: {include: [a, b], exclude: [c]}
      threshold: 0.2
      minShare: 0.1
      minRows: 500
  - name: quality
    metric:
      prometheus:
        url: http://prometheus.monitoring.svc:9090
        query: avg_over_time(accuracy[1h])
        secretRef: {name: prometheus-credentials}
      below: 0.9
  check:
    schedule: "*/10 * * * *"
    timeoutSeconds: 120
    resources: {limits: {memory: 512Mi}}
    queueName: checks
  cooldownSeconds: 3600
  concurrencyPolicy: Forbid
  suspend: false
  successfulRunsHistoryLimit: 3
  failedRunsHistoryLimit: 3
"""

GONE = object()
"""In place of a value: the field is left out."""


def changed(text: str, path: str, value: Any) -> str:
    """The manifest ``text`` with ``value`` at the dotted ``path``; numbers are list places."""
    content = yaml.safe_load(text)
    *parents, last = path.split(".")
    here = content
    for part in parents:
        here = here[int(part)] if part.isdigit() else here.setdefault(part, {})
    if value is GONE:
        del here[last]
    elif last.isdigit():
        here[int(last)] = copy.deepcopy(value)
    else:
        here[last] = copy.deepcopy(value)
    return yaml.safe_dump(content, sort_keys=False)


def run_with(path: str, value: Any) -> str:
    return changed(RUN, path, value)


def schedule_with(path: str, value: Any) -> str:
    return changed(SCHEDULE, path, value)

{{- define "retrain.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 44 | trimSuffix "-" }}
{{- end }}

{{/* At most 44 characters: with the longest suffix, -trainingrun-editor, a name has 63. */}}
{{- define "retrain.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 44 | trimSuffix "-" }}
{{- else }}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 44 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 44 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{- define "retrain.operatorName" -}}
{{ include "retrain.fullname" . }}-operator
{{- end }}

{{- define "retrain.configName" -}}
{{ include "retrain.operatorName" . }}-config
{{- end }}

{{- define "retrain.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "retrain.operatorName" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "retrain.selectorLabels" -}}
app.kubernetes.io/name: {{ include "retrain.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end }}

{{- define "retrain.labels" -}}
{{- $own := include "retrain.selectorLabels" . | fromYaml }}
{{- $_ := set $own "app.kubernetes.io/version" .Chart.AppVersion }}
{{- $_ := set $own "app.kubernetes.io/managed-by" .Release.Service }}
{{- $_ := set $own "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63) }}
{{- mergeOverwrite (dict) .Values.commonLabels $own | toYaml }}
{{- end }}

{{- define "retrain.podLabels" -}}
{{- $own := include "retrain.selectorLabels" . | fromYaml }}
{{- mergeOverwrite (dict) .Values.commonLabels .Values.podLabels $own | toYaml }}
{{- end }}

{{- define "retrain.podAnnotations" -}}
{{- $own := dict "checksum/config" (include "retrain.config" . | sha256sum) }}
{{- mergeOverwrite (dict) .Values.podAnnotations $own | toYaml }}
{{- end }}

{{/* The reference of an image: (list <image values> <chart>). */}}
{{- define "retrain.image" -}}
{{- $image := index . 0 }}
{{- $name := printf "%s/%s" $image.registry $image.repository }}
{{- if $image.digest }}
{{- printf "%s@%s" $name $image.digest }}
{{- else }}
{{- printf "%s:%s" $name (default (index . 1).AppVersion $image.tag) }}
{{- end }}
{{- end }}

{{/* What the operator reads; unknown keys are refused there. */}}
{{- define "retrain.config" -}}
trainerImage: {{ include "retrain.image" (list .Values.trainer.image .Chart) }}
imagePullPolicy: {{ .Values.trainer.image.pullPolicy }}
{{ toYaml .Values.config }}
{{- with .Values.watchNamespaces }}
namespaces:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.defaults }}
defaults:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* All that the operator may do, in one namespace or in all. */}}
{{- define "retrain.rules" -}}
- apiGroups: [retrain.dev]
  resources: [trainingruns]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [retrain.dev]
  resources: [retrainschedules]
  verbs: [get, list, watch]
- apiGroups: [retrain.dev]
  resources: [trainingruns/status, retrainschedules/status]
  verbs: [patch]
- apiGroups: [batch]
  resources: [jobs, cronjobs]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
- apiGroups: [""]
  resources: [events]
  verbs: [list]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
{{- end }}

{{/* Name of every object of the release: 53 characters at most, so that suffixes fit. */}}
{{- define "operator.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 53 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 53 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Part of an immutable selector, and what federations' NetworkPolicies let in: never change it. */}}
{{- define "operator.selectorLabels" -}}
app.kubernetes.io/name: xmpp-federation-operator
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end -}}

{{- define "operator.labels" -}}
{{ include "operator.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{/*
Metadata of an object: (dict "root" ROOT "name" NAME), and as wanted "labels" and "annotations" of its own, and "cluster"
true where it is in no namespace.
*/}}
{{- define "operator.metadata" -}}
{{- $root := .root -}}
name: {{ .name }}
{{- if not .cluster }}
namespace: {{ $root.Release.Namespace }}
{{- end }}
labels: {{- merge (dict) (default dict .labels) (include "operator.labels" $root | fromYaml) $root.Values.commonLabels | toYaml | nindent 2 }}
{{- with merge (dict) (default dict .annotations) $root.Values.commonAnnotations }}
annotations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "operator.serviceAccount" -}}
{{- default (ternary (include "operator.fullname" .) "default" .Values.serviceAccount.create) .Values.serviceAccount.name -}}
{{- end -}}

{{/* (list ROOT IMAGE NAME): the reference of an image. */}}
{{- define "operator.image" -}}
{{- $root := index . 0 -}}
{{- $image := index . 1 -}}
{{- $name := index . 2 -}}
{{- $repository := required (printf "%s.repository is missing: set it to where the image is, such as registry.example.com/xmppfed/%s" $name (ternary "operator" "gateway" (eq $name "image"))) $image.repository -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $repository $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $repository (default $root.Chart.AppVersion $image.tag) -}}
{{- end -}}
{{- end -}}

{{/* Rights on what federations are made of: in all namespaces or in one. A test compares them with deploy/operator. */}}
{{- define "operator.rules" -}}
- apiGroups: [xmppfed.dev]
  resources: [xmppfederations, federationpolicies, chatnodealiases]
  verbs: [get, list, watch]
- apiGroups: [xmppfed.dev]
  resources: [xmppfederations/status, federationpolicies/status, chatnodealiases/status]
  verbs: [patch]
# Owner references that block deletion need this where the API server enforces permissions on them.
- apiGroups: [xmppfed.dev]
  resources: [xmppfederations/finalizers]
  verbs: [update]
- apiGroups: [""]
  resources: [services, configmaps, secrets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch, patch]
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies]
  verbs: [get, list, watch, create, patch, delete]
# Of cert-manager, where spec.security.certificate.issuerRef is used.
- apiGroups: [cert-manager.io]
  resources: [certificates]
  verbs: [get, list, watch, create, patch, delete]
# Of external-dns, where spec.dns.externalDNS is used.
- apiGroups: [externaldns.k8s.io]
  resources: [dnsendpoints]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end -}}

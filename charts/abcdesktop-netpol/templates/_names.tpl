{{/* Names and labels. */}}

{{- define "netpol.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{/* The name of the objects. It has at most 50 characters, because the name of a Service has at most 63 with its suffix. */}}
{{- define "netpol.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- $name := include "netpol.name" . -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "netpol.selector" -}}
app.kubernetes.io/name: {{ include "netpol.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "netpol.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{ include "netpol.selector" . }}
{{- end -}}

{{/* Labels of the objects of `helm test`. They differ from the labels of the servers, because the Service selects those. */}}
{{- define "netpol.testLabels" -}}
{{- $ours := include "netpol.labels" . | fromYaml -}}
{{- merge (include "netpol.testSelector" . | fromYaml) $ours | toYaml -}}
{{- end -}}

{{- define "netpol.testSelector" -}}
app.kubernetes.io/name: {{ printf "%s-test" (include "netpol.name" .) | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{/* The name of the objects of the controller. */}}
{{- define "netpol.controllerName" -}}
{{- printf "%s-controller" (include "netpol.fullname" .) -}}
{{- end -}}

{{/* Labels of the objects of the controller. They differ from the labels of the servers, because the Service selects those. */}}
{{- define "netpol.controllerLabels" -}}
{{- $ours := include "netpol.labels" . | fromYaml -}}
{{- merge (include "netpol.controllerSelector" . | fromYaml) $ours | toYaml -}}
{{- end -}}

{{- define "netpol.controllerSelector" -}}
app.kubernetes.io/name: {{ printf "%s-controller" (include "netpol.name" .) | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{/* The kinds of policies of other APIs: their plural names, by API group. */}}
{{- define "netpol.foreignKinds" -}}
{{- $kinds := .Files.Get "files/foreign-kinds.yaml" | fromYaml -}}
{{- range .Values.verdicts.foreignKinds -}}
{{- $parts := splitList "/" . -}}
{{- $_ := set $kinds (first $parts) (append (get $kinds (first $parts) | default list) (last $parts)) -}}
{{- end -}}
{{- toYaml $kinds -}}
{{- end -}}

{{- define "netpol.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (include "netpol.fullname" .) -}}
{{- end -}}

{{/* The name of the Secret with the certificate of the servers. The Lease has the same name. */}}
{{- define "netpol.tlsSecret" -}}
{{- $own := printf "%s-tls" (include "netpol.fullname" .) -}}
{{- if eq .Values.certificates.mode "secret" -}}
{{- .Values.certificates.secret.name -}}
{{- else if eq .Values.certificates.mode "selfManaged" -}}
{{- .Values.certificates.selfManaged.secretName | default $own -}}
{{- else -}}
{{- $own -}}
{{- end -}}
{{- end -}}

{{/* The DNS names of the certificate. */}}
{{- define "netpol.tlsNames" -}}
{{- $name := include "netpol.fullname" . -}}
{{- list (printf "%s.%s.svc" $name .Release.Namespace) (printf "%s.%s.svc.cluster.local" $name .Release.Namespace) (printf "%s.%s" $name .Release.Namespace) | toYaml -}}
{{- end -}}

{{- define "netpol.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

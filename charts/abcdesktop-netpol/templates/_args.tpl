{{/*
Returns the flags that the registration depends on, as a JSON list: those of `netpol render registration`.
*/}}
{{- define "netpol.registeredArgs" -}}
{{- $verdicts := .Values.verdicts -}}
{{- $args := list -}}
{{- range .Values.namespaces }}{{ $args = append $args (printf "--namespace=%s" .) }}{{ end -}}
{{- range include "netpol.canons" . | fromYamlArray }}{{ $args = append $args (printf "--canon=%s" .) }}{{ end -}}
{{- $args = concat $args (list
  (printf "--foreign-policies=%s" $verdicts.foreignPolicies)
  (printf "--ungranted-labels=%s" $verdicts.ungrantedLabels)
  (printf "--neighbors=%s" $verdicts.neighbors)
  (printf "--network-annotations=%s" $verdicts.networkAnnotations)
  (printf "--claims=%s" $verdicts.claims)) -}}
{{- range $verdicts.foreignKinds }}{{ $args = append $args (printf "--foreign-kind=%s" .) }}{{ end -}}
{{- range $verdicts.pluginWriters }}{{ $args = append $args (printf "--plugin-writer=%s" .) }}{{ end -}}
{{- range $verdicts.networkAnnotationKeys }}{{ $args = append $args (printf "--network-annotation=%s" .) }}{{ end -}}
{{- range $verdicts.workloadControllers }}{{ $args = append $args (printf "--workload-controller=%s" .) }}{{ end -}}
{{- range $verdicts.namespaceControllers }}{{ $args = append $args (printf "--namespace-controller=%s" .) }}{{ end -}}
{{- toRawJson $args -}}
{{- end -}}

{{/*
Returns the arguments of `netpol serve`. Every flag is set, so that the description of a pod shows the complete
configuration. Kubernetes expands variables in arguments, so `$(` is escaped.
*/}}
{{- define "netpol.args" -}}
{{- $root := . -}}
{{- $values := .Values -}}
{{- $args := list
  (printf "--listen=%s:%d" $values.ports.address (int64 $values.ports.webhook))
  (printf "--admin-listen=%s:%d" $values.ports.address (int64 $values.ports.admin)) -}}
{{- $args = concat $args (include "netpol.judgeArgs" . | fromJsonArray) -}}
{{- if $values.canon.name }}{{ $args = append $args (printf "--canon-name=%s" $values.canon.name) }}{{ end -}}
{{- if eq $values.certificates.mode "selfManaged" -}}
{{- $args = concat $args (list
  (printf "--tls-secret=%s/%s" .Release.Namespace (include "netpol.tlsSecret" .))
  (printf "--registration=%s" (include "netpol.fullname" .))
  (printf "--ca-lifetime=%s" $values.certificates.selfManaged.caLifetime)
  (printf "--leaf-lifetime=%s" $values.certificates.selfManaged.leafLifetime)) -}}
{{- range include "netpol.tlsNames" . | fromYamlArray }}{{ $args = append $args (printf "--tls-name=%s" .) }}{{ end -}}
{{- else -}}
{{- $args = concat $args (list "--tls-cert=/etc/netpol/tls/tls.crt" "--tls-key=/etc/netpol/tls/tls.key") -}}
{{- end -}}
{{- $args = append $args (printf "--tls-min=%s" $values.tls.minVersion) -}}
{{- if $values.tls.clientCA.configMap -}}
{{- $args = append $args (printf "--client-ca=/etc/netpol/client-ca/%s" $values.tls.clientCA.key) -}}
{{- range $values.tls.clientCA.names }}{{ $args = append $args (printf "--client-name=%s" .) }}{{ end -}}
{{- end -}}
{{- $args = concat $args (list
  (printf "--max-body=%d" (int64 $values.limits.maxBody))
  (printf "--body-budget=%d" (int64 $values.limits.bodyBudget))
  (printf "--max-connections=%d" (int64 $values.limits.maxConnections))
  (printf "--max-reviews=%d" (int64 $values.limits.maxReviews))
  (printf "--drain-delay=%s" $values.limits.drainDelay)
  (printf "--audit-level=%s" $values.audit.level)
  (printf "--log-format=%s" $values.log.format)
  (printf "--log=%s" $values.log.filter)) -}}
{{- $escaped := list "serve" -}}
{{- range $args }}{{ $escaped = append $escaped (replace "$(" "$$(" .) }}{{ end -}}
{{- /* $(POD_NAME) is a variable only in this argument. */ -}}
{{- $escaped = append $escaped (printf "--audit-log=%s" (replace "$$(POD_NAME)" "$(POD_NAME)" (replace "$(" "$$(" $values.audit.log))) -}}
{{- range $escaped }}
- {{ toRawJson . }}
{{- end -}}
{{- end -}}

{{/*
Returns the arguments of `netpol controller`.
*/}}
{{- define "netpol.controllerArgs" -}}
{{- $values := .Values -}}
{{- $controller := $values.controller -}}
{{- $args := list
  (printf "--mode=%s" $controller.mode)
  (printf "--repair-attempts=%d" (int64 $controller.repairAttempts))
  (printf "--probe-interval=%s" $controller.probeInterval)
  (printf "--lease=%s/%s" .Release.Namespace (include "netpol.controllerName" .))
  (printf "--registration=%s" (include "netpol.fullname" .))
  (printf "--admin-listen=%s:%d" $values.ports.address (int64 $values.ports.admin)) -}}
{{- $args = concat $args (include "netpol.judgeArgs" . | fromJsonArray) -}}
{{- $args = concat $args (list
  (printf "--log-format=%s" $values.log.format)
  (printf "--log=%s" $values.log.filter)) -}}
{{- range prepend $args "controller" }}
- {{ replace "$(" "$$(" . | toRawJson }}
{{- end -}}
{{- end -}}

{{/*
Returns the arguments that verdicts depend on, which the servers and the controller have in common.
*/}}
{{- define "netpol.judgeArgs" -}}
{{- $values := .Values -}}
{{- $verdicts := $values.verdicts -}}
{{- $args := include "netpol.registeredArgs" . | fromJsonArray -}}
{{- $args = concat $args (list
  (printf "--enforcement=%s" $verdicts.enforcement)
  (printf "--extra-policies=%s" $verdicts.extraPolicies)
  (printf "--host-network=%s" $verdicts.hostNetwork)
  (printf "--workloads=%s" $verdicts.workloads)) -}}
{{- range $verdicts.breakGlassGroups }}{{ $args = append $args (printf "--break-glass-group=%s" .) }}{{ end -}}
{{- toRawJson $args -}}
{{- end -}}

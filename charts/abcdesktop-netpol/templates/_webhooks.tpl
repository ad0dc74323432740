{{/*
The webhooks of one configuration with their final values: files/webhooks.yaml is what
`netpol render registration` prints for names that stand for something, and is completed here. A test
compares the whole with what the program prints.
*/}}
{{- define "netpol.webhooks" -}}
{{- $root := .root -}}
{{- $canonKeys := include "netpol.canonKeys" $root | fromYaml -}}
{{- $lists := dict
  "[\"identity-keys\"]" $canonKeys.identity
  "[\"neighbor-keys\"]" $canonKeys.neighbors
  "[\"namespace-controllers\"]" $root.Values.verdicts.namespaceControllers -}}
{{- $webhooks := index ($root.Files.Get "files/webhooks.yaml" | fromYaml) .stage -}}
{{- range $webhook := $webhooks -}}
{{- $service := $webhook.clientConfig.service -}}
{{- $_ := set $service "namespace" $root.Release.Namespace -}}
{{- $_ := set $service "name" (include "netpol.fullname" $root) -}}
{{- $_ := set $service "port" ($root.Values.service.port | int64) -}}
{{- if eq $root.Values.certificates.mode "secret" -}}
{{- $_ := set $webhook.clientConfig "caBundle" ($root.Values.certificates.secret.caBundle | b64enc) -}}
{{- end -}}
{{- if $webhook.namespaceSelector -}}
{{- $_ := set (index $webhook.namespaceSelector.matchExpressions 0) "values" $root.Values.namespaces -}}
{{- end -}}
{{- range $condition := $webhook.matchConditions -}}
{{- range $placeholder, $items := $lists -}}
{{- $_ := set $condition "expression" (replace $placeholder (include "netpol.celList" $items) $condition.expression) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toYaml $webhooks -}}
{{- end -}}

{{/* A list of string literals: the escapes of a JSON string are escapes of CEL too. */}}
{{- define "netpol.celList" -}}
{{- $literals := list -}}
{{- range . }}{{ $literals = append $literals (toRawJson .) }}{{ end -}}
{{- printf "[%s]" (join ", " $literals) -}}
{{- end -}}

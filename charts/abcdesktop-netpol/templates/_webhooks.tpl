{{/*
Returns the webhooks of one configuration. files/webhooks.yaml is the output of `netpol render registration` with
placeholders, which are replaced here. A test compares the result with the output of the program.
*/}}
{{- define "netpol.webhooks" -}}
{{- $root := .root -}}
{{- $canonKeys := include "netpol.canonKeys" $root | fromYaml -}}
{{- $lists := dict
  "[\"<identity-keys>\"]" $canonKeys.identity
  "[\"<namespace-controllers>\"]" $root.Values.verdicts.namespaceControllers
  "[\"<plugin-writers>\"]" $root.Values.verdicts.pluginWriters -}}
{{- $actions := dict
  "neighbors" $root.Values.verdicts.neighbors
  "foreign-policies" $root.Values.verdicts.foreignPolicies
  "namespaces" $root.Values.verdicts.networkAnnotations
  "workload-claims" $root.Values.verdicts.claims
  "pod-claims" $root.Values.verdicts.claims -}}
{{- $controllers := dict -}}
{{- range $root.Values.verdicts.workloadControllers -}}
{{- $kinds := regexFind "[^=]*$" . -}}
{{- $user := trimSuffix (printf "=%s" $kinds) . -}}
{{- $_ := set $controllers $user (concat (get $controllers $user | default list) (splitList "," $kinds)) -}}
{{- end -}}
{{- $own := trim $root.Values.webhooks.podCondition -}}
{{- $ofNewPods := include "netpol.ofNewPods" (dict "root" $root "stage" .stage) | fromYaml -}}
{{- $system := list "kube-system" $root.Release.Namespace | uniq -}}
{{- $annotations := "" -}}
{{- range $root.Values.verdicts.networkAnnotationKeys }}{{ $annotations = printf "%s, %s" $annotations (toRawJson .) }}{{ end -}}
{{- $webhooks := index ($root.Files.Get "files/webhooks.yaml" | fromYaml) .stage -}}
{{- range $webhook := $webhooks -}}
{{- $service := $webhook.clientConfig.service -}}
{{- $_ := set $service "namespace" $root.Release.Namespace -}}
{{- $_ := set $service "name" (include "netpol.fullname" $root) -}}
{{- $_ := set $service "port" ($root.Values.service.port | int64) -}}
{{- if eq $root.Values.certificates.mode "secret" -}}
{{- $_ := set $webhook.clientConfig "caBundle" ($root.Values.certificates.secret.caBundle | b64enc) -}}
{{- end -}}
{{- $names := index $webhook.namespaceSelector.matchExpressions 0 -}}
{{- $_ := set $names "values" (ternary $root.Values.namespaces $system (has "namespaces" $names.values)) -}}
{{- /* What is denied must also be denied while no server responds. */ -}}
{{- if eq "deny" (get $actions (splitList "." $webhook.name | first) | default "") -}}
{{- $_ := set $webhook "failurePolicy" "Fail" -}}
{{- end -}}
{{- $rules := list -}}
{{- range $rule := $webhook.rules -}}
{{- if has "given-kinds" $rule.apiGroups -}}
{{- range $kind := $root.Values.verdicts.foreignKinds -}}
{{- $parts := splitList "/" $kind -}}
{{- $rules = append $rules (merge (dict "apiGroups" (list (first $parts)) "resources" (list (last $parts))) $rule) -}}
{{- end -}}
{{- else -}}
{{- $rules = append $rules $rule -}}
{{- end -}}
{{- end -}}
{{- if and $canonKeys.foreign (eq "canonical-foreign-policies" (splitList "." $webhook.name | first)) -}}
{{- /* The API server converts requests in other versions to that of the canon. */ -}}
{{- $rule := first $rules -}}
{{- $rules = list -}}
{{- range $key := keys $canonKeys.foreign | sortAlpha -}}
{{- $parts := splitList " " $key -}}
{{- $rules = append $rules (merge (dict "apiGroups" (list (index $parts 0)) "resources" (list (index $parts 1)) "apiVersions" (list (index $parts 2))) $rule) -}}
{{- end -}}
{{- end -}}
{{- $_ := set $webhook "rules" $rules -}}
{{- if and $ofNewPods (eq "pods" (splitList "." $webhook.name | first)) -}}
{{- $_ := set $webhook "matchConditions" (list $ofNewPods) -}}
{{- end -}}
{{- range $condition := $webhook.matchConditions -}}
{{- /* What comes from values and canons has no placeholders: it is inserted last, and the condition of an own canon is as it was printed. */ -}}
{{- if ne $condition.expression $own -}}
{{- $_ := set $condition "expression" (replace ", \"<network-annotations>\"]" (printf "%s]" $annotations) $condition.expression) -}}
{{- $_ := set $condition "expression" (replace "{\"<workload-controllers>\":[\"Kind\"]}" (toRawJson $controllers) $condition.expression) -}}
{{- range $placeholder, $items := $lists -}}
{{- $_ := set $condition "expression" (replace $placeholder (include "netpol.celList" $items) $condition.expression) -}}
{{- end -}}
{{- end -}}
{{- if and $canonKeys.foreign (eq $condition.name "is-canonical") -}}
{{- $_ := set $condition "expression" (include "netpol.canonicalForeign" (dict "foreign" $canonKeys.foreign "withVersion" false)) -}}
{{- else if and $canonKeys.foreign (eq $condition.name "is-not-canonical") -}}
{{- $_ := set $condition "expression" (include "netpol.canonicalForeign" (dict "foreign" $canonKeys.foreign "withVersion" true) | printf "!(%s)") -}}
{{- end -}}
{{- if eq $condition.name "neighbors-change" -}}
{{- $_ := set $condition "expression" (include "netpol.neighborsChange" $canonKeys.neighbors) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toYaml $webhooks -}}
{{- end -}}

{{/*
Returns the condition for new pods of a stage, or nothing if all new pods are sent. Those of the built-in canons are in
files/pod-conditions.yaml, for each set of them. The order of canons does not matter. A pod that is plainly right lacks no
label, so the condition of a canon of one's own is for both stages; so is every one if /mutate removes labels.
*/}}
{{- define "netpol.ofNewPods" -}}
{{- $values := .root.Values -}}
{{- if and (eq $values.webhooks.send "needed") (ne $values.audit.level "all") -}}
{{- if or $values.canon.documents $values.canon.configMap.name -}}
{{- with trim $values.webhooks.podCondition }}{{ dict "name" "not-plainly-right" "expression" . | toYaml }}{{ end -}}
{{- else -}}
{{- $canons := include "netpol.builtIn" .root | fromYamlArray | sortAlpha | join "," -}}
{{- $field := ternary "lacks-labels" "not-plainly-right" (and (eq .stage "mutating") (ne $values.verdicts.ungrantedLabels "strip")) -}}
{{- range .root.Files.Get "files/pod-conditions.yaml" | fromYamlArray -}}
{{- if has $canons .canons }}{{ dict "name" $field "expression" (get . $field) | toYaml }}{{ end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Returns a list of CEL string literals. CEL supports the escapes of a JSON string. */}}
{{- define "netpol.celList" -}}
{{- $literals := list -}}
{{- range . }}{{ $literals = append $literals (toRawJson .) }}{{ end -}}
{{- printf "[%s]" (join ", " $literals) -}}
{{- end -}}

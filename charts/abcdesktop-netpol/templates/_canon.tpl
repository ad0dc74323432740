{{/*
Returns the label keys, the neighbor namespaces and the policies of other APIs of a canon, which the webhooks depend
on. Those of the built-in canons are in files/canons.yaml. Those of `canon.documents` are read here, as the program reads
them. Those of an existing ConfigMap are values, because the chart cannot read it.
*/}}
{{- define "netpol.canonKeys" -}}
{{- $canon := .Values.canon -}}
{{- $found := dict "identity" (dict) "neighbors" (dict) "foreign" (dict) "kinds" (include "netpol.foreignKinds" . | fromYaml) -}}
{{- if $canon.configMap.name -}}
{{- range $canon.configMap.identityKeys }}{{ $_ := set $found.identity . true }}{{ end -}}
{{- range $canon.configMap.neighborSelectors }}{{ include "netpol.neighbor" (dict "selector" . "found" $found) }}{{ end -}}
{{- range $canon.configMap.foreignPolicies -}}
{{- $parts := splitList "/" . -}}
{{- include "netpol.foreignPolicy" (dict "group" (index $parts 0) "version" (index $parts 1) "resource" (index $parts 2) "name" (index $parts 3) "found" $found) -}}
{{- end -}}
{{- else if $canon.documents -}}
{{- range $file, $text := $canon.documents -}}
{{- range $part := regexSplit "(?m)^---(?:[ \\t\\r]+|$)" $text -1 -}}
{{- $document := fromYaml $part -}}
{{- if and (kindIs "string" $document.Error) (not $document.kind) -}}
{{- fail (printf "canon.documents: a document in %s is not valid YAML: %s" $file $document.Error) -}}
{{- end -}}
{{- $objects := list $document -}}
{{- if hasSuffix "List" (toString $document.kind) }}{{ $objects = $document.items | default list }}{{ end -}}
{{- range $object := $objects -}}
{{- include "netpol.objectKeys" (dict "object" $object "found" $found) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $known := .Files.Get "files/canons.yaml" | fromYaml -}}
{{- range include "netpol.builtIn" . | fromYamlArray -}}
{{- range (index $known .).identityKeys }}{{ $_ := set $found.identity . true }}{{ end -}}
{{- range (index $known .).neighbors }}{{ $_ := set $found.neighbors .matches .whenCreated }}{{ end -}}
{{- end -}}
{{- dict "identity" (keys $found.identity | sortAlpha) "neighbors" $found.neighbors "foreign" $found.foreign | toYaml -}}
{{- end -}}

{{/*
Returns the accepted built-in canons: a name or a list. Without any canon, those that the program accepts by default.
*/}}
{{- define "netpol.builtIn" -}}
{{- $canon := .Values.canon -}}
{{- $names := $canon.builtIn -}}
{{- if kindIs "string" $names }}{{ $names = ternary (list) (list $names) (empty $names) }}{{ end -}}
{{- if not (or $names $canon.documents $canon.configMap.name) -}}
{{- $names = (.Files.Get "files/canons.yaml" | fromYaml).default -}}
{{- end -}}
{{- toRawJson ($names | default list) -}}
{{- end -}}

{{/*
Returns the accepted canons in order, as values of `--canon`.
*/}}
{{- define "netpol.canons" -}}
{{- $canons := include "netpol.builtIn" . | fromYamlArray -}}
{{- if or .Values.canon.documents .Values.canon.configMap.name }}{{ $canons = prepend $canons "/etc/netpol/canon" }}{{ end -}}
{{- toRawJson $canons -}}
{{- end -}}

{{- define "netpol.objectKeys" -}}
{{- $found := .found -}}
{{- if and (eq (toString .object.kind) "NetworkPolicy") (eq (toString .object.apiVersion) "networking.k8s.io/v1") -}}
{{- $spec := .object.spec | default dict -}}
{{- include "netpol.podSelectorKeys" (dict "selector" $spec.podSelector "found" $found) -}}
{{- $types := $spec.policyTypes -}}
{{- /* The default of the API. Rules of a direction that is not in policyTypes have no effect. */ -}}
{{- if not $types }}{{ $types = ternary (list "Ingress" "Egress") (list "Ingress") (not (empty $spec.egress)) }}{{ end -}}
{{- $peers := list -}}
{{- if has "Ingress" $types }}{{ range $spec.ingress }}{{ $peers = concat $peers (.from | default list) }}{{ end }}{{ end -}}
{{- if has "Egress" $types }}{{ range $spec.egress }}{{ $peers = concat $peers (.to | default list) }}{{ end }}{{ end -}}
{{- range $peers -}}
{{- include "netpol.podSelectorKeys" (dict "selector" .podSelector "found" $found) -}}
{{- include "netpol.neighbor" (dict "selector" .namespaceSelector "found" $found) -}}
{{- end -}}
{{- else if eq (toString .object.kind) "Grants" -}}
{{- range .object.grants -}}
{{- include "netpol.podSelectorKeys" (dict "selector" .podSelector "found" $found) -}}
{{- end -}}
{{- range .object.protectedLabels }}{{ $_ := set $found.identity . true }}{{ end -}}
{{- else -}}
{{- $object := .object -}}
{{- $api := splitList "/" (toString $object.apiVersion) -}}
{{- $plural := include "netpol.plural" (lower (toString $object.kind)) -}}
{{- $resources := list -}}
{{- range $resource := get $found.kinds (first $api) | default list -}}
{{- if eq $plural (replace "-" "" $resource) }}{{ $resources = append $resources $resource }}{{ end -}}
{{- end -}}
{{- with $resources -}}
{{- $metadata := $object.metadata | default dict -}}
{{- include "netpol.foreignPolicy" (dict "group" (first $api) "version" (last $api) "resource" (first .) "name" (toString $metadata.name) "found" $found) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Adds a policy of another API. The keys are in the order of the program: no name contains a blank. */}}
{{- define "netpol.foreignPolicy" -}}
{{- $key := printf "%s %s %s" .group .resource .version -}}
{{- $_ := set .found.foreign $key (append (get .found.foreign $key | default list) .name | sortAlpha | uniq) -}}
{{- end -}}

{{/* Returns the plural of a kind in lower case, as the program finds it. */}}
{{- define "netpol.plural" -}}
{{- if and (hasSuffix "y" .) (not (regexMatch "[aeou]y$" .)) -}}
{{- printf "%sies" (trimSuffix "y" .) -}}
{{- else if regexMatch "(s|x|ch|sh)$" . -}}
{{- printf "%ses" . -}}
{{- else -}}
{{- printf "%ss" . -}}
{{- end -}}
{{- end -}}

{{/* Returns the condition that a request is about a canonical policy of another API, or nothing if there are none. */}}
{{- define "netpol.canonicalForeign" -}}
{{- $withVersion := .withVersion -}}
{{- $terms := list -}}
{{- range $key := keys .foreign | sortAlpha -}}
{{- $parts := splitList " " $key -}}
{{- $version := "" -}}
{{- if $withVersion }}{{ $version = printf " && request.resource.version == %s" (toRawJson (index $parts 2)) }}{{ end -}}
{{- $terms = append $terms (printf "request.resource.group == %s && request.resource.resource == %s%s && (request.operation == 'DELETE' ? oldObject : object).metadata.?name.orValue('') in %s" (toRawJson (index $parts 0)) (toRawJson (index $parts 1)) $version (include "netpol.celList" (get $.foreign $key))) -}}
{{- end -}}
{{- join " || " $terms -}}
{{- end -}}

{{/*
Adds the CEL expression of a namespaceSelector, and whether a label of a new namespace can make it match. A selector that
reads only the name of the namespace, which users cannot set as a label, is left out.
*/}}
{{- define "netpol.neighbor" -}}
{{- $found := .found -}}
{{- $selector := .selector | default dict -}}
{{- $requirements := $selector.matchExpressions | default list -}}
{{- range $key, $value := $selector.matchLabels -}}
{{- $requirements = append $requirements (dict "key" $key "operator" "In" "values" (list $value)) -}}
{{- end -}}
{{- $terms := dict -}}
{{- $state := dict "reads" false "whenCreated" false -}}
{{- range $requirement := $requirements -}}
{{- $listed := include "netpol.celList" ($requirement.values | default list | sortAlpha | uniq) -}}
{{- $operator := $requirement.operator -}}
{{- $isListed := ternary (printf "value in %s" $listed) (printf "!(value in %s)" $listed) (has $operator (list "In" "DoesNotExist")) -}}
{{- $absence := has $operator (list "NotIn" "DoesNotExist") -}}
{{- $term := printf "{object}.metadata.?labels[?%s].optMap(value, %s).orValue(%t)" (toRawJson $requirement.key) $isListed $absence -}}
{{- $_ := set $terms $requirement.key (append (get $terms $requirement.key | default list) $term) -}}
{{- if ne $requirement.key "kubernetes.io/metadata.name" -}}
{{- $_ := set $state "reads" true -}}
{{- if not $absence }}{{ $_ := set $state "whenCreated" true }}{{ end -}}
{{- end -}}
{{- end -}}
{{- if $state.reads -}}
{{- $all := list -}}
{{- range $key := keys $terms | sortAlpha }}{{ $all = concat $all (get $terms $key) }}{{ end -}}
{{- $_ := set $found.neighbors (join " && " $all) $state.whenCreated -}}
{{- end -}}
{{- end -}}

{{/* Returns the condition that a namespace becomes or stops being a neighbor, as `netpol render registration` writes it. */}}
{{- define "netpol.neighborsChange" -}}
{{- $updated := list -}}
{{- $created := list -}}
{{- range $matches := keys . | sortAlpha -}}
{{- $new := replace "{object}" "object" $matches -}}
{{- $updated = append $updated (printf "(%s) != (%s)" $new (replace "{object}" "oldObject" $matches)) -}}
{{- if get $ $matches }}{{ $created = append $created (printf "(%s)" $new) }}{{ end -}}
{{- end -}}
{{- printf "request.operation == 'UPDATE' ? %s : %s" (join " || " $updated | default "false") (join " || " $created | default "false") -}}
{{- end -}}

{{- define "netpol.podSelectorKeys" -}}
{{- $found := .found -}}
{{- range $key := include "netpol.selectorKeys" .selector | fromJsonArray -}}
{{- if not (hasPrefix "netpol/" $key) }}{{ $_ := set $found.identity $key true }}{{ end -}}
{{- end -}}
{{- end -}}

{{- define "netpol.selectorKeys" -}}
{{- $selector := . | default dict -}}
{{- $all := keys ($selector.matchLabels | default dict) -}}
{{- range $selector.matchExpressions }}{{ $all = append $all .key }}{{ end -}}
{{- toRawJson $all -}}
{{- end -}}

{{/*
Returns the hash of `canon.documents`, or nothing without them. It is a part of the name of their ConfigMap: each content has its own.
*/}}
{{- define "netpol.canonHash" -}}
{{- if and .Values.canon.documents (not .Values.canon.configMap.name) }}{{ .Values.canon.documents | toRawJson | sha256sum | trunc 10 }}{{ end -}}
{{- end -}}

{{/*
Returns the selector of the ConfigMaps with canons of this release.
*/}}
{{- define "netpol.canonSelector" -}}
{{- printf "app.kubernetes.io/instance=%s,netpol.abcdesktop.io/canon" .Release.Name -}}
{{- end -}}

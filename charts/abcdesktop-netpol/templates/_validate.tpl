{{/* Fails with one sentence for each invalid combination of values that the schema cannot detect. */}}
{{- define "netpol.validate" -}}
{{- $faults := list -}}
{{- $values := .Values -}}

{{- if has .Release.Namespace $values.namespaces -}}
{{- $faults = append $faults (printf "namespaces: the namespace of the release, %q, cannot be guarded, because no server could start after all servers have stopped: install the chart in a separate namespace (-n netpol-system --create-namespace)" .Release.Namespace) -}}
{{- end -}}
{{- if has "kube-system" $values.namespaces -}}
{{- $faults = append $faults "namespaces: kube-system cannot be guarded, because the servers depend on the pods in it" -}}
{{- end -}}

{{- $canon := $values.canon -}}
{{- if and $canon.documents $canon.configMap.name -}}
{{- $faults = append $faults "canon: canon.documents and canon.configMap.name are set, but only one canon of your own is supported: keep one of them" -}}
{{- end -}}
{{- if and $canon.configMap.name (not $canon.configMap.identityKeys) -}}
{{- $faults = append $faults "canon.configMap.identityKeys: the chart cannot read an existing ConfigMap: list the label keys that its pod selectors and grants use" -}}
{{- end -}}
{{- if and (not $canon.configMap.name) (or $canon.configMap.identityKeys $canon.configMap.neighborSelectors $canon.configMap.foreignPolicies) -}}
{{- $faults = append $faults "canon.configMap: keys, selectors or policies are set without a name: set canon.configMap.name, or remove them, because the chart finds those of all other canons" -}}
{{- end -}}

{{- with $values.webhooks.podCondition -}}
{{- if not (or $canon.documents $canon.configMap.name) -}}
{{- $faults = append $faults "webhooks.podCondition: is only for a canon of your own, and the chart has the conditions of the built-in canons: leave it empty" -}}
{{- end -}}
{{- if hasPrefix "request.operation" . -}}
{{- $faults = append $faults "webhooks.podCondition: an earlier version printed it: print it again with netpol render registration --print pod-condition" -}}
{{- end -}}
{{- range $key := $values.verdicts.networkAnnotationKeys -}}
{{- if not (contains (toRawJson $key) $values.webhooks.podCondition) -}}
{{- $faults = append $faults (printf "webhooks.podCondition: does not have the key %q of verdicts.networkAnnotationKeys: print it again with --network-annotation %s" $key $key) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- $certificates := $values.certificates -}}
{{- if eq $certificates.mode "secret" -}}
{{- if not $certificates.secret.name -}}
{{- $faults = append $faults "certificates.secret.name: mode secret uses an existing Secret: set its name" -}}
{{- end -}}
{{- if not $certificates.secret.caBundle -}}
{{- $faults = append $faults "certificates.secret.caBundle: without the CA the API server does not trust the servers, and requests in the guarded namespaces fail: --set-file certificates.secret.caBundle=ca.crt" -}}
{{- end -}}
{{- else -}}
{{- if or $certificates.secret.name $certificates.secret.caBundle -}}
{{- $faults = append $faults (printf "certificates: mode %s creates a Secret, but certificates.secret is set: set certificates.mode=secret, or leave certificates.secret empty" $certificates.mode) -}}
{{- end -}}
{{- end -}}
{{- if and $certificates.certManager.issuerRef (ne $certificates.mode "certManager") -}}
{{- $faults = append $faults (printf "certificates.certManager.issuerRef: mode %s does not use an issuer: set certificates.mode=certManager, or leave the issuer empty" $certificates.mode) -}}
{{- end -}}
{{- if lt (include "netpol.seconds" $certificates.selfManaged.caLifetime | int64) (include "netpol.seconds" $certificates.selfManaged.leafLifetime | int64) -}}
{{- $faults = append $faults "certificates.selfManaged.caLifetime: must be at least certificates.selfManaged.leafLifetime, because a CA must not expire before the certificates that it signs" -}}
{{- end -}}
{{- if and $certificates.selfManaged.secretName (ne $certificates.mode "selfManaged") -}}
{{- $faults = append $faults (printf "certificates.selfManaged.secretName: mode %s does not use it: leave it empty" $certificates.mode) -}}
{{- end -}}
{{- if and $values.tls.clientCA.names (not $values.tls.clientCA.configMap) -}}
{{- $faults = append $faults "tls.clientCA.names: client certificates are not verified without a CA: set tls.clientCA.configMap" -}}
{{- end -}}

{{- if eq ($values.ports.webhook | int64) ($values.ports.admin | int64) -}}
{{- $faults = append $faults "ports: webhook and admin must be different ports" -}}
{{- end -}}
{{- $leastBudget := add ($values.limits.maxBody | int64) 8388608 -}}
{{- if lt ($values.limits.bodyBudget | int64) $leastBudget -}}
{{- $faults = append $faults (printf "limits.bodyBudget: must be at least %d bytes: limits.maxBody plus 8 MiB for smaller bodies" $leastBudget) -}}
{{- end -}}
{{- $limit := include "netpol.bytes" (($values.resources | default dict).limits | default dict).memory | int64 -}}
{{- $needed := add ($values.limits.bodyBudget | int64) 33554432 -}}
{{- if and $limit (lt $limit $needed) -}}
{{- $faults = append $faults (printf "resources.limits.memory: must be at least %d bytes: limits.bodyBudget plus 32Mi for the server itself; otherwise large reviews can exceed the limit" $needed) -}}
{{- end -}}
{{- $ending := add (include "netpol.seconds" $values.limits.drainDelay | int64) 25 -}}
{{- if lt ($values.terminationGracePeriodSeconds | int64) $ending -}}
{{- $faults = append $faults (printf "terminationGracePeriodSeconds: must be at least %d: limits.drainDelay, 5 s to close connections, 15 s for requests in flight and 5 s to flush the audit log" $ending) -}}
{{- end -}}

{{- $budget := $values.podDisruptionBudget -}}
{{- if $budget.enabled -}}
{{- $least := toString $budget.minAvailable -}}
{{- if $least -}}
{{- if or (eq $least "100%") (and (not (hasSuffix "%" $least)) (ge (int64 $least) (int64 $values.replicas))) -}}
{{- $faults = append $faults (printf "podDisruptionBudget.minAvailable: with %d replicas no node could be drained: set it below the number of replicas" (int64 $values.replicas)) -}}
{{- end -}}
{{- else if or (eq (toString $budget.maxUnavailable) "") (has (toString $budget.maxUnavailable) (list "0" "0%")) -}}
{{- $faults = append $faults "podDisruptionBudget.maxUnavailable: no node could be drained: set at least 1, or set podDisruptionBudget.enabled=false" -}}
{{- end -}}
{{- end -}}

{{- $audit := $values.audit -}}
{{- if and (ne $audit.log "-") (not $audit.volume) -}}
{{- $faults = append $faults "audit.volume: a log file requires a volume, because the root file system is read-only" -}}
{{- end -}}
{{- if and (eq $audit.log "-") $audit.volume -}}
{{- $faults = append $faults "audit.log: audit.volume is set, but the log is written to standard output: set audit.log to a file in /var/log/netpol" -}}
{{- end -}}
{{- if and $audit.volume (hasKey $audit.volume "persistentVolumeClaim") (gt (int64 $values.replicas) 1) (not (contains "$(POD_NAME)" $audit.log)) -}}
{{- $faults = append $faults "audit.log: several servers cannot write to the same file on a shared volume: add $(POD_NAME) to the file name" -}}
{{- end -}}
{{- if and (not $values.serviceAccount.create) (not $values.serviceAccount.name) -}}
{{- $faults = append $faults "serviceAccount.name: set the name of an existing ServiceAccount, or set serviceAccount.create=true" -}}
{{- end -}}

{{- $rule := $values.metrics.prometheusRule -}}
{{- $margin := 0 -}}
{{- if eq $certificates.mode "selfManaged" }}{{ $margin = div (include "netpol.seconds" $certificates.selfManaged.leafLifetime | int64) 3 }}{{ end -}}
{{- if eq $certificates.mode "certManager" }}{{ $margin = include "netpol.seconds" $certificates.certManager.renewBefore | int64 }}{{ end -}}
{{- if and $values.metrics.serviceMonitor.enabled $values.networkPolicy.enabled (not $values.networkPolicy.metricsFrom) -}}
{{- $faults = append $faults "networkPolicy.metricsFrom: metrics.serviceMonitor is enabled, but no client may read metrics: add the namespace of Prometheus, or set networkPolicy.enabled=false" -}}
{{- end -}}
{{- if and $rule.enabled $margin (ge (mul (int64 $rule.expiryHours) 3600) $margin) -}}
{{- $faults = append $faults (printf "metrics.prometheusRule.expiryHours: must be less than %d: certificates are renewed %d hours before they expire, so the alert would fire before every renewal" (div $margin 3600) (div $margin 3600)) -}}
{{- end -}}
{{- if ge (include "netpol.seconds" $certificates.certManager.renewBefore | int64) (include "netpol.seconds" $certificates.certManager.duration | int64) -}}
{{- $faults = append $faults "certificates.certManager.renewBefore: must be less than certificates.certManager.duration" -}}
{{- end -}}

{{- if $faults -}}
{{- fail (printf "\n\ninvalid values:\n- %s\n" (join "\n- " $faults)) -}}
{{- end -}}
{{- end -}}

{{/* Returns a duration in seconds, rounded up. */}}
{{- define "netpol.seconds" -}}
{{- $millis := 0 -}}
{{- range $part := regexFindAll "[0-9]+(ms|d|h|m|s)" . -1 -}}
{{- $number := regexFind "^[0-9]+" $part | int64 -}}
{{- $millis = add $millis (mul $number (index (dict "ms" 1 "s" 1000 "m" 60000 "h" 3600000 "d" 86400000) (regexFind "[a-z]+$" $part))) -}}
{{- end -}}
{{- div (add $millis 999) 1000 -}}
{{- end -}}

{{/* Returns a quantity of memory in bytes; 0 for a notation that is not supported here. */}}
{{- define "netpol.bytes" -}}
{{- $text := toString (. | default "") -}}
{{- if regexMatch "^[0-9]+(Ki|Mi|Gi)?$" $text -}}
{{- $number := regexFind "^[0-9]+" $text | int64 -}}
{{- mul $number (index (dict "" 1 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824) (regexFind "[A-Z]i$" $text)) -}}
{{- else -}}0{{- end -}}
{{- end -}}

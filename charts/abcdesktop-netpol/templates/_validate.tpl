{{/* Values that the schema lets through and that cannot be meant: all of them, a sentence each. */}}
{{- define "netpol.validate" -}}
{{- $faults := list -}}
{{- $values := .Values -}}

{{- if has .Release.Namespace $values.namespaces -}}
{{- $faults = append $faults (printf "namespaces: the chart's own namespace %q cannot be guarded, since no server could start once all are gone: install into a namespace of its own (-n netpol-system --create-namespace)" .Release.Namespace) -}}
{{- end -}}
{{- if has "kube-system" $values.namespaces -}}
{{- $faults = append $faults "namespaces: kube-system cannot be guarded, since the servers need what runs there before they can answer" -}}
{{- end -}}

{{- $canon := $values.canon -}}
{{- $given := list -}}
{{- if $canon.builtIn }}{{ $given = append $given "canon.builtIn" }}{{ end -}}
{{- if $canon.documents }}{{ $given = append $given "canon.documents" }}{{ end -}}
{{- if $canon.configMap.name }}{{ $given = append $given "canon.configMap.name" }}{{ end -}}
{{- if gt (len $given) 1 -}}
{{- $faults = append $faults (printf "canon: there is one canon, and %s are given: leave one of them" (join " and " $given)) -}}
{{- end -}}
{{- if and $canon.configMap.name (not $canon.configMap.identityKeys) -}}
{{- $faults = append $faults "canon.configMap.identityKeys: the chart cannot look into a ConfigMap that is not its own: list the label keys that its pod selectors and grants read" -}}
{{- end -}}
{{- if and (not $canon.configMap.name) (or $canon.configMap.identityKeys $canon.configMap.neighborKeys) -}}
{{- $faults = append $faults "canon.configMap: keys are given without a name; the keys of other canons are found by themselves" -}}
{{- end -}}

{{- $certificates := $values.certificates -}}
{{- if eq $certificates.mode "secret" -}}
{{- if not $certificates.secret.name -}}
{{- $faults = append $faults "certificates.secret.name: mode secret serves an existing Secret: name it" -}}
{{- end -}}
{{- if not $certificates.secret.caBundle -}}
{{- $faults = append $faults "certificates.secret.caBundle: without the CA the API server trusts nobody, and guarded namespaces refuse everything: --set-file certificates.secret.caBundle=ca.crt" -}}
{{- end -}}
{{- else -}}
{{- if or $certificates.secret.name $certificates.secret.caBundle -}}
{{- $faults = append $faults (printf "certificates: mode %s makes its own Secret, and certificates.secret names yours: set certificates.mode=secret, or leave certificates.secret empty" $certificates.mode) -}}
{{- end -}}
{{- end -}}
{{- if and $certificates.certManager.issuerRef (ne $certificates.mode "certManager") -}}
{{- $faults = append $faults (printf "certificates.certManager.issuerRef: mode %s asks no issuer: set certificates.mode=certManager, or leave it empty" $certificates.mode) -}}
{{- end -}}
{{- if lt (include "netpol.seconds" $certificates.selfManaged.caLifetime | int64) (include "netpol.seconds" $certificates.selfManaged.leafLifetime | int64) -}}
{{- $faults = append $faults "certificates.selfManaged.caLifetime: a CA cannot end before the certificates that it signs" -}}
{{- end -}}
{{- if and $certificates.selfManaged.secretName (ne $certificates.mode "selfManaged") -}}
{{- $faults = append $faults (printf "certificates.selfManaged.secretName: mode %s does not use it: leave it empty" $certificates.mode) -}}
{{- end -}}
{{- if and $values.tls.clientCA.names (not $values.tls.clientCA.configMap) -}}
{{- $faults = append $faults "tls.clientCA.names: names are asked of certificates, and no CA of clients is given: set tls.clientCA.configMap" -}}
{{- end -}}

{{- if eq ($values.ports.webhook | int64) ($values.ports.admin | int64) -}}
{{- $faults = append $faults "ports: webhook and admin cannot be one port" -}}
{{- end -}}
{{- if lt ($values.limits.bodyBudget | int64) ($values.limits.maxBody | int64) -}}
{{- $faults = append $faults "limits.bodyBudget: must hold at least one body of limits.maxBody" -}}
{{- end -}}
{{- $limit := include "netpol.bytes" (($values.resources | default dict).limits | default dict).memory | int64 -}}
{{- $needed := add ($values.limits.bodyBudget | int64) 33554432 -}}
{{- if and $limit (lt $limit $needed) -}}
{{- $faults = append $faults (printf "resources.limits.memory: is less than limits.bodyBudget and 32Mi for the server itself (%d bytes): a burst of large reviews would end it" $needed) -}}
{{- end -}}
{{- $ending := add (include "netpol.seconds" $values.limits.drainDelay | int64) 25 -}}
{{- if lt ($values.terminationGracePeriodSeconds | int64) $ending -}}
{{- $faults = append $faults (printf "terminationGracePeriodSeconds: must be at least %d: limits.drainDelay, 5 s of farewell, 15 s for what is in flight and 5 s for the audit log" $ending) -}}
{{- end -}}

{{- $budget := $values.podDisruptionBudget -}}
{{- if $budget.enabled -}}
{{- $least := toString $budget.minAvailable -}}
{{- if $least -}}
{{- if or (eq $least "100%") (and (not (hasSuffix "%" $least)) (ge (int64 $least) (int64 $values.replicas))) -}}
{{- $faults = append $faults (printf "podDisruptionBudget.minAvailable: with %d replicas no node could ever be drained: leave one that may go" (int64 $values.replicas)) -}}
{{- end -}}
{{- else if or (eq (toString $budget.maxUnavailable) "") (has (toString $budget.maxUnavailable) (list "0" "0%")) -}}
{{- $faults = append $faults "podDisruptionBudget.maxUnavailable: no node could ever be drained: allow one, or set podDisruptionBudget.enabled=false" -}}
{{- end -}}
{{- end -}}

{{- $audit := $values.audit -}}
{{- if and (ne $audit.log "-") (not $audit.volume) -}}
{{- $faults = append $faults "audit.volume: a file needs a volume, since the root file system is read-only" -}}
{{- end -}}
{{- if and (eq $audit.log "-") $audit.volume -}}
{{- $faults = append $faults "audit.log: goes to standard output, so audit.volume would stay empty: name a file in /var/log/netpol" -}}
{{- end -}}
{{- if and $audit.volume (hasKey $audit.volume "persistentVolumeClaim") (gt (int64 $values.replicas) 1) (not (contains "$(POD_NAME)" $audit.log)) -}}
{{- $faults = append $faults "audit.log: several servers cannot write one file of a shared volume: put $(POD_NAME) into its name" -}}
{{- end -}}
{{- if and (not $values.serviceAccount.create) (not $values.serviceAccount.name) -}}
{{- $faults = append $faults "serviceAccount.name: name the account that is there, since none is made" -}}
{{- end -}}

{{- $rule := $values.metrics.prometheusRule -}}
{{- $margin := 0 -}}
{{- if eq $certificates.mode "selfManaged" }}{{ $margin = div (include "netpol.seconds" $certificates.selfManaged.leafLifetime | int64) 3 }}{{ end -}}
{{- if eq $certificates.mode "certManager" }}{{ $margin = include "netpol.seconds" $certificates.certManager.renewBefore | int64 }}{{ end -}}
{{- if and $rule.enabled $margin (ge (mul (int64 $rule.expiryHours) 3600) $margin) -}}
{{- $faults = append $faults (printf "metrics.prometheusRule.expiryHours: a certificate is renewed %d hours before its end, so this would be an alert without a cause" (div $margin 3600)) -}}
{{- end -}}
{{- if ge (include "netpol.seconds" $certificates.certManager.renewBefore | int64) (include "netpol.seconds" $certificates.certManager.duration | int64) -}}
{{- $faults = append $faults "certificates.certManager.renewBefore: must be less than the duration" -}}
{{- end -}}

{{- if $faults -}}
{{- fail (printf "\n\nvalues that cannot be meant:\n- %s\n" (join "\n- " $faults)) -}}
{{- end -}}
{{- end -}}

{{/* A duration of the schema's form in whole seconds, rounded up. */}}
{{- define "netpol.seconds" -}}
{{- $millis := 0 -}}
{{- range $part := regexFindAll "[0-9]+(ms|d|h|m|s)" . -1 -}}
{{- $number := regexFind "^[0-9]+" $part | int64 -}}
{{- $millis = add $millis (mul $number (index (dict "ms" 1 "s" 1000 "m" 60000 "h" 3600000 "d" 86400000) (regexFind "[a-z]+$" $part))) -}}
{{- end -}}
{{- div (add $millis 999) 1000 -}}
{{- end -}}

{{/* A quantity of memory in bytes; 0 where it is written in a way that is not compared. */}}
{{- define "netpol.bytes" -}}
{{- $text := toString (. | default "") -}}
{{- if regexMatch "^[0-9]+(Ki|Mi|Gi)?$" $text -}}
{{- $number := regexFind "^[0-9]+" $text | int64 -}}
{{- mul $number (index (dict "" 1 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824) (regexFind "[A-Z]i$" $text)) -}}
{{- else -}}0{{- end -}}
{{- end -}}

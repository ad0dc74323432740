{{/* Volumes and their mounts: `netpol.volumes` and `netpol.mounts` use the same names. */}}

{{- define "netpol.canonConfigMap" -}}
{{- if .Values.canon.configMap.name -}}
{{- .Values.canon.configMap.name -}}
{{- else if .Values.canon.documents -}}
{{- printf "%s-canon-%s" (include "netpol.fullname" .) (include "netpol.canonHash" .) -}}
{{- end -}}
{{- end -}}

{{/* The canon of your own, for the servers and the controller. */}}
{{- define "netpol.canonMounts" -}}
{{- if include "netpol.canonConfigMap" . -}}
{{- list (dict "name" "canon" "mountPath" "/etc/netpol/canon" "readOnly" true) | toYaml -}}
{{- end -}}
{{- end -}}

{{- define "netpol.canonVolumes" -}}
{{- with include "netpol.canonConfigMap" . -}}
{{- list (dict "name" "canon" "configMap" (dict "name" .)) | toYaml -}}
{{- end -}}
{{- end -}}

{{- define "netpol.mounts" -}}
{{- $mounts := list -}}
{{- if ne .Values.certificates.mode "selfManaged" -}}
{{- $mounts = append $mounts (dict "name" "tls" "mountPath" "/etc/netpol/tls" "readOnly" true) -}}
{{- end -}}
{{- $mounts = concat $mounts (include "netpol.canonMounts" . | fromYamlArray) -}}
{{- if .Values.tls.clientCA.configMap -}}
{{- $mounts = append $mounts (dict "name" "client-ca" "mountPath" "/etc/netpol/client-ca" "readOnly" true) -}}
{{- end -}}
{{- if .Values.audit.volume -}}
{{- $mounts = append $mounts (dict "name" "audit" "mountPath" "/var/log/netpol") -}}
{{- end -}}
{{- toYaml $mounts -}}
{{- end -}}

{{- define "netpol.volumes" -}}
{{- $volumes := list -}}
{{- if ne .Values.certificates.mode "selfManaged" -}}
{{- $volumes = append $volumes (dict "name" "tls" "secret" (dict "secretName" (include "netpol.tlsSecret" .) "defaultMode" 288)) -}}
{{- end -}}
{{- $volumes = concat $volumes (include "netpol.canonVolumes" . | fromYamlArray) -}}
{{- with .Values.tls.clientCA.configMap -}}
{{- $volumes = append $volumes (dict "name" "client-ca" "configMap" (dict "name" .)) -}}
{{- end -}}
{{- with .Values.audit.volume -}}
{{- $volumes = append $volumes (mustMerge (dict "name" "audit") .) -}}
{{- end -}}
{{- toYaml $volumes -}}
{{- end -}}

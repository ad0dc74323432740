#!/bin/sh
# Builds the control plane of another Kubernetes version: at-version.sh 1.33.13 FOLDER
# Then the tests run on it with: KUBEBUILDER_ASSETS=FOLDER cargo test --test suite cluster
set -eu
version=${1:?the version, such as 1.33.13} folder=${2:?the folder to put the programs into}
source=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)

cd "$work"
theirs=$(go mod download -json "k8s.io/kubernetes@v$version" | sed -n 's/.*"GoMod": "\(.*\)",/\1/p')
cp "$source/main.go" .
cat >go.mod <<MOD
module netpol.abcdesktop.io/control-plane
require k8s.io/kubernetes v$version
MOD
# Its staging modules are, seen from outside, modules of the same minor under v0.
sed -n 's|^\t\(k8s.io/[a-z-]*\) => ./staging.*|replace \1 => \1 v0.'"${version#1.}"'|p' "$theirs" >>go.mod
# etcd's server and client are of one version.
sed -n 's|^\tgo.etcd.io/etcd/client/v3 \(v[0-9.]*\).*|require go.etcd.io/etcd/server/v3 \1|p' "$theirs" >>go.mod
sed -n 's|^go \(.*\)|go \1|p; s|^godebug \(.*\)|godebug \1|p' "$theirs" >>go.mod
go mod tidy
minor=${version#1.}
stamp=k8s.io/component-base/version
go build -trimpath -tags grpcnotrace -o "$folder/control-plane" \
  -ldflags "-s -w -X $stamp.gitVersion=v$version -X $stamp.gitMajor=1 -X $stamp.gitMinor=${minor%%.*}" .
for name in etcd kube-apiserver kube-controller-manager kubectl; do
  ln -sf control-plane "$folder/$name"
done
printf 'v%s is in %s\n' "$version" "$folder"

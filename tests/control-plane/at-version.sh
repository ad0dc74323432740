#!/bin/sh
# Builds the control plane of another Kubernetes version: at-version.sh 1.33.13 FOLDER
# To run the tests with it: KUBEBUILDER_ASSETS=FOLDER cargo test --test suite cluster
set -eu
version=${1:?the version, such as 1.33.13} folder=${2:?the folder for the programs}
source=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)

cd "$work"
upstream=$(go mod download -json "k8s.io/kubernetes@v$version" | sed -n 's/.*"GoMod": "\(.*\)",/\1/p')
cp "$source/main.go" .
cat >go.mod <<MOD
module netpol.abcdesktop.io/control-plane
require k8s.io/kubernetes v$version
MOD
# The staging modules are published as v0 modules with the same minor version.
sed -n 's|^\t\(k8s.io/[a-z-]*\) => ./staging.*|replace \1 => \1 v0.'"${version#1.}"'|p' "$upstream" >>go.mod
# The server and the client of etcd must have the same version.
sed -n 's|^\tgo.etcd.io/etcd/client/v3 \(v[0-9.]*\).*|require go.etcd.io/etcd/server/v3 \1|p' "$upstream" >>go.mod
sed -n 's|^go \(.*\)|go \1|p; s|^godebug \(.*\)|godebug \1|p' "$upstream" >>go.mod
go mod tidy
minor=${version#1.}
stamp=k8s.io/component-base/version
go build -trimpath -tags grpcnotrace -o "$folder/control-plane" \
  -ldflags "-s -w -X $stamp.gitVersion=v$version -X $stamp.gitMajor=1 -X $stamp.gitMinor=${minor%%.*}" .
for name in etcd kube-apiserver kube-controller-manager kubectl; do
  ln -sf control-plane "$folder/$name"
done
printf 'v%s is in %s\n' "$version" "$folder"

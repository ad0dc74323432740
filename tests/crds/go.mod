// The definitions of policy kinds that the tests install: files of these modules. No package is built, so `go mod tidy` does not apply.
module netpol.abcdesktop.io/crds

go 1.26.0

require (
	github.com/cilium/cilium v1.20.2
	github.com/k8snetworkplumbingwg/multi-networkpolicy v1.0.1
	github.com/projectcalico/calico v1.11.0-cni-plugin.0.20250813170300-a0db560f0520
)

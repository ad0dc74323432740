// The kinds of Cilium that the tests install: the definitions that its operator creates, from the packages that embed them.
module netpol.abcdesktop.io/crds

go 1.26.0

require github.com/cilium/cilium v1.20.2

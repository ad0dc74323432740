// Command enforcer applies the NetworkPolicies of a cluster to the pods of one node, in the network namespace that it is
// started in. It is the controller of sigs.k8s.io/kube-network-policies without a change, as a program that tests can start:
// the controller judges packets in userspace, and the kernel hands them over through a netfilter queue.
package main

import (
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/kube-network-policies/pkg/networkpolicy"
)

// The queue of this network namespace.
const queue = 100

func main() {
	kubeconfig := flag.String("kubeconfig", "", "file that says how to reach the API server")
	node := flag.String("node", "", "name of the node whose pods are isolated")
	flag.Parse()
	if err := run(*kubeconfig, *node); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(kubeconfig, node string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	// The controller takes a list of rules that is empty but not nil for "every connection". JSON has such lists, protobuf has none.
	config.ContentType = "application/vnd.kubernetes.protobuf"
	config.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	// Before the controller listens, packets are dropped.
	if err := divert(); err != nil {
		return fmt.Errorf("cannot divert packets: %w", err)
	}
	factory := informers.NewSharedInformerFactory(client, 0)
	controller, err := networkpolicy.NewController(client, factory.Networking().V1().NetworkPolicies(), factory.Core().V1().Namespaces(),
		factory.Core().V1().Pods(), nil, nil, nil, nil, networkpolicy.Config{NodeName: node, QueueID: queue})
	if err != nil {
		return err
	}
	factory.Start(ctx.Done())
	return controller.Run(ctx)
}

// divert hands the first packets of every connection to the queue, as the controller's own rules do. Those need a kernel with
// CONFIG_NFT_QUEUE; these use the NFQUEUE target of xtables, which more kernels have. With both, packets get the same verdict twice.
func divert() error {
	nft, err := nftables.New()
	if err != nil {
		return err
	}
	table := nft.AddTable(&nftables.Table{Name: "enforcer", Family: nftables.TableFamilyINet})
	chain := nft.AddChain(&nftables.Chain{
		Name: "postrouting", Table: table, Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookPostrouting, Priority: nftables.ChainPriorityRef(*nftables.ChainPriorityNATSource - 6),
	})
	accept := &expr.Verdict{Kind: expr.VerdictAccept}
	// struct xt_NFQ_info: the number of the queue, padded to eight bytes.
	info := make(xt.Unknown, 8)
	binary.NativeEndian.PutUint16(info, queue)
	for _, rule := range [][]expr.Any{
		{ // IPv6 finds its neighbors by ICMP.
			&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{syscall.IPPROTO_ICMPV6}}, accept,
		},
		{ // Packets of the node itself, such as the probes of a kubelet.
			&expr.Meta{Key: expr.MetaKeySKUID, Register: 1},
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{0, 0, 0, 0}}, accept,
		},
		{ // Connections that were admitted.
			&expr.Ct{Register: 1, Key: expr.CtKeySTATE},
			&expr.Bitwise{
				SourceRegister: 1, DestRegister: 1, Len: 4, Xor: []byte{0, 0, 0, 0},
				Mask: binaryutil.NativeEndian.PutUint32(expr.CtStateBitESTABLISHED | expr.CtStateBitRELATED),
			},
			&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: []byte{0, 0, 0, 0}}, accept,
		},
		{&expr.Target{Name: "NFQUEUE", Rev: 0, Info: &info}},
	} {
		nft.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: rule})
	}
	return nft.Flush()
}

// Command crds prints the definitions of kinds of Cilium as YAML documents. Its arguments are the plural names of the kinds.
package main

import (
	"embed"
	"errors"
	"fmt"
	"os"

	v2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/client/crds/v2"
	"github.com/cilium/cilium/pkg/k8s/apis/cilium.io/client/crds/v2alpha1"
)

func main() {
	for _, plural := range os.Args[1:] {
		definition, err := definition(plural)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Printf("---\n%s\n", definition)
	}
}

// definition returns the definition of a kind. The package of a version has the kinds that are stored in this version.
func definition(plural string) ([]byte, error) {
	var errs []error
	for _, version := range []embed.FS{v2.EmbedFS, v2alpha1.EmbedFS} {
		text, err := version.ReadFile(plural + ".yaml")
		if err == nil {
			return text, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

// Command bom tells what programs are made of, by what Go's linker recorded in
// them: a bill of materials, or the licences of what is linked.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

const usage = `usage: bom sbom VERSION PROGRAM...  a bill of materials of ddcos VERSION, as CycloneDX 1.5
       bom notices PROGRAM...       the licences of everything linked into the programs`

func main() {
	if err := run(context.Background(), os.Args[1:], os.Stdout); err != nil {
		_, _ = fmt.Fprintf(os.Stderr, "bom: %v\n", err)
		os.Exit(1)
	}
}

// run is the whole command but for the process around it.
func run(ctx context.Context, args []string, out io.Writer) error {
	switch {
	case len(args) > 2 && args[0] == "sbom":
		programs, err := readPrograms(args[2:])
		if err != nil {
			return err
		}
		return writeBill(out, args[1], programs)
	case len(args) > 1 && args[0] == "notices":
		programs, err := readPrograms(args[1:])
		if err != nil {
			return err
		}
		return writeNotices(ctx, out, libraries(programs))
	}
	return errors.New(usage)
}

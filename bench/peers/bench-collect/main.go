// Command bench-collect reads all processes with a library, as bench compares with it: a pass for
// each line of its standard input. It answers with a line of how many processes there were, the
// nanoseconds that the pass took and the allocations.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"runtime"
	"time"
)

func main() {
	by := flag.String("by", "procfs", "library: procfs or gopsutil")
	flag.Parse()
	pass, ok := map[string]func() (int, error){"procfs": byProcfs, "gopsutil": byGopsutil}[*by]
	if !ok {
		fmt.Fprintf(os.Stderr, "bench-collect: no library %q\n", *by)
		os.Exit(2)
	}
	if err := serve(pass); err != nil {
		fmt.Fprintln(os.Stderr, "bench-collect:", err)
		os.Exit(1)
	}
}

// serve makes passes until its input ends.
func serve(pass func() (int, error)) error {
	var before, after runtime.MemStats
	for asked := bufio.NewScanner(os.Stdin); asked.Scan(); {
		runtime.ReadMemStats(&before)
		began := time.Now()
		processes, err := pass()
		took := time.Since(began)
		if err != nil {
			return err
		}
		runtime.ReadMemStats(&after)
		fmt.Println(processes, took.Nanoseconds(), after.Mallocs-before.Mallocs)
	}
	return nil
}

package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"ddcos/k2i"
	"ddcos/k2i/detail"
	"ddcos/k2i/procfs"
	"ddcos/k2i/wire"
)

func hostCommand() *cobra.Command {
	var f showFlags
	cmd := &cobra.Command{
		Use:   "host",
		Short: "Print what this host is and what it does as a whole",
		Long: `Print what this host says of itself: CPU, memory, pressure, clock, disks, network,
mounts, GPUs and temperatures, what GET /v1/host of an agent would say. A file system or a device
that does not answer within a second is named and left.`,
		Example: `  k2i host
  k2i host --json`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			snap, err := f.snapshot(cmd)
			if err != nil {
				return err
			}
			fs, err := procfs.New(cmd.Context(), procfs.DefaultRoot)
			if err != nil {
				return err
			}
			m, err := detail.NewMachineReader(procfs.NewMachine(fs, procfs.DefaultSys), detail.MachineOptions()).Read(cmd.Context())
			if err != nil {
				return err
			}
			if f.json {
				return printJSON(cmd.OutOrStdout(), wire.HostAnswer{Head: wire.HeadOf(snap, time.Now()), Machine: m})
			}
			return printHost(cmd.OutOrStdout(), &snap.Host, m)
		},
	}
	f.add(cmd)
	return cmd
}

// printHost prints what stands alone line by line, and each list as a table.
func printHost(w io.Writer, host *k2i.Host, m *k2i.Machine) error {
	out := columns(w)
	line := func(cells ...string) {
		for i, cell := range cells {
			cells[i] = word(cell)
		}
		_, _ = fmt.Fprintln(out, strings.Join(cells, "\t")) // its error comes back from Flush
	}
	line("name", host.Name)
	line("kernel", host.Kernel+" "+m.Architecture+" "+m.KernelVersion)
	line("boot_id", host.BootID)
	line("uptime", time.Duration(host.UptimeNS).Round(time.Second).String())
	line("runs_on", runsOn(m.Virtualization))
	line("cpu", fmt.Sprintf("%d %s", m.CPU.Online, m.CPU.Model))
	line("load", fmt.Sprintf("%.2f %.2f %.2f", host.Load[0], host.Load[1], host.Load[2]))
	line("memory_bytes", amount(m.Memory.TotalBytes)+", available "+amount(m.Memory.AvailableBytes))
	line("swap_bytes", amount(m.Memory.SwapTotalBytes)+", free "+amount(m.Memory.SwapFreeBytes))
	line("clock", clockText(m.Clock))
	for _, p := range m.Pressure {
		line("pressure "+p.Resource+" "+p.Who, fmt.Sprintf("%.2f%% %.2f%% %.2f%%", p.Avg10Percent, p.Avg60Percent, p.Avg300Percent))
	}
	printLists(out, line, m)
	for _, l := range m.LeftOut {
		line("left out of "+string(l.Part), strconv.Itoa(l.Count))
	}
	for _, gap := range m.Gaps {
		line("missing "+string(gap.Part), string(gap.Reason)+": "+gap.Help)
	}
	return out.Flush()
}

// printLists prints the lists that have something in them.
func printLists(out *tabwriter.Writer, line func(...string), m *k2i.Machine) {
	table := func(n int, head string, row func(i int) []string) {
		if n == 0 {
			return
		}
		_ = out.Flush()          // columns are this table's own
		_, _ = fmt.Fprintln(out) // an error of either comes back from the last Flush
		line(strings.Fields(head)...)
		for i := range n {
			line(row(i)...)
		}
	}
	table(len(m.Disks), "DISK SIZE_BYTES READS READ_BYTES WRITES WRITE_BYTES", func(i int) []string {
		d := &m.Disks[i]
		return []string{d.Name, amount(d.SizeBytes), amount(d.Reads), amount(d.ReadBytes), amount(d.Writes), amount(d.WriteBytes)}
	})
	table(len(m.Interfaces), "INTERFACE UP RX_BYTES TX_BYTES ERRORS ADDRESSES", func(i int) []string {
		n := &m.Interfaces[i]
		return []string{n.Name, strconv.FormatBool(n.Up), amount(n.RxBytes), amount(n.TxBytes), amount(n.RxErrors + n.TxErrors), strings.Join(n.Addresses, ",")}
	})
	table(len(m.Mounts), "MOUNT TYPE SIZE_BYTES AVAILABLE_BYTES FREE_INODES SOURCE", func(i int) []string {
		f := &m.Mounts[i]
		size := amount(f.SizeBytes)
		if f.Missing != "" {
			size = string(f.Missing)
		}
		return []string{f.Point, f.Type, size, amount(f.AvailableBytes), amount(f.FreeInodes), f.Source}
	})
	table(len(m.GPUs), "GPU DRIVER PCI VENDOR DEVICE", func(i int) []string {
		g := &m.GPUs[i]
		return []string{g.Card, g.Driver, g.PCI, g.Vendor, g.Device}
	})
	table(len(m.GPUClients), "GPU_PID PCI CLIENT ENGINES_NS MEMORY_BYTES", func(i int) []string {
		c := &m.GPUClients[i]
		var engines, memory []string
		for _, e := range c.Engines {
			engines = append(engines, e.Name+"="+amount(e.BusyNS))
		}
		for _, r := range c.Memory {
			memory = append(memory, r.Region+"="+amount(r.TotalBytes))
		}
		return []string{strconv.Itoa(int(c.PID)), c.PCI, c.Client, strings.Join(engines, ","), strings.Join(memory, ",")}
	})
	table(len(m.Sensors), "SENSOR CELSIUS HIGH CRITICAL", func(i int) []string {
		s := &m.Sensors[i]
		return []string{s.Name, degrees(s.Celsius), orUnknown(s.HighCelsius), orUnknown(s.CriticalCelsius)}
	})
}

func degrees(celsius float64) string { return strconv.FormatFloat(celsius, 'f', 1, 64) }

// orUnknown is a temperature that a driver may have left open.
func orUnknown(celsius float64) string {
	if celsius == 0 {
		return k2i.Unknown
	}
	return degrees(celsius)
}

func amount(n k2i.Count) string { return number(n, k2i.Unknown) }

// runsOn is iron, or what is known of the hypervisor.
func runsOn(v k2i.Virtualization) string {
	text := "iron"
	if v.Guest {
		text = "a hypervisor"
		if v.Hypervisor != "" {
			text = v.Hypervisor
		}
	}
	if v.Vendor+v.Product != "" {
		text += ", " + strings.TrimSpace(v.Vendor+" "+v.Product)
	}
	if v.Container {
		text += ", in a container"
	}
	return text
}

func clockText(c k2i.Clock) string {
	if !c.Synchronized {
		return "not synchronized"
	}
	return fmt.Sprintf("synchronized, off by %v, at most by %v", time.Duration(c.OffsetNS), time.Duration(c.MaxErrorNS))
}

package procfs

import "ddcos/k2i"

// ParseCmdline splits the text of /proc/PID/cmdline; see k2i.SplitArgs.
func ParseCmdline(b []byte) []string { return k2i.SplitArgs(b) }

// cmdline fills in the command line; a kernel thread has none.
func (r *reader) cmdline(p *k2i.Process) error {
	if p.Kernel {
		p.Args = []string{}
		return nil
	}
	b, err := r.file("cmdline", k2i.MaxArgs)
	if err != nil {
		return err
	}
	p.Args = ParseCmdline(b)
	return nil
}

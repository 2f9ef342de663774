package dps

import (
	"strconv"
	"strings"
)

// capFact is the mask of the capabilities that a process may use.
const capFact = "status CapPrm"

// capabilities are the kernel's (include/uapi/linux/capability.h), by number.
var capabilities = strings.Fields(`
	chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable
	net_bind_service net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot sys_ptrace
	sys_pacct sys_admin sys_boot sys_nice sys_resource sys_time sys_tty_config mknod lease audit_write
	audit_control setfcap mac_override mac_admin syslog wake_alarm block_suspend audit_read perfmon bpf
	checkpoint_restore
`)

// capabilityNames is a mask by names: "full" for all, "-" for none.
func capabilityNames(mask string) string {
	bits, err := strconv.ParseUint(mask, 16, 64)
	switch {
	case err != nil || bits == 0:
		return "-"
	case bits == 1<<len(capabilities)-1:
		return "full"
	}
	var names []string
	for n := range 64 {
		switch {
		case bits&(1<<n) == 0:
		case n < len(capabilities):
			names = append(names, capabilities[n])
		default:
			names = append(names, strconv.Itoa(n))
		}
	}
	return strings.Join(names, ",")
}

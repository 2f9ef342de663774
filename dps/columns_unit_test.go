package dps

import "testing"

func TestReadUnitPath(t *testing.T) {
	for _, test := range []struct {
		path string
		want unitPath
	}{
		{"", unitPath{}},
		{"/", unitPath{slice: "-.slice"}},
		{"/uu", unitPath{slice: "-.slice"}},
		{"/init.scope", unitPath{slice: "-.slice", unit: "init.scope"}},
		{"/system.slice/ssh.service", unitPath{slice: "system.slice", unit: "ssh.service"}},
		{"/system.slice/system-getty.slice/getty@tty1.service/x", unitPath{slice: "system-getty.slice", unit: "getty@tty1.service"}},
		{"/user.slice/user-1000.slice/session-7.scope", unitPath{slice: "user-1000.slice", unit: "session-7.scope", session: "7", owner: "1000"}},
		{
			"/user.slice/user-1000.slice/user@1000.service/app.slice/foo.service",
			unitPath{slice: "user-1000.slice", unit: "user@1000.service", user: "foo.service", owner: "1000"},
		},
		{"/.service", unitPath{slice: "-.slice"}},
	} {
		if got := readUnitPath(test.path); got != test.want {
			t.Errorf("%q: %+v, want %+v", test.path, got, test.want)
		}
	}
}

func TestControlGroups(t *testing.T) {
	const lines = "9:name=systemd:/foo.slice/bar.service\n5:devices:/\n4:memory:/lxc/box/x\n0::/uu\n"
	for _, test := range []struct{ what, got, want string }{
		{"cgroup", groupLines(lines), "9:name=systemd:/foo.slice/bar.service,4:memory:/lxc/box/x,0::/uu"},
		{"cgname", groupNames(lines), "systemd:/foo.slice/bar.service,4:memory:/lxc/box/x,0::/uu"},
		{"cgroup of the root", groupLines("0::/\n"), "-"},
		{"the path of systemd", systemdPath(lines), "/uu"},
		{"the path of systemd alone", systemdPath("1:name=systemd:/a.service\n"), "/a.service"},
		{"no path", systemdPath("4:memory:/x\n"), ""},
		{"the container of LXC", lxcName(lines), "box"},
		{"the container of LXC, newer", lxcName("0::/lxc.payload.web/init.scope\n"), "web"},
		{"no container", lxcName("0::/\n"), ""},
	} {
		if test.got != test.want {
			t.Errorf("%s: %q, want %q", test.what, test.got, test.want)
		}
	}
}

func TestShortMask(t *testing.T) {
	for _, test := range []struct{ mask, want string }{
		{"0000000000004000", "00004000"},
		{"8000000200004200", "<00004200"},
		{"-", "-"},
	} {
		if got := shortMask(test.mask); got != test.want {
			t.Errorf("%s: %q, want %q", test.mask, got, test.want)
		}
	}
}

func TestSeatsAndMachines(t *testing.T) {
	files := map[string]string{"sessions/7": "UID=1000\nSEAT=seat0\nTTY=tty1\n", "sessions/8": "UID=1000\n", "machines/unit:machine-box.scope": "box"}
	read := func(name string) string { return files[name] }
	for _, test := range []struct{ path, seat, machine string }{
		{"/user.slice/user-1000.slice/session-7.scope", "seat0", ""},
		{"/user.slice/user-1000.slice/session-8.scope", "", ""},
		{"/user.slice/user-1000.slice/session-9.scope", "", ""},
		{"/machine.slice/machine-box.scope/x", "", "box"},
		{"/", "", ""},
	} {
		u := readUnitPath(test.path)
		if seat, machine := seatOf(read, u), machineOf(read, u); seat != test.seat || machine != test.machine {
			t.Errorf("%s: seat %q and machine %q, want %q and %q", test.path, seat, machine, test.seat, test.machine)
		}
	}
	if got := RunSystemd("no/such/file"); got != "" {
		t.Errorf("a file that is not there holds %q", got)
	}
}

package dps_test

import (
	"os"
	"strings"
	"testing"

	"ddcos/dps"
)

// usual are the command lines that people and scripts use most, and every format
// and every modifier at least once; PIDS stands for the processes of the test.
const usual = `
aux -p PIDS
u -p PIDS
uww -p PIDS
-f -p PIDS
-fww -p PIDS
-F -p PIDS
-l -p PIDS
-ly -p PIDS
-lf -p PIDS
-j -p PIDS
-jf -p PIDS
-lj -p PIDS
l -p PIDS
j -p PIDS
s -p PIDS
v -p PIDS
X -p PIDS
fu -p PIDS
f -p PIDS
fj -p PIDS
-H -p PIDS
-fH -p PIDS
-lH -p PIDS
--forest -p PIDS
--forest -f -p PIDS
-f --forest -o pid,ppid,cmd -p PIDS
-o pid,ppid,cmd --forest -p PIDS
-o pid,ppid,comm,args -H -p PIDS
--forest --sort -pid -o pid,args -p PIDS
-o pid,fname,comm f -p PIDS
-fL -p PIDS
-L -p PIDS
-LF -p PIDS
-Lj -p PIDS
-T -p PIDS
-fT -p PIDS
-lT -p PIDS
-FT -p PIDS
H -p PIDS
Hu -p PIDS
Hv -p PIDS
Hs -p PIDS
H -C peer.test
H r -C peer.test
-L -C peer.test,kthreadd
m -p PIDS
-m -p PIDS
mu -p PIDS
-mf -p PIDS
-mL -p PIDS
-mT -p PIDS
-Lo pid,lwp,nlwp,stat,comm -p PIDS
-Lo pid,tid,pcpu,comm -p PIDS
-To pid,spid,time,wchan:20 -p PIDS
m -o pid,tid,stat,time,comm -p PIDS
-P -p PIDS
-fP -p PIDS
-c -p PIDS
-fc -p PIDS
-lc -p PIDS
-jc -p PIDS
-M -p PIDS
-fM -p PIDS
-Z -p PIDS
Z -p PIDS
uZ -p PIDS
--context -p PIDS
-O user -p PIDS
-O ppid,stime -p PIDS
-O user:20=WHO -p PIDS
O ppid -p PIDS
O user -p PIDS
Op -p PIDS
O-p -p PIDS
-q PIDS
-fq PIDS
q PIDS
u q PIDS
--quick-pid PIDS -o pid,comm
--quick-pid=PIDS -o pid,comm
--headers --rows 4 -p PIDS
--headers --lines=3 -f -p PIDS
--heading -o pid -p PIDS
n -p PIDS
un -p PIDS
-f n -p PIDS
ln -p PIDS
-o user,group,ruser,rgroup n -p PIDS
S -p PIDS
uS -p PIDS
vS -p PIDS
-f --cumulative -p PIDS
e -p PIDS
ue -p PIDS
-f e -p PIDS
ewww -p PIDS
ce -p PIDS
eww --cols 200 -p PIDS
c -p PIDS
uc -p PIDS
-j u -p PIDS
-j l -p PIDS
-j j -p PIDS
-L u -p PIDS
-L l -p PIDS
-T j -p PIDS
-c l -p PIDS
-y l -p PIDS
--cols 80 s -p PIDS
--cols 100 s -p PIDS
--cols 104 s -p PIDS
--cols 80 u -p PIDS
--cols 80 -f -p PIDS
--cols 80 f -p PIDS
--cols 132 -lF -p PIDS
w u -p PIDS
ww u -p PIDS
-w -f -p PIDS
-o etimes= -p PIDS
-o etime= -p PIDS
-o pid= -p PIDS
-o rss= -p PIDS
-o vsz= -p PIDS
-o pcpu= -p PIDS
-o %cpu,%mem,cmd -p PIDS
-o pid,%cpu,%mem,args --sort -rss,pid -p PIDS
-o pid,vsz,comm --sort -vsz,pid -p PIDS
-o pid,cputime,comm --sort=-cputime,pid -p PIDS
-o pid,lstart,cmd -p PIDS
-o user,pid,ppid,stime,tty,time,cmd -p PIDS
-o user:32,pid,args -p PIDS
-o pid,ppid,pgid,sid,tpgid,tty,stat -p PIDS
-o pid,ni,pri,rtprio,cls,policy -p PIDS
-o pid,psr,cpuid,wchan -p PIDS
-o pid,wchan:30,comm -p PIDS
-o pid,cgroup:60 -p PIDS
-o pid,cgname -p PIDS
-o pid,unit,slice,uunit -p PIDS
-o pid,lsession,ouid,machine,seat -p PIDS
-o pid,pidns,netns,mntns,userns,utsns,ipcns,cgroupns,timens -p PIDS
-o pid,pending,blocked,ignored,caught -p PIDS
-o pid,tsig,sig,sigmask --cols 40 -p PIDS
-o pid,supgid,supgrp -p PIDS
-o pid,exe -p PIDS
-o pid,size,trs,drs,sz -p PIDS
-o pid,oom,oomadj,luid,lim -p PIDS
-o pid,rbytes,wbytes,rchars,wchars,rops,wops,wcbytes -p PIDS
-o pid,maj_flt,min_flt,pagein -p PIDS
-o pid,ag_id,ag_nice,numa -p PIDS
-o pid,stackp,esp,eip -p PIDS
-o uid,ruid,euid,suid,fsuid,gid,rgid,egid,sgid,fsgid -p PIDS
-o user,ruser,euser,suser,fuser,group,rgroup,egroup,sgroup,fgroup -p PIDS
-o uid_hack,uname,svuser,svgroup -p PIDS
-o pid,cutime,utime,login,addr,umask,jobc -p PIDS
-o pid,f,s,state,flags -p PIDS
-o c,cp,util,cuu,cuc -p PIDS
-o start,start_time,stime,bsdstart,bsdtime -p PIDS
-o tty4,tty8,tname,tt,longtname -p PIDS
k-pid -o pid -p PIDS
k user,-pid -o user,pid -p PIDS
--sort=uid,-ppid,pid -o uid,ppid,pid -p PIDS
-o pid,comm -N -p 4194303 --ppid 4194302 -C none -q 1
-o pid,comm -p PIDS -C none -u 2000000000
-o pid,comm --ppid 4194302 -p PIDS
--no-headers -o pid -p PIDS
h -o pid,comm -p PIDS
-o pid=,comm= -p PIDS
-o pid=PROC -o comm=NAME -p PIDS
`

func TestUsualLinesAgainstPS(t *testing.T) {
	p := startPeers(t)
	lines := strings.Split(strings.TrimSpace(usual), "\n")
	for _, line := range lines {
		args := strings.Fields(strings.ReplaceAll(line, "PIDS", p.list()))
		if c, err := dps.Parse(args, dps.DefaultEnv(func(string) string { return "" })); err == nil && flawed(t, c) {
			continue // a reading of it would need ps to be right
		}
		p.alike(t, args)
	}
	if len(lines) < 150 {
		t.Errorf("%d command lines, want 150 at least", len(lines))
	}
}

// What the environment asks for, with ps beside it.
func TestEnvironmentAgainstPS(t *testing.T) {
	p := startPeers(t)
	for _, test := range []struct{ variable, line string }{
		{"PS_FORMAT=pid,comm", ""},
		{"PS_FORMAT=pid,comm", "-f"},
		{"PS_FORMAT=pid,user:20,args", "h"},
		{"PS_FORMAT=", ""},
		{"PS_PERSONALITY=bsd", ""},
		{"PS_PERSONALITY=posix", ""},
		{"PS_PERSONALITY=linux", ""},
		{"PS_PERSONALITY=old", ""},
		{"PS_PERSONALITY=junk", "-f"},
		{"CMD_ENV=bsd", ""},
		{"CMD_ENV=junk", "u"},
	} {
		name, value, _ := strings.Cut(test.variable, "=")
		t.Setenv(name, value)
		p.equal(t, same, append(strings.Fields(test.line), "-p", p.list())...)
		if err := os.Unsetenv(name); err != nil {
			t.Fatal(err)
		}
	}
}

// Every personality reads the letters that personalities read in their own way as
// ps does.
func TestPersonalitiesAgainstPS(t *testing.T) {
	p := startPeers(t)
	for _, name := range strings.Fields(systemNames) {
		t.Setenv("PS_PERSONALITY", name)
		for _, line := range []string{
			"-p PIDS", "-f -p PIDS", "-l -p PIDS", "-lf -p PIDS", "-ly -p PIDS", "-j -p PIDS", "-jf -p PIDS", "-jl -p PIDS", "-x -l -p PIDS",
			"j p PIDS", "l p PIDS", "s p PIDS", "u p PIDS", "v p PIDS", "m p PIDS", "h p PIDS", "c l p PIDS", "-L u -p PIDS", "-j u -p PIDS", "-o pid,OL_j -p PIDS",
		} {
			p.alike(t, strings.Fields(strings.ReplaceAll(line, "PIDS", strings.Join(p.pids[:3], ","))))
		}
	}
}

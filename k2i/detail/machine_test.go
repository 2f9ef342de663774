package detail

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"ddcos/k2i"
	"ddcos/k2i/procfs"
)

// A made machine answers at once, but for what is held.
type made struct {
	system, slow atomic.Int32
	hold         map[string]chan struct{} // by part, or by mount point
	fail         map[string]error
	points       []string
}

func (m *made) wait(what string) error {
	if held := m.hold[what]; held != nil {
		<-held
	}
	return m.fail[what]
}

func (m *made) System(to *k2i.Machine) error {
	m.system.Add(1)
	if err := m.wait("system"); err != nil {
		return err
	}
	to.CPU.Online = 2
	return nil
}

func (m *made) Disks() ([]k2i.Disk, int, error) {
	return []k2i.Disk{{Name: "vda"}}, 3, m.wait("disks")
}

func (m *made) Interfaces() ([]k2i.NetInterface, int, error) {
	return []k2i.NetInterface{{Name: "lo"}}, 0, m.wait("interfaces")
}

func (m *made) GPUs() ([]k2i.GPU, []k2i.GPUClient, int, error) {
	return []k2i.GPU{{Card: "card0"}}, []k2i.GPUClient{{PID: 7}}, 2, m.wait("gpus")
}

func (m *made) Sensors() ([]k2i.Sensor, int, error) {
	return []k2i.Sensor{{Name: "cpu", Celsius: 40}}, 1, m.wait("sensors")
}

func (m *made) MountPoints() ([]procfs.MountPoint, int, error) {
	m.slow.Add(1)
	var list []procfs.MountPoint
	for _, point := range m.points {
		list = append(list, procfs.MountPoint{Mount: k2i.Mount{Point: point, Source: "davs://me:Zq77hunter@far" + point, SizeBytes: k2i.Unread}})
	}
	return list, 1, m.wait("mounts")
}

func (m *made) Size(p *procfs.MountPoint) (k2i.Mount, error) {
	if err := m.wait(p.Point); err != nil {
		return k2i.Mount{}, err
	}
	sized := p.Mount
	sized.SizeBytes = 100
	return sized, nil
}

func read(t *testing.T, r *MachineReader) *k2i.Machine {
	t.Helper()
	got, err := r.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestMachine(t *testing.T) {
	m := &made{points: []string{"/", "/home"}}
	got := read(t, newMachineReader(m, MachineOptions()))
	if got.CPU.Online != 2 || len(got.Disks) != 1 || len(got.Interfaces) != 1 || len(got.GPUs) != 1 || len(got.GPUClients) != 1 || len(got.Sensors) != 1 || len(got.Gaps) != 0 {
		t.Errorf("%+v", got)
	}
	for i, point := range m.points {
		if mount := got.Mounts[i]; mount.Point != point || mount.SizeBytes != 100 || mount.Missing != "" {
			t.Errorf("%+v", mount)
		}
		if source := got.Mounts[i].Source; strings.Contains(source, "Zq77hunter") || !strings.HasPrefix(source, "davs://me:") {
			t.Errorf("a password in a table of mounts: %s", source)
		}
	}
	if text := fmt.Sprint(got.LeftOut); text != "[{disks 3} {gpus 2} {sensors 1} {mounts 1}]" {
		t.Errorf("left out: %s", text)
	}
}

// What was read is good for a while, and the answer says how old it is.
func TestMachineIsRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &made{points: []string{"/"}}
		r := newMachineReader(m, MachineOptions())
		for second := range 61 {
			got := read(t, r)
			if got.AgeNS >= int64(QuickFor) || got.SlowAgeNS >= int64(SlowFor) || len(got.Mounts) != 1 || len(got.GPUClients) != 1 || len(got.Sensors) != 1 || len(got.LeftOut) != 4 {
				t.Fatalf("after %d s: %+v", second, got)
			}
			<-time.After(time.Second) // the bubble's clock
		}
		if q, s := m.system.Load(), m.slow.Load(); q != 13 || s != 3 {
			t.Errorf("in a minute it was asked %d times, and %d times for its mounts", q, s)
		}
	})
}

// What does not answer is left out, with the reason, and costs the rest nothing
// but the deadline, once.
func TestMachineStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		held := make(chan struct{})
		m := &made{points: []string{"/", "/nfs"}, hold: map[string]chan struct{}{"/nfs": held, "gpus": held, "disks": held}}
		r := newMachineReader(m, MachineOptions())
		for round, want := range []k2i.GapReason{k2i.GapDeadline, k2i.GapStuck} {
			began := time.Now()
			got := read(t, r)
			if took, most := time.Since(began), time.Duration(1-round)*3*time.Second; took > most {
				t.Errorf("it took %v", took)
			}
			if got.Mounts[0].SizeBytes != 100 || got.Mounts[1].Missing != want || got.Mounts[1].SizeBytes != k2i.Unread {
				t.Errorf("%+v", got.Mounts)
			}
			if len(got.Gaps) != 2 || got.Gaps[0].Part != k2i.PartDisks || got.Gaps[1].Part != k2i.PartGPUs || got.Gaps[1].Reason != want || got.Gaps[1].Help == "" {
				t.Errorf("gaps %+v", got.Gaps)
			}
			if s := r.Stats(); s.Stuck != 3 {
				t.Errorf("%+v", s)
			}
			<-time.After(SlowFor) // the bubble's clock
		}
		close(held)
		synctest.Wait()
		if got := read(t, r); got.Mounts[1].SizeBytes != 100 || len(got.Gaps) != 0 || r.Stats().Stuck != 0 {
			t.Errorf("back again: %+v", got)
		}
	})
}

// However many file systems are dead, only so many readers wait for them.
func TestAllMountsDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &made{hold: map[string]chan struct{}{}}
		held := make(chan struct{})
		for i := range 100 {
			m.points = append(m.points, fmt.Sprint("/dead/", i))
			m.hold[m.points[i]] = held
		}
		o := MachineOptions()
		r := newMachineReader(m, o)
		began := time.Now()
		got := read(t, r)
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("it took %v", took)
		}
		for _, mount := range got.Mounts {
			if mount.Missing != k2i.GapDeadline && mount.Missing != k2i.GapBusy {
				t.Errorf("%+v", mount)
			}
		}
		if s := r.Stats(); s.Stuck > o.Stuck+o.Workers {
			t.Errorf("%d readers are stuck", s.Stuck)
		}
		close(held)
	})
}

func TestMachineFailures(t *testing.T) {
	m := &made{points: []string{"/secret"}, fail: map[string]error{"system": errors.New("odd"), "/secret": fs.ErrPermission, "interfaces": fs.ErrPermission}}
	got := read(t, newMachineReader(m, MachineOptions()))
	if got.CPU.UserNS != k2i.Unread || got.Interfaces == nil || got.Mounts[0].Missing != k2i.GapDenied || got.Mounts[0].Point != "/secret" {
		t.Errorf("%+v", got)
	}
	if text := fmt.Sprint(got.Gaps); !strings.Contains(text, "{system failed it could not be read 1}") || !strings.Contains(text, "{interfaces denied the agent") {
		t.Errorf("gaps %s", text)
	}
}

// Who waits for somebody else's question may go.
func TestMachineTurn(t *testing.T) {
	held := make(chan struct{})
	m := &made{hold: map[string]chan struct{}{"system": held}}
	r := newMachineReader(m, MachineOptions())
	first := make(chan error, 1)
	go func() {
		_, err := r.Read(t.Context())
		first <- err
	}()
	for m.system.Load() == 0 {
		select {
		case err := <-first:
			t.Fatal(err)
		case <-time.After(time.Millisecond):
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Read(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	close(held)
	if err := <-first; err != nil {
		t.Error(err)
	}
}

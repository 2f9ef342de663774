package faults

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"ddcos/protocol"
)

// stepEnv names the file that says at which step a broker with failpoints ends
// itself: a step and which time it is met. It is there once: the broker removes it.
const stepEnv = "FAULTS_STEP"

// failpoints is what a broker with failpoints has beside its own code.
const failpoints = `package broker

import (
	"fmt"
	"os"
	"syscall"
)

var stepsMet = map[string]int{}

// failpoint ends the process by SIGKILL where it was told to; before, it does what is given.
func failpoint(step string, last func()) {
	path := os.Getenv("` + stepEnv + `")
	wanted, err := os.ReadFile(path)
	if err != nil {
		clear(stepsMet)
		return
	}
	stepsMet[step]++
	if string(wanted) == fmt.Sprint(step, " ", stepsMet[step]) {
		last()
		_ = os.Remove(path)
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
}
`

// steps are where a broker with failpoints looks whether it is to end, in the
// order in which a call passes them.
func steps() []defect {
	const broker = "middlecon/broker/"
	point := func(name, file, before, after string) defect {
		return defect{name, broker + file, before + after, before + fmt.Sprintf("failpoint(%q, func() {})\n", name) + after}
	}
	return []defect{
		point("call", "call.go", "	if b.fits(s, f) {\n", "		b.ask(s, f.Sequence, room.Call{"),
		point("deliver", "do.go", "	q.call = e.Call\n", ""),
		point("queued", "do.go", "		b.enqueue(s, q)\n		b.soil(s)\n", "	}\n}\n\n// delivery"),
		point("reply", "take.go", "	case protocol.KindReply:\n", ""),
		{
			"written", broker + "settle.go",
			"	_, _ = s.conn.Write(out)",
			"	met := protocol.Kind(out[1]).String()\n	failpoint(\"write \"+met, func() {})\n" +
				"	failpoint(\"tear \"+met, func() { _, _ = s.conn.Write(out[:len(out)/2]) })\n" +
				"	defer failpoint(\"wrote \"+met, func() {})\n	_, _ = s.conn.Write(out)",
		},
	}
}

// withFailpoints is a broker that can end itself at each of the steps.
func withFailpoints(t testing.TB) *variant {
	t.Helper()
	added, err := filepath.Abs("../broker/failpoint.go")
	if err != nil {
		t.Fatal(err)
	}
	v := &variant{"failpoints", map[string]string{added: failpoints}}
	for _, d := range steps() {
		path, text := spoiled(t, &d)
		if before := v.files[path]; before != "" {
			text = strings.Replace(before, d.from, d.to, 1)
		}
		v.files[path] = text
	}
	return v
}

// TestBrokerKilledAtEachStep (fault 4): the broker ends by itself, as if it were
// killed, at each step of a call: before and between its deliveries, between the
// replies, within the account. Its caller is told an error, and never a list that
// is short or looks complete; its next life serves all.
func TestBrokerKilledAtEachStep(t *testing.T) {
	for _, one := range []killing{
		{step: "call 1"},
		{step: "deliver 1"},
		{step: "queued 2"},
		{step: "write deliver 1"},
		{step: "tear deliver 2"},
		{step: "wrote deliver 3"},
		{step: "reply 1"},
		{step: "reply 4"},
		{step: "write account 1"},
		{step: "tear account 1"},
		{step: "wrote account 1", big: true},
		{step: "tear account 2", big: true},
		{step: "wrote account 1", told: true},
	} {
		t.Run(one.step, func(t *testing.T) { one.happen(t) })
	}
}

// killing is a step at which the broker ends.
type killing struct {
	step string
	big  bool // replies are so long that the account has many parts
	told bool // the caller may have the account
}

func (k killing) happen(t *testing.T) {
	const members = 4
	file := filepath.Join(t.TempDir(), "step")
	w := begin(t, setup{built: withFailpoints(t), env: []string{stepEnv + "=" + file}})
	w.members(plan{Names: names("m", members), Reconnect: true})
	c := w.caller("c")
	if err := os.WriteFile(file, []byte(k.step), 0o600); err != nil {
		t.Fatal(err)
	}
	var a ask
	if k.big {
		a.orders = []string{"*=big:100000"}
	}
	if got, err := c.call(a); err == nil && (!k.told || got.Counts()[protocol.OK] != members) {
		t.Errorf("an account of a broker that was killed: %v", got.Counts())
	}
	await(t, "the broker meets this step", func() bool { return !w.broker.alive() })
	w.restart(unix.SIGKILL)
	w.awaitSize(members)
	if n := w.caller("next").must(ask{}).Counts(); n[protocol.OK] != members || len(n) != 1 {
		t.Errorf("after the restart: %v", n)
	}
	w.finish()
}

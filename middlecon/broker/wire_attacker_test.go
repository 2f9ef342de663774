package broker

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"ddcos/protocol"
)

// orders tell an attacker's process what to do.
type orders struct {
	Attack     string
	Unix, TCP  string
	Scale      int  // of the attack, as it understands it
	Deliveries int  // that one principal may cause, a second and at once
	Again      bool // until the standard input ends, instead of once
	Meek       bool // with no claim on the processor that somebody else has
}

// deeds are what came of an attack.
type deeds struct {
	Sessions int
	Frames   int
	Ends     map[string]int // of its sessions, by the broker's last word
	Wrong    []string       // of what the broker answered
	Figures  map[string]float64
}

// attacker is an attack under way.
type attacker struct {
	orders
	ctx context.Context
	mu  sync.Mutex
	deeds
}

// attack runs one and prints its deeds.
func attack() error {
	a := &attacker{ctx: untilInputEnds(), deeds: deeds{Ends: map[string]int{}, Figures: map[string]float64{}}}
	if err := json.Unmarshal([]byte(os.Getenv(optionsVariable)), &a.orders); err != nil {
		return err
	}
	run := attacks()[a.Attack]
	if run == nil {
		return fmt.Errorf("no attack %q", a.Attack)
	}
	if a.Meek {
		idle := &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_IDLE}
		if err := everyThread(func(tid int) error { return unix.SchedSetAttr(tid, idle, 0) }); err != nil {
			return err
		}
	}
	for first := true; first || a.Again && a.ctx.Err() == nil; first = false {
		run(a)
	}
	return json.NewEncoder(os.Stdout).Encode(a.deeds)
}

// everyThread is for what a thread inherits from the one that makes it.
func everyThread(do func(tid int) error) error {
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	for _, thread := range threads {
		tid := 0
		if _, err := fmt.Sscan(thread.Name(), &tid); err != nil {
			return err
		}
		if err := do(tid); err != nil {
			return err
		}
	}
	return nil
}

func (a *attacker) wrong(format string, args ...any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.Wrong) < 10 {
		a.Wrong = append(a.Wrong, fmt.Sprintf(format, args...))
	}
}

func (a *attacker) figure(name string, value float64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.Figures[name] = max(a.Figures[name], value)
}

// foe is one session of an attacker.
type foe struct {
	raw
	a    *attacker
	sent int
}

// open connects; with hello it is welcomed as well. It is nil where that fails.
func (a *attacker) open(network string, hello bool) *foe {
	where := a.Unix
	if network == "tcp" {
		where = a.TCP
	}
	c, err := net.Dial(network, where)
	if err != nil {
		a.wrong("%v", err)
		return nil
	}
	a.mu.Lock()
	a.Sessions++
	a.mu.Unlock()
	f := &foe{raw: raw{c: c}, a: a}
	if !hello {
		return f
	}
	f.put(helloFrame())
	if w, err := f.read(); err != nil || w.Kind != protocol.KindWelcome {
		a.wrong("not welcomed: a %v frame (%v), %v", w.Kind, w.Code, err)
		_ = c.Close()
		return nil
	}
	return f
}

// put writes what the broker may not want any more.
func (f *foe) put(b []byte) bool {
	_ = f.c.SetWriteDeadline(time.Now().Add(patience))
	n, err := f.c.Write(b)
	f.sent += n
	return err == nil
}

// end reads until the broker ends the session, and notes by which word.
func (f *foe) end() string {
	code, err := last(&f.raw)
	word := code.String()
	switch {
	case err != nil:
		word = "lives"
	case code == 0:
		word = "closed"
	}
	f.note(word)
	return word
}

// leave ends a session that the broker was to bear with; it must still answer.
func (f *foe) leave() {
	word := "closed"
	f.put(bytesOf(protocol.Header{Kind: protocol.KindPing, Sequence: 1 << 60}, nil, nil))
	for {
		frame, err := f.read()
		if err != nil {
			break
		}
		if frame.Kind == protocol.KindPong && frame.Sequence == 1<<60 {
			word = "lives"
			break
		}
		if frame.Kind == protocol.KindError && frame.Sequence == 0 {
			word = frame.Code.String()
		}
	}
	f.note(word)
}

func (f *foe) note(word string) {
	_ = f.c.Close()
	f.a.mu.Lock()
	defer f.a.mu.Unlock()
	f.a.Ends[word]++
}

// drain reads and forgets, as a session that reads what it is sent, until the
// connection ends; the channel then has the broker's last word.
func (f *foe) drain() <-chan string {
	word := make(chan string, 1)
	go func() { word <- f.end() }()
	return word
}

package faults

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"ddcos/middlecon"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// planEnv is what a process of members or a caller is to do, as JSON.
const planEnv = "FAULTS_PLAN"

// plan is what a process of members is told.
type plan struct {
	Address   string
	Room      string
	Names     []string // one session each
	Journal   string
	Reconnect bool
	Resume    time.Duration
	Via       []string `json:"-"` // the command that starts the process, such as nsenter
}

// runMembers is a process of members: they do what messages order, and write it down first.
func runMembers() error {
	var p plan
	if err := json.Unmarshal([]byte(os.Getenv(planEnv)), &p); err != nil {
		return err
	}
	journal, err := OpenJournal(p.Journal)
	if err != nil {
		return err
	}
	options := middlecon.DefaultOptions()
	options.Reconnect, options.Timeout, options.Resume = p.Reconnect, patience, p.Resume
	options.HeadStart = patience // of several brokers it is the first that answers, however busy the machine is
	var joining errgroup.Group
	joining.SetLimit(32)
	for _, name := range p.Names {
		joining.Go(func() error {
			conn, err := middlecon.Dial(context.Background(), p.Address, options)
			if err != nil {
				return err
			}
			m := &member{name: name, journal: journal}
			_, err = conn.Join(context.Background(), p.Room, middlecon.Member{Name: name}, m.handle)
			return err
		})
	}
	if err := joining.Wait(); err != nil {
		return err
	}
	select {} // until it is killed
}

// member is one member of such a process.
type member struct {
	name    string
	life    int // of several memberships under one name, one after the other
	journal *Journal
}

// handle does what is ordered of this member: kill:STEP, sleep:TIME (until its
// context ends), late:TIME (whatever its context), refuse, fail, panic, big:BYTES.
func (m *member) handle(ctx context.Context, message *middlecon.Message) ([]byte, error) {
	key, orders, err := ParsePayload(message.Payload, m.name)
	if err != nil {
		return nil, err
	}
	digest := Digest(message.Payload)
	at := func(s Step) {
		if err := m.journal.Write(Line{At: Now(), Member: m.name, Life: os.Getpid()<<16 + m.life, Step: s, Key: key, Digest: digest}); err != nil {
			panic(err)
		}
	}
	at(Began)
	fill := 0
	for _, order := range orders {
		what, value, _ := strings.Cut(order, ":")
		switch what {
		case "refuse":
			at(Refused)
			return nil, middlecon.Refuse("ordered")
		case "fail":
			at(Failed)
			return nil, errors.New("ordered")
		case "panic":
			at(Failed)
			panic("ordered")
		case "big":
			fill, err = strconv.Atoi(value)
		case "sleep", "late":
			err = m.wait(ctx, value, what == "late")
		case "kill":
			kill(ctx, value, at)
		default:
			err = fmt.Errorf("no order %q", order)
		}
		if err != nil {
			at(Stopped)
			return nil, err
		}
	}
	at(Effect)
	return Reply(m.name, key, digest, fill), nil
}

func (m *member) wait(ctx context.Context, how string, late bool) error {
	length, err := time.ParseDuration(how)
	if err != nil {
		return err
	}
	if late {
		ctx = context.Background()
	}
	select {
	case <-time.After(length):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// kill ends this process when it began, after its effect, or when its reply is
// on its way: a delivery's context ends then.
func kill(ctx context.Context, step string, at func(Step)) {
	die := func() {
		_ = unix.Kill(os.Getpid(), unix.SIGKILL)
		select {}
	}
	switch step {
	case "began":
		die()
	case "effect":
		at(Effect)
		die()
	case "replied":
		context.AfterFunc(ctx, die)
	}
}

// runCaller is a caller that will not see the end of its call.
func runCaller() error {
	var p plan
	if err := json.Unmarshal([]byte(os.Getenv(planEnv)), &p); err != nil {
		return err
	}
	conn, err := middlecon.Dial(context.Background(), p.Address, middlecon.Options{Timeout: patience})
	if err != nil {
		return err
	}
	_, err = conn.Call(context.Background(), p.Room, Payload(Key{p.Names[0], 1}, []string{"*=sleep:1m"}, 0), middlecon.CallOptions{Deadline: 2 * time.Minute})
	return fmt.Errorf("the call ended: %w", err)
}

// echo answers without a journal.
func (m *member) echo(_ context.Context, message *middlecon.Message) ([]byte, error) {
	return message.Payload, nil
}

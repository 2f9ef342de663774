package via

import (
	"bufio"
	"context"
	_ "embed" // the script
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"ddcos/k2i"
	"ddcos/k2i/agent"
	"ddcos/k2i/fleet"
	"ddcos/k2i/via/gather"
	"ddcos/k2i/wire"
)

// script is what the shell over there reads first. It is one compound command,
// so that the shell has read all of it when it says its first word: what comes
// after that is for its children.
//
//go:embed script.sh
var script string

// errand is what a program is carried to a host for.
type errand struct {
	script string // that writes the program, and starts it

	// send is what else the script takes of the program.
	send func(machine string) ([]byte, error)

	// read reads what the program says.
	read func(ctx context.Context, host string, r *bufio.Reader) (fleet.Reply, error)
}

// errand is for rows to gather what they are made of, which is done here. The bytes
// of connections come by BPF alone: k2i-once answers there.
func (s *source) errand(req wire.Request) errand {
	if req.Connections != nil {
		return errand{
			script: scriptOf(base64.URLEncoding.EncodeToString(wire.EncodeRequest(req)), "gzip -dc"),
			send:   s.programs.compressed,
			read:   func(_ context.Context, _ string, r *bufio.Reader) (fleet.Reply, error) { return readAnswer(r, req) },
		}
	}
	fields, pause := req.Needs(), time.Duration(0)
	if req.Query.AsksRates() {
		fields, pause = nil, agent.RatePause
	}
	plan := gather.NewPlan(fields, pause)
	return errand{
		script: scriptOf(plan.String(), gather.Command()),
		send:   gathers,
		read: func(ctx context.Context, host string, r *bufio.Reader) (fleet.Reply, error) {
			dump, err := plan.Read(r)
			switch {
			case errors.Is(err, io.ErrUnexpectedEOF):
				return fleet.Reply{}, err // why, the host may say
			case err != nil:
				return fleet.Reply{}, &refusalError{err.Error()}
			}
			options := agent.DefaultOptions()
			options.Mode, options.Name, options.Fields = k2i.ModeProcfs, host, req.Needs()
			options.Host = &agent.Host{System: dump, User: dump.User, Group: dump.Group}
			return answer(ctx, options, req)
		},
	}
}

// scriptOf is the script for a question to the program that a command makes.
func scriptOf(question, command string) string {
	return strings.NewReplacer("@QUESTION@", question, "@PROGRAM@", command).Replace(script)
}

// atOnce has bash take a script in one read, which otherwise takes a read for each byte of
// a pipe: some 6 ms. Who does not know how to, or reads ahead anyway, goes on behind it.
func atOnce(script string) string {
	return fmt.Sprintf("[ -z \"$BASH_VERSION\" ] || { IFS= read -rN %d all && eval \"$all\"; }\n%s", len(script), script)
}

// gathers has nothing to send: the command is whole.
func gathers(machine string) ([]byte, error) {
	if !gather.Knows(machine) {
		return nil, noProgram(machine)
	}
	return nil, nil
}

// answer is what an agent there would answer, made here: nobody has to be sent it.
func answer(ctx context.Context, options agent.Options, req wire.Request) (fleet.Reply, error) {
	snap, err := agent.LookFor(req.Query.AsksRates())(ctx, options)
	if err != nil {
		return fleet.Reply{}, &refusalError{err.Error()}
	}
	a, err := wire.Respond(snap, req, snap.At)
	if err != nil {
		return fleet.Reply{}, &refusalError{err.Error()}
	}
	return fleet.Reply{Host: a.Host.Name, Status: fleet.StatusOK, Answer: a}, nil
}

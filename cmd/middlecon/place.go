package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/spf13/pflag"

	"ddcos/middlecon/authority"
	"ddcos/middlecon/creds"
	"ddcos/middlecon/enrol"
	"ddcos/middlecon/files"
	"ddcos/middlecon/tokens"
	"ddcos/protocol"
)

// stateDir is where a broker's host keeps its authority and its tokens.
const stateDir = "/var/lib/ddcos"

// place is where 'up' keeps what it makes, and where the commands beside it look.
type place struct{ dir, tls string }

func (p *place) add(f *pflag.FlagSet) {
	f.StringVar(&p.dir, "dir", stateDir, "`DIRECTORY` of the authority and the tokens")
}

func (p *place) addTLS(f *pflag.FlagSet) {
	f.StringVar(&p.tls, "tls-dir", creds.Dir, "`DIRECTORY` of the broker's certificate and key")
}

func (p *place) tokens() string { return filepath.Join(p.dir, "tokens.json") }

// files are those of the broker's certificate.
func (p *place) files() enrol.Files {
	return enrol.Files{CA: filepath.Join(p.tls, "ca.crt"), Cert: filepath.Join(p.tls, "broker.crt"), Key: filepath.Join(p.tls, "broker.key")}
}

func (p *place) options(life time.Duration) authority.Options {
	return authority.Options{Dir: filepath.Join(p.dir, "ca"), Life: life}
}

// authority is the one that 'up' made.
func (p *place) authority() (*authority.Authority, error) {
	a, err := authority.Open(p.options(0))
	if errors.Is(err, authority.ErrNone) {
		return nil, fmt.Errorf("%w: 'middlecon up' makes it; --dir names another place", err)
	}
	return a, readable(err)
}

// readable adds what to do where files are not for the caller.
func readable(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w: run it as root, or as the user that the broker runs as", err)
	}
	return err
}

// about is what 'up' tells the commands beside it.
type about struct {
	Address string `json:"address"` // host:port to join at
}

func (p *place) aboutFile() string { return filepath.Join(p.dir, "up.json") }

func (p *place) save(a about) error {
	text, err := json.Marshal(a)
	if err != nil {
		return err
	}
	return files.Replace(p.aboutFile(), append(text, '\n'), files.Public)
}

func (p *place) about() (a about, err error) {
	text, err := files.Read(p.aboutFile(), 4<<10)
	if errors.Is(err, fs.ErrNotExist) {
		return a, fmt.Errorf("%s is missing: has 'middlecon up' run here? --dir names another place", p.aboutFile())
	}
	if err != nil {
		return a, readable(err)
	}
	return a, json.Unmarshal(text, &a)
}

// newToken makes a token and puts it among the others; those that have been of no
// use for a day are forgotten.
func (p *place) newToken(t tokenWish) (tokens.Token, string, error) {
	now := time.Now()
	one, secret, err := tokens.New(t.name, t.role, tokens.Use(t.use), now, now.Add(t.ttl))
	if err != nil {
		return one, "", misuse{err}
	}
	one.Uses = t.uses
	err = tokens.Update(p.tokens(), func(l tokens.List) (tokens.List, error) {
		return l.Prune(now.Add(-24*time.Hour)).Add(one, now)
	})
	return one, secret, readable(err)
}

// joinLine is what to run on another host.
func joinLine(address, secret, pin, role string) string {
	line := fmt.Sprintf("k2i join %s --token %s --ca-hash %s", address, secret, pin)
	if role != protocol.RoleAgent {
		line += " --role " + role + " --enrol-only"
	}
	return line
}

package main

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/spf13/pflag"

	"ddcos/middlecon/authority"
	"ddcos/middlecon/creds"
	"ddcos/middlecon/enrol"
	"ddcos/middlecon/files"
	"ddcos/protocol"
)

// lookEvery is how often a certificate is looked at.
const lookEvery = 5 * time.Second

// joined is what 'k2i join' notes beside the certificate that it got.
type joined struct {
	Address string `json:"address"` // host:port of the broker
	Role    string `json:"role"`
	Name    string `json:"name"`

	dir string
}

// filesIn are those of a host's certificate.
func filesIn(dir string) enrol.Files {
	return enrol.Files{CA: filepath.Join(dir, "ca.crt"), Cert: filepath.Join(dir, "host.crt"), Key: filepath.Join(dir, "host.key")}
}

func joinedFile(dir string) string { return filepath.Join(dir, "joined.json") }

// clientIn shows the certificate of a directory.
func clientIn(dir string) creds.Client {
	f := filesIn(dir)
	return creds.Client{CA: f.CA, Cert: f.Cert, Key: f.Key}
}

// readJoined reads the note; the zero one where there is none.
func readJoined(dir string) (j joined, err error) {
	text, err := files.Read(joinedFile(dir), 4<<10)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return joined{}, nil
	}
	if err != nil {
		return joined{}, err
	}
	if err := json.Unmarshal(text, &j); err != nil {
		return joined{}, fmt.Errorf("%s: %w", joinedFile(dir), err)
	}
	j.dir = dir
	return j, nil
}

func (j joined) save() error {
	text, err := json.Marshal(j)
	if err != nil {
		return err
	}
	return files.Replace(joinedFile(j.dir), append(text, '\n'), files.Public)
}

// broker is the address of its sessions.
func (j joined) broker() string { return "tls://" + j.Address }

// keep renews the certificate for as long as ctx lasts.
func (j joined) keep(ctx context.Context, log *slog.Logger) {
	keeper := &enrol.Keeper{Files: filesIn(j.dir), Renew: j.renew, Look: lookEvery, Log: log}
	keeper.Run(ctx)
}

// renew asks the broker for the successor of a certificate.
func (j joined) renew(ctx context.Context, leaf *x509.Certificate) (*enrol.Answer, error) {
	name, err := authority.NameOf(leaf)
	if err != nil {
		return nil, err
	}
	key, _, err := filesIn(j.dir).EnsureKey()
	if err != nil {
		return nil, err
	}
	config, err := clientIn(j.dir).Config()
	if err != nil {
		return nil, err
	}
	return enrol.Renew(ctx, j.Address, config, name, &key.PublicKey)
}

// asJoined has the agent serve as what 'k2i join' made it, where it was told no
// broker, and no other certificate than the host's.
func (f *serveFlags) asJoined(told *pflag.FlagSet, dir string) error {
	if f.creds.Cert != "" || f.creds.TokenFile != "" {
		return nil
	}
	j, err := readJoined(dir)
	if err != nil || j.Role != protocol.RoleAgent {
		return err
	}
	if f.broker == "" {
		f.broker = j.broker()
		if !told.Changed("name") {
			f.agent.name = j.Name
		}
	}
	f.joined = j
	return nil
}

package web

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"

	"github.com/prometheus/exporter-toolkit/web"
	"go.yaml.in/yaml/v3"
)

// File is a web configuration, that is, the path of the file that says by which
// certificate TLS is served and who may come in; "" for plain HTTP. Certificates,
// users and passwords are read anew when the files change.
type File string

// A config is as much of the file as decides whether it guards anything. The
// toolkit checks the rest.
type config struct {
	TLS struct {
		Cert       string `yaml:"cert"`
		CertFile   string `yaml:"cert_file"`
		KeyFile    string `yaml:"key_file"`
		ClientAuth string `yaml:"client_auth_type"`
	} `yaml:"tls_server_config"`
	Users map[string]string `yaml:"basic_auth_users"`
}

// Check has an error where the file cannot be used: it is wrong, or what it holds
// or names as secret may be read or changed by others. guarded tells whether it
// serves TLS and lets in only who is known, by a certificate or a password.
func (f File) Check() (guarded bool, err error) {
	if f == "" {
		return false, nil
	}
	if err := private(string(f)); err != nil {
		return false, err
	}
	if err := web.Validate(string(f)); err != nil {
		return false, fmt.Errorf("%s: %w", f, err)
	}
	text, err := os.ReadFile(string(f))
	if err != nil {
		return false, err
	}
	var c config
	if err := yaml.Unmarshal(text, &c); err != nil {
		return false, fmt.Errorf("%s: %w", f, err)
	}
	if key := c.TLS.KeyFile; key != "" {
		if !filepath.IsAbs(key) {
			key = filepath.Join(filepath.Dir(string(f)), key)
		}
		if err := private(key); err != nil {
			return false, err
		}
	}
	encrypted := c.TLS.CertFile != "" || c.TLS.Cert != ""
	known := len(c.Users) > 0 || c.TLS.ClientAuth == "RequireAndVerifyClientCert"
	return encrypted && known, nil
}

// othersMay are the rights that nobody may have on a secret but its owner; its
// group may read it.
const othersMay fs.FileMode = 0o037

// private has an error where somebody else may read or change a file.
func private(name string) error {
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	if mode := info.Mode().Perm(); mode&othersMay != 0 {
		return fmt.Errorf("%s has mode %#o: others may read or change it; chmod 600 it, or 640 for a group that may read it", name, mode)
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if ok && owner.Uid != 0 && owner.Uid != uint32(os.Geteuid()) {
		return fmt.Errorf("%s belongs to uid %d: want root's, or this program's own", name, owner.Uid)
	}
	return nil
}

// ErrUnguarded is wrapped where an address is refused that other hosts reach.
var ErrUnguarded = errors.New("other hosts reach it: have TLS and who may come in said by --web.config.file " +
	"(basic_auth_users, or client_auth_type: RequireAndVerifyClientCert), or allow it with --insecure-plaintext")

// Serve answers what comes in at l with server until that is shut down, by TLS
// where l is of TCP and the file says so; a Unix socket is for those whom its mode
// lets in. One server serves one listener: the file changes it.
func Serve(l net.Listener, server *http.Server, f File, log *slog.Logger) error {
	path := string(f)
	if l.Addr().Network() == "unix" {
		path = ""
	}
	quiet := slog.New(slog.DiscardHandler) // of listening; what goes wrong later is told by the server's own log
	if path != "" {
		quiet = log
	}
	err := web.Serve(l, server, &web.FlagConfig{WebConfigFile: &path}, quiet)
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

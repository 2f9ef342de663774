package sshd

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
)

// ErrMissing is what a machine lacks.
var ErrMissing = errors.New("hosts behind ssh cannot be made here")

// sshd is a server of ssh, which has to be started by its whole path.
const sshd = "/usr/sbin/sshd"

// needed are the programs that it takes, and the packages of Debian that have them.
func needed() [][2]string {
	return [][2]string{{sshd, "openssh-server"}, {"ssh", "openssh-client"}, {"ssh-keygen", "openssh-client"}, {"unshare", "util-linux"}}
}

// Missing names all that this machine lacks: nil where hosts can be made.
func Missing() error { return missing(os.Geteuid(), exec.LookPath) }

func missing(uid int, look func(string) (string, error)) (err error) {
	if uid != 0 {
		err = fmt.Errorf("%w: namespaces and servers of ssh want root", ErrMissing)
	}
	for _, program := range needed() {
		if _, absent := look(program[0]); absent != nil {
			err = errors.Join(err, fmt.Errorf("%w: there is no %s: Debian's package %s has it", ErrMissing, program[0], program[1]))
		}
	}
	return err
}

package via

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// architectures are Go's names by those of uname -m.
var architectures = map[string]string{"x86_64": "amd64", "aarch64": "arm64"}

// Programs are the builds of k2i-once, one for each architecture: files named
// k2i-once-ARCH, or k2i-once-ARCH.gz, which are smaller and ready to be sent. They
// are safe for many goroutines.
type Programs struct {
	directories []string

	mu     sync.Mutex
	packed map[string]func() ([]byte, error) // by architecture; gzip
}

// NewPrograms looks for builds in the directories, in their order.
func NewPrograms(directories ...string) *Programs {
	return &Programs{directories: directories, packed: map[string]func() ([]byte, error){}}
}

// Installed are the programs that belong to this one: those beside it, or in
// ../libexec/ddcos.
func Installed() *Programs {
	executable, err := os.Executable()
	if err != nil {
		return NewPrograms()
	}
	if resolved, err := filepath.EvalSymlinks(executable); err == nil {
		executable = resolved
	}
	beside := filepath.Dir(executable)
	return NewPrograms(beside, filepath.Join(beside, "..", "libexec", "ddcos"))
}

// compressed is the program for a machine as uname calls it.
func (p *Programs) compressed(machine string) ([]byte, error) {
	arch, ok := architectures[machine]
	if !ok {
		return nil, noProgram(machine)
	}
	return p.pack(arch)()
}

func noProgram(machine string) error {
	return refuse("there is no program for a machine of kind %.64q", machine)
}

// pack gives the function that compresses once, however many call it.
func (p *Programs) pack(arch string) func() ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.packed[arch] == nil {
		p.packed[arch] = sync.OnceValues(func() ([]byte, error) { return p.load("k2i-once-" + arch) })
	}
	return p.packed[arch]
}

func (p *Programs) load(name string) ([]byte, error) {
	for _, directory := range p.directories {
		path := filepath.Join(directory, name)
		if packed, ok := ready(path); ok {
			return packed, nil
		}
		program, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, &refusalError{err.Error()}
		}
		return squeeze(program)
	}
	return nil, refuse("no %s in %s: 'make build' makes it", name, strings.Join(p.directories, " or "))
}

// ready is a program that lies there packed, unless that was built since.
func ready(path string) ([]byte, bool) {
	packed, err := os.Stat(path + ".gz")
	if err != nil {
		return nil, false
	}
	if plain, err := os.Stat(path); err == nil && plain.ModTime().After(packed.ModTime()) {
		return nil, false
	}
	program, err := os.ReadFile(path + ".gz")
	return program, err == nil
}

// squeeze takes the quickest level: the last tenth of the size would cost more
// time than most networks need for it.
func squeeze(program []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(program); err != nil {
		return nil, fmt.Errorf("compressing the program: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("compressing the program: %w", err)
	}
	return out.Bytes(), nil
}

package via

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"ddcos/k2i/wire"
)

// architectures are Go's names by those of uname -m.
var architectures = map[string]string{"x86_64": "amd64", "aarch64": "arm64"}

// Programs are the builds of k2i-once, two for each architecture: files named
// k2i-once-ARCH, or k2i-once-ARCH.gz, which are smaller and ready to be sent; and
// k2i-rows-ARCH, a third as large, which is sent instead where it is there and
// neither BPF nor a condition is needed. They are safe for many goroutines.
type Programs struct {
	directories []string

	mu     sync.Mutex
	packed map[string]func() ([]byte, error) // by name; gzip
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

// prepare compresses the likeliest program while the hosts are still being reached.
func (p *Programs) prepare(req wire.Request) {
	go func() { _, _ = p.forQuestion(runtime.GOARCH, req) }() // whoever needs it is told the error
}

// compressed is the program that answers a question on a machine as uname calls it.
func (p *Programs) compressed(system, machine string, req wire.Request) ([]byte, error) {
	if system != "Linux" {
		return nil, refuse("its system is %.64q: k2i knows Linux only", system)
	}
	arch, ok := architectures[machine]
	if !ok {
		return nil, refuse("there is no k2i-once for a machine of kind %.64q", machine)
	}
	return p.forQuestion(arch, req)
}

// forQuestion is the smaller program for rows: a look at a host of usual size reads
// /proc in any case. The bytes of connections come by BPF alone, and conditions by a
// library.
func (p *Programs) forQuestion(arch string, req wire.Request) ([]byte, error) {
	if req.Connections == nil && req.Query.Where == "" {
		program, err := p.pack("k2i-rows-" + arch)()
		if !errors.Is(err, errNotBuilt) {
			return program, err
		}
	}
	program, err := p.pack("k2i-once-" + arch)()
	if errors.Is(err, errNotBuilt) {
		return nil, refuse("no k2i-once-%s in %s: 'make build' makes it", arch, strings.Join(p.directories, " or "))
	}
	return program, err
}

// errNotBuilt is of a program that is in none of the directories.
var errNotBuilt = errors.New("not built")

// pack gives the function that compresses once, however many call it.
func (p *Programs) pack(name string) func() ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.packed[name] == nil {
		p.packed[name] = sync.OnceValues(func() ([]byte, error) { return p.load(name) })
	}
	return p.packed[name]
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
	return nil, errNotBuilt
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

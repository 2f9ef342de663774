package main

import (
	"cmp"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// program is one executable file.
type program struct {
	name    string
	sum     string // SHA-256, in hexadecimal digits
	modules []library
}

// library is a module that is linked in; the standard library is one.
type library struct {
	path, version string
	sum           string // as in go.sum; "" for the standard library
}

// stdlib is what the standard library is called where modules are.
const stdlib = "stdlib"

// readPrograms reads what each file says of itself. A file that is no Go
// program, or was built without modules, is an error.
func readPrograms(files []string) ([]program, error) {
	var programs []program
	for _, file := range files {
		p, err := readProgram(file)
		if err != nil {
			return nil, err
		}
		programs = append(programs, p)
	}
	slices.SortFunc(programs, func(a, b program) int { return cmp.Compare(a.name, b.name) })
	return programs, nil
}

func readProgram(file string) (program, error) {
	info, err := buildinfo.ReadFile(file)
	if err != nil {
		return program{}, err
	}
	if info.Main.Path == "" {
		return program{}, fmt.Errorf("%s: built without modules", file)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return program{}, err
	}
	sum := sha256.Sum256(content)
	p := program{
		name: filepath.Base(file), sum: hex.EncodeToString(sum[:]),
		modules: []library{{path: stdlib, version: strings.TrimPrefix(info.GoVersion, "go")}},
	}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		p.modules = append(p.modules, library{m.Path, m.Version, m.Sum})
	}
	return p, nil
}

// libraries are those of all programs, each once, by path and version.
func libraries(programs []program) []library {
	all := map[library]bool{}
	for _, p := range programs {
		for _, m := range p.modules {
			all[m] = true
		}
	}
	return slices.SortedFunc(maps.Keys(all), func(a, b library) int {
		return cmp.Or(cmp.Compare(a.path, b.path), cmp.Compare(a.version, b.version))
	})
}

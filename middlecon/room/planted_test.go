//go:build planted

package room

import (
	"cmp"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// planted is one mistake: a piece of the code, which must be there once and
// within a function, and what stands in its place.
type planted struct {
	name     string
	file     string
	from, to string
}

// Every mistake is looked for from each of these seeds on, in so many histories. The
// first of each base is a short one.
const (
	plantSeeds  = 1000
	plantMedian = 300 // histories, of the bases, in which it must be found
)

func plantBases() []int { return []int{1, 1_001, 2_001} }

// TestPlanted builds this package once with all mistakes in it, through an overlay so
// that no file is touched, and wants the simulation to find every one when that one
// is made:
//
//	go test -tags planted -run TestPlanted -v ./middlecon/room
func TestPlanted(t *testing.T) {
	all := plants()
	program := buildPlanted(t, all)
	if n, finding := playPlanted(t, program, 0, plantBases()[0]); finding != "" {
		t.Fatalf("without a mistake, in history %d: %s", n, finding)
	}
	for i, p := range all {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			var after []int
			said := ""
			for _, base := range plantBases() {
				n, finding := playPlanted(t, program, i+1, base)
				after, said = append(after, n), cmp.Or(finding, said)
			}
			t.Logf("first found after %d histories: %s", after, said)
			if slices.Sort(after); after[len(after)/2] > plantMedian {
				t.Errorf("not found: in %s, %q instead of %q", p.file, p.to, p.from)
			}
		})
	}
}

// playPlanted tells in which history from base on mistake number n is found, and how.
func playPlanted(t *testing.T, program string, n, base int) (after int, finding string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, "-test.run=^TestSimulation$", "-test.timeout=5m")
	cmd.Env = append(os.Environ(), "ROOM_SEED=", fmt.Sprintf("ROOM_PLANT=%d", n), fmt.Sprintf("ROOM_SEEDS=%d-%d", base, base+plantSeeds))
	out, err := cmd.CombinedOutput()
	found := regexp.MustCompile(`seed (\d+), (.*)\n *again: ROOM_SEED=`).FindSubmatch(out)
	if err == nil || found == nil && strings.Contains(string(out), "histories met") {
		return plantSeeds + 1, ""
	}
	if found == nil {
		t.Fatalf("no finding of the simulation: %v\n%s", err, out)
	}
	seed, _ := strconv.Atoi(string(found[1]))
	return seed - base + 1, string(found[2])
}

// buildPlanted makes the simulation's program, in which ROOM_PLANT=N makes mistake N.
func buildPlanted(t *testing.T, all []planted) string {
	t.Helper()
	dir, replace := t.TempDir(), map[string]string{}
	overlay := func(path string, code []byte) {
		path, err := filepath.Abs(path)
		if err != nil {
			t.Fatal(err)
		}
		if replace[path] == "" {
			replace[path] = filepath.Join(dir, fmt.Sprintf("%d.go", len(replace)))
		}
		if err := os.WriteFile(replace[path], code, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	files := map[string][]int{}
	for i, p := range all {
		files[p.file] = append(files[p.file], i)
	}
	for _, file := range slices.Sorted(maps.Keys(files)) {
		overlay(file, plantAll(t, file, all, files[file]))
		choice := "package %s\nimport (\"os\"; \"strconv\")\nvar plantMade, _ = strconv.Atoi(os.Getenv(\"ROOM_PLANT\"))\n"
		at, of := filepath.Dir(file), "room"
		if at != "." {
			of = filepath.Base(at)
		}
		overlay(filepath.Join(at, "plant_made.go"), fmt.Appendf(nil, choice, of))
	}
	list := filepath.Join(dir, "overlay.json")
	text, err := json.Marshal(map[string]map[string]string{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(list, text, 0o600); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "planted.test")
	if out, err := exec.CommandContext(t.Context(), "go", "test", "-c", "-vet=off", "-overlay="+list, "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

// plantAll gives a file with these mistakes in it: each function begins with its own
// body once more for each mistake in it, for the case that it is made.
func plantAll(t *testing.T, file string, all []planted, which []int) []byte {
	t.Helper()
	code, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	tree, err := parser.ParseFile(token.NewFileSet(), file, code, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	before := map[int]string{} // what comes behind the opening brace there
	for _, n := range which {
		p := all[n]
		if count := strings.Count(string(code), p.from); count != 1 {
			t.Fatalf("%s has %q %d times: bring the plant up to date", file, p.from, count)
		}
		at := strings.Index(string(code), p.from)
		f := functionAt(tree, at, at+len(p.from))
		if f == nil {
			t.Fatalf("%s: %q is not within a function", file, p.from)
		}
		from, to := int(f.Body.Lbrace), int(f.Body.Rbrace)-1
		body := string(code[from:at]) + p.to + string(code[at+len(p.from):to])
		if f.Type.Results == nil {
			body += "\nreturn\n"
		}
		before[from] += fmt.Sprintf("\nif plantMade == %d {%s}\n", n+1, body)
	}
	var out []byte
	last := 0
	for _, at := range slices.Sorted(maps.Keys(before)) {
		out = append(append(out, code[last:at]...), before[at]...)
		last = at
	}
	return append(out, code[last:]...)
}

// functionAt is the one whose body has all bytes between these offsets.
func functionAt(tree *ast.File, from, to int) *ast.FuncDecl {
	for _, d := range tree.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && int(f.Body.Lbrace) <= from && to < int(f.Body.Rbrace) {
			return f
		}
	}
	return nil
}

package protocol

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The vectors are SPEC.md's own examples. After a change of the wire
//
//	go test ./protocol -run TestVectors -update
//
// writes the hex below their JSON anew.
var update = flag.Bool("update", false, "write the hex of the vectors in SPEC.md anew")

// fence finds a block: its type, its name, its JSON and its hex.
var fence = regexp.MustCompile("(?s)```(vector|refused) ([a-z0-9-]+)\n(.*?\n)\n(.*?)```")

type example struct{ name, fields, hex string }

// examples are SPEC.md's blocks of that type.
func examples(t testing.TB, kind string) []example {
	t.Helper()
	spec, err := os.ReadFile("SPEC.md")
	if err != nil {
		t.Fatal(err)
	}
	var found []example
	for _, block := range fence.FindAllStringSubmatch(string(spec), -1) {
		if block[1] == kind {
			found = append(found, example{name: block[2], fields: block[3], hex: block[4]})
		}
	}
	if len(found) == 0 {
		t.Fatalf("SPEC.md has no %s blocks", kind)
	}
	return found
}

func (e example) vector(t *testing.T) (v vector) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(e.fields))
	d.UseNumber()
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

// TestVectors runs each vector both ways.
func TestVectors(t *testing.T) {
	if *update {
		rewrite(t)
	}
	kinds := map[string]bool{}
	for _, e := range examples(t, "vector") {
		t.Run(e.name, func(t *testing.T) {
			v, want := e.vector(t), unhex(t, e.hex)
			kinds[v.Kind] = true
			got, err := v.frame()
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("the JSON encodes to %x, error %v; the hex is %x", got, err, want)
			}
			f, size, err := Parse(want, MaxFrame)
			if err != nil || size != len(want) {
				t.Fatalf("size %d of %d, %v", size, len(want), err)
			}
			decoded, err := vectorOf(f)
			if err != nil || !reflect.DeepEqual(plain(t, decoded), plain(t, v)) {
				t.Errorf("the hex decodes to %v, error %v; the JSON is %v", plain(t, decoded), err, plain(t, v))
			}
			for n := range want {
				if _, size, err := Parse(want[:n], MaxFrame); size != 0 || err != nil {
					t.Errorf("%d of %d bytes: size %d, %v", n, len(want), size, err)
				}
			}
		})
	}
	for k := KindHello; k.Known(); k++ {
		if !kinds[k.String()] {
			t.Errorf("no vector for %s", k)
		}
	}
}

// plain is v through JSON, where a number is a number, however it was kept.
func plain(t *testing.T, v vector) (p map[string]any) {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(&p); err != nil {
		t.Fatal(err)
	}
	return p
}

// refusal is the JSON of a refused block: with Meta the hex is the meta of
// that kind, else a frame for a reader that takes Limit bytes.
type refusal struct {
	Code  string `json:"code"`
	Meta  string `json:"meta"`
	Limit int    `json:"limit"`
}

func TestRefusedVectors(t *testing.T) {
	for _, e := range examples(t, "refused") {
		t.Run(e.name, func(t *testing.T) {
			r := refusal{Limit: MaxFrame}
			if err := json.Unmarshal([]byte(e.fields), &r); err != nil {
				t.Fatal(err)
			}
			b, want := unhex(t, e.hex), Code(numberOf(codeNames[:], r.Code))
			if want == 0 {
				t.Fatalf("there is no code %q", r.Code)
			}
			if r.Meta == "" {
				_, size, err := Parse(b, r.Limit)
				wantCode(t, err, want)
				if size != 0 {
					t.Errorf("size %d beside an error", size)
				}
				return
			}
			fresh, decode := decoder(r.Meta)
			wantCode(t, decode(b, fresh()), want)
		})
	}
}

// rewrite puts the hex that the code makes of each vector's JSON into SPEC.md.
func rewrite(t *testing.T) {
	t.Helper()
	spec, err := os.ReadFile("SPEC.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range examples(t, "vector") {
		b, err := e.vector(t).frame()
		if err != nil {
			t.Fatalf("%s: %v", e.name, err)
		}
		block := fmt.Sprintf("```vector %s\n%s\n", e.name, e.fields)
		spec = bytes.Replace(spec, []byte(block+e.hex+"```"), []byte(block+layout(b)+"```"), 1)
	}
	if err := os.WriteFile("SPEC.md", spec, 0o644); err != nil {
		t.Fatal(err)
	}
}

// layout is a frame in hex with its fields named.
func layout(b []byte) string {
	var out strings.Builder
	line := func(note string, parts ...[]byte) {
		var words []string
		for _, p := range parts {
			words = append(words, fmt.Sprintf("%x", p))
		}
		if note != "" {
			note = "; " + note
		}
		fmt.Fprintln(&out, strings.TrimRight(fmt.Sprintf("%-42s%s", strings.Join(words, " "), note), " "))
	}
	line("version, kind, flags, outcome; length", b[0:1], b[1:2], b[2:3], b[3:4], b[4:8])
	line("sequence", b[8:16])
	line("member", b[16:24])
	line("room; budget", b[24:28], b[28:32])
	line("meta length, code, reserved", b[32:34], b[34:36], b[36:40])
	f, _, _ := Parse(b, MaxFrame)
	note := "meta"
	for part := range slices.Chunk(f.Meta, 20) {
		line(note, part)
		note = ""
	}
	if len(f.Payload) > 0 {
		line("payload", f.Payload)
	}
	return out.String()
}

package protocol

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

func specLines(t *testing.T) []string {
	t.Helper()
	spec, err := os.ReadFile("SPEC.md")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(string(spec), "\n")
}

// table reads the rows of SPEC.md's table whose head begins with these cells.
func table(t *testing.T, head ...string) [][]string {
	t.Helper()
	var rows [][]string
	found := false
	for _, line := range specLines(t) {
		if !strings.HasPrefix(line, "|") {
			if found {
				return rows
			}
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.Trim(cells[i], " `")
		}
		switch {
		case found:
			rows = append(rows, cells)
		case strings.Join(cells[:min(len(head), len(cells))], "|") == strings.Join(head, "|"):
			found = true
		}
	}
	if !found {
		t.Fatalf("SPEC.md has no table %v", head)
	}
	return rows
}

// Each enumeration's table has the numbers and names of the code, and all of them.
func TestSpecEnumerations(t *testing.T) {
	for what, names := range map[string][]string{"kind": kindNames[1:], "outcome": outcomeNames[:], "code": codeNames[1:]} {
		rows := table(t, "number", what)[1:] // the first is the ruler
		if len(rows) != len(names) {
			t.Errorf("%s: %d in SPEC.md, %d in the code", what, len(rows), len(names))
			continue
		}
		first := map[bool]int{true: 0, false: 1}[what == "outcome"]
		for i, row := range rows {
			if row[0] != strconv.Itoa(i+first) || row[1] != names[i] {
				t.Errorf("%s %d %s in the code is %s %s in SPEC.md", what, i+first, names[i], row[0], row[1])
			}
		}
	}
}

func TestSpecLimits(t *testing.T) {
	micro := func(d time.Duration) int { return int(d.Microseconds()) }
	limits := map[string]int{
		"HeaderSize": HeaderSize, "MaxFrame": MaxFrame, "MaxBody": MaxBody, "MaxPayload": MaxPayload, "MaxFirst": MaxFirst,
		"MaxDepth": MaxDepth, "MaxItems": MaxItems, "MaxChunk": MaxChunk, "MaxReply": MaxReply, "MaxAccount": MaxAccount,
		"MaxName": MaxName, "MaxLabels": MaxLabels, "MaxLabelKey": MaxLabelKey, "MaxLabelText": MaxLabelText,
		"MaxState": MaxState, "MaxErrorText": MaxErrorText, "MaxToken": MaxToken, "MaxPrincipal": MaxPrincipal, "MaxRoles": MaxRoles, "MaxWill": MaxWill, "MinDeadline": micro(MinDeadline), "MaxDeadline": micro(MaxDeadline), "HelloTimeout": micro(HelloTimeout),
	}
	rows := table(t, "name in the code", "value")[1:]
	if len(rows) != len(limits) {
		t.Errorf("%d limits in SPEC.md, %d here", len(rows), len(limits))
	}
	for _, row := range rows {
		if want, ok := limits[row[0]]; !ok || row[1] != strconv.Itoa(want) {
			t.Errorf("%s is %s in SPEC.md, %d in the code", row[0], row[1], want)
		}
	}
}

// The header's table gives the offsets and sizes of AppendHeader.
func TestSpecHeader(t *testing.T) {
	h := Header{
		Version: 0x11, Kind: 0x12, Flags: 0x13, Outcome: 0x14, Length: 0x21222324, Sequence: 0x3132333435363738,
		Member: 0x4142434445464748, Room: 0x51525354, Budget: 0x61626364, MetaLen: 0x7172, Code: 0x8182,
	}
	want := map[string]string{
		"version": "11", "kind": "12", "flags": "13", "outcome": "14", "length": "21222324", "sequence": "3132333435363738",
		"member": "4142434445464748", "room": "51525354", "budget": "61626364", "meta length": "7172", "code": "8182", "reserved": "00000000",
	}
	b, next := AppendHeader(nil, h), 0
	for _, row := range table(t, "offset", "size", "field")[1:] {
		offset, errO := strconv.Atoi(row[0])
		size, errS := strconv.Atoi(row[1])
		if errO != nil || errS != nil || offset != next || offset+size > len(b) {
			t.Fatalf("row %v where offset %d comes next", row, next)
		}
		if got := fmt.Sprintf("%x", b[offset:offset+size]); got != want[row[2]] {
			t.Errorf("%s at %d is %s, want %s", row[2], offset, got, want[row[2]])
		}
		next = offset + size
	}
	if next != HeaderSize {
		t.Errorf("the table ends at %d", next)
	}
}

// Each body has a table with its fields, in order and with their types.
func TestSpecBodies(t *testing.T) {
	number := regexp.MustCompile(`^[0-9]+ `)
	for _, body := range []any{
		Hello{},
		Welcome{},
		Join{},
		Joined{},
		Call{},
		Deliver{},
		Watch{},
		ViewChunk{},
		AccountChunk{},
		Summary{},
		GoAway{},
		ErrorText{},
		Member{},
		Gone{},
		Absent{},
		Entry{},
		Forget{},
		Forgot{},
		Publish{},
		Published{},
		State{},
		Stated{},
		Changed{},
		Stats{},
		Offer{},
		Bid{},
		Bound{},
		Will{},
		LastWord{},
		Drain{},
		Draining{},
	} {
		v := reflect.New(reflect.TypeOf(body)).Elem()
		name := v.Type().Name()
		var want, types []string
		asArray := eachField(v, func(field string, _ bool, f reflect.Value) {
			want, types = append(want, field), append(types, specType(f.Type()))
		})
		if asArray {
			name += ", an array"
		}
		var names, got []string
		for i, row := range table(t, name, "type")[1:] {
			if asArray && !strings.HasPrefix(row[0], fmt.Sprintf("%d ", i)) {
				t.Errorf("%s: row %d is %s", name, i, row[0])
			}
			fields := strings.Split(number.ReplaceAllString(row[0], ""), ", ")
			kinds := strings.Split(strings.TrimSuffix(row[1], " or nil"), ", ")
			for j, field := range fields {
				names, got = append(names, field), append(got, kinds[min(j, len(kinds)-1)])
			}
		}
		if strings.Join(got, ", ") != strings.Join(types, ", ") {
			t.Errorf("%s: types %v in SPEC.md, %v in the code", name, got, types)
		}
		if !asArray && strings.Join(names, " ") != strings.Join(want, " ") {
			t.Errorf("%s: fields %v in SPEC.md, %v in the code", name, names, want)
		}
	}
}

// specType is a Go type in SPEC.md's words.
func specType(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "str"
	case reflect.Map:
		return "map of str to str"
	case reflect.Pointer:
		return t.Elem().Name()
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return "bin"
		}
		return "list of " + t.Elem().Name()
	}
	return t.Kind().String()
}

// The matrix has every kind once for each side, and knows no other answer than
// the codes and words that it explains.
func TestSpecMatrix(t *testing.T) {
	answers := map[string]bool{"·": true, "skipped": true, "the process closes": true, "the broker closes": true, "unexpected": true, "shutting_down": true}
	for _, side := range []string{"from the process", "from the broker"} {
		seen := map[string]int{}
		for _, row := range table(t, side, "new", "open", "going away")[1:] {
			for kind := range strings.SplitSeq(row[0], ", ") {
				seen[kind]++
			}
			for _, answer := range row[1:] {
				if !answers[answer] {
					t.Errorf("%s, %s: %q is no answer", side, row[0], answer)
				}
			}
		}
		for _, kind := range kindNames[1:] {
			if seen[kind] != 1 {
				t.Errorf("%s: %s comes %d times", side, kind, seen[kind])
			}
		}
		if seen["unknown"] != 2 { // and "unknown, ignorable"
			t.Errorf("%s: unknown kinds are not dealt with", side)
		}
	}
}

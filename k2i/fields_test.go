package k2i

import (
	"reflect"
	"strings"
	"testing"
)

// The table has a row for each field of Process, by the name of its tag and in
// the same order, so that neither can grow without the other.
func TestFieldsAreThoseOfProcess(t *testing.T) {
	table := Fields()
	typ := reflect.TypeFor[Process]()
	if typ.NumField() != len(table) {
		t.Fatalf("%d fields, %d rows", typ.NumField(), len(table))
	}
	for i := range typ.NumField() {
		tag := typ.Field(i).Tag
		f := table[i]
		if f.Name != tag.Get("json") || f.Name != tag.Get("msgpack") {
			t.Errorf("row %d is %s; the field's tags are %s and %s", i, f.Name, tag.Get("json"), tag.Get("msgpack"))
		}
		if f.Help == "" || f.Source == "" || f.Compare == nil || f.Known == nil || f.Text == nil {
			t.Errorf("%s: its row has gaps", f.Name)
		}
		if by, ok := FieldByName(f.Name); !ok || by.Name != f.Name {
			t.Errorf("%s is not found by its name", f.Name)
		}
		for unit, suffix := range map[string]string{"bytes": "_bytes", "ns": "_ns", "ticks": "_ticks"} {
			if (f.Unit == unit) != strings.HasSuffix(f.Name, suffix) {
				t.Errorf("%s has the unit %q", f.Name, f.Unit)
			}
		}
	}
	if _, ok := FieldByName("nonsense"); ok {
		t.Error("nonsense is found")
	}
}

// set gives the i-th field of p a small or a large value.
func set(p *Process, i int, large bool) {
	v := reflect.ValueOf(p).Elem().Field(i)
	switch v.Kind() {
	case reflect.Int32, reflect.Int64:
		v.SetInt(map[bool]int64{false: 3, true: 12}[large])
	case reflect.Uint32, reflect.Uint64:
		v.SetUint(map[bool]uint64{false: 3, true: 12}[large])
	case reflect.Float64:
		v.SetFloat(map[bool]float64{false: 0.5, true: 1.5}[large])
	case reflect.Bool:
		v.SetBool(large)
	case reflect.String:
		v.SetString(map[bool]string{false: "a", true: "b"}[large])
	case reflect.Pointer:
		b := map[bool]Bits{false: 3, true: 12}[large]
		v.Set(reflect.ValueOf(&b))
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.String {
			v.Set(reflect.ValueOf(map[bool][]string{false: {"a", "z"}, true: {"b"}}[large]))
		} else {
			v.Set(reflect.ValueOf(map[bool][]int32{false: {3, 9}, true: {12}}[large]))
		}
	}
}

// Each row reads its own field: it compares and prints that and no other.
func TestFieldsReadTheirOwn(t *testing.T) {
	for i, f := range Fields() {
		var small, large Process
		set(&small, i, false)
		set(&large, i, true)
		if f.Compare(&small, &large) >= 0 || f.Compare(&large, &small) <= 0 || f.Compare(&small, &small) != 0 {
			t.Errorf("%s: does not order its field", f.Name)
		}
		if f.Text(&small) == f.Text(&large) || !f.Known(&large) {
			t.Errorf("%s: prints %s and %s", f.Name, f.Text(&small), f.Text(&large))
		}
		for other := range Fields() {
			var p Process
			set(&p, other, true)
			if q := (Process{}); other != i && f.Compare(&p, &q) != 0 {
				t.Errorf("%s looks at field %d", f.Name, other)
			}
		}
	}
}

// What could not be read comes first, prints as a dash and is not known.
func TestUnknownValues(t *testing.T) {
	unread := Process{PidfdInode: Unread, ReadBytes: Unread, WriteBytes: -7, RCPU: NoRate()}
	var zero Process
	for _, name := range []string{"pidfd_inode", "read_bytes", "write_bytes", "rcpu"} {
		f, _ := FieldByName(name)
		if f.Known(&unread) || f.Text(&unread) != Unknown || f.Compare(&unread, &zero) >= 0 || f.Compare(&unread, &unread) != 0 {
			t.Errorf("%s: %s", name, f.Text(&unread))
		}
	}
	p := Process{TPGID: -1, Args: []string{"a", "b c"}, Kernel: true, RCPU: 0.12345}
	for name, want := range map[string]string{"tpgid": "-1", "args": "a b c", "kernel": "true", "rcpu": "0.123"} {
		if f, _ := FieldByName(name); f.Text(&p) != want {
			t.Errorf("%s: %s, want %s", name, f.Text(&p), want)
		}
	}
}

// The table cannot be changed by those who read it.
func TestFieldsAreTheCallersOwn(t *testing.T) {
	Fields()[0].Name = "changed"
	if Fields()[0].Name != "pid" {
		t.Error("the table was changed")
	}
}

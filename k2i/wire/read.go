package wire

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"

	"github.com/vmihailenco/msgpack/v5"

	"ddcos/k2i"
	"ddcos/k2i/query"
)

// MaxRows is how many rows one answer may have: rowMemory of those in memory,
// whose names and values may have come in much less.
const (
	MaxRows   = rowMemory / processBytes
	rowMemory = 64 << 20 // bytes

	processBytes = 1152 // of a k2i.Process at most, a test holds it
	basicRow     = 256  // bytes that a row with all basic fields takes at least: their names alone take more
)

// read reads an answer, of which protocol.Fits has held every part to its shape,
// field by field: how many rows it may have depends on the question.
func (a *Answer) read(d *msgpack.Decoder, req Request) error {
	n, err := d.DecodeMapLen()
	if err != nil {
		return err
	}
	v := reflect.ValueOf(a).Elem()
	for range n {
		name, err := d.DecodeString()
		if err != nil {
			return err
		}
		switch i := slices.Index(answerNames, name); {
		case name == "processes":
			err = a.Processes.read(d, req)
		case i < 0:
			err = d.Skip() // a later version's
		default:
			err = d.Decode(v.Field(i).Addr().Interface())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// answerNames are the names of an Answer's fields, in their order.
var answerNames = namesOf(reflect.TypeFor[Answer]())

func namesOf(t reflect.Type) []string {
	names := make([]string, t.NumField())
	for i := range names {
		names[i] = t.Field(i).Tag.Get("msgpack")
	}
	return names
}

// read bounds the rows by the question and by the bytes that are left before it
// makes room for them: an empty map is one byte, a Process a thousand.
func (rows *Rows) read(d *msgpack.Decoder, req Request) error {
	n, err := d.DecodeArrayLen()
	if err != nil || n < 0 {
		return err
	}
	rest, ok := d.Buffered().(*bytes.Reader)
	switch q := req.Query; {
	case !ok || n > rest.Len()/leastRow(q):
		return fmt.Errorf("%d processes declared in too few bytes", n)
	case q.Limit > 0 && n > q.Limit:
		return fmt.Errorf("%d processes where %d were asked for", n, q.Limit)
	case n > MaxRows:
		return tooManyRows(n)
	}
	if req.Keep != nil {
		return rows.sift(d, n, req.Keep)
	}
	*rows = make(Rows, n)
	for i := range *rows {
		if err := readRow(d, &(*rows)[i]); err != nil {
			return err
		}
	}
	return nil
}

// sift reads n rows into one place, from which it takes those that are kept.
func (rows *Rows) sift(d *msgpack.Decoder, n int, keep func(*k2i.Process) bool) error {
	*rows = Rows{}
	var p k2i.Process
	for range n {
		if err := readRow(d, &p); err != nil {
			return err
		}
		if keep(&p) {
			*rows = append(*rows, p)
		}
	}
	return nil
}

func readRow(d *msgpack.Decoder, p *k2i.Process) error {
	*p = k2i.Blank() // whose lists are nobody else's
	if err := d.Decode(p); err != nil {
		return err
	}
	return checkRow(p)
}

func tooManyRows(n int) error {
	return fmt.Errorf("answer of %d processes, %d are allowed; ask with a limit: %w", n, MaxRows, ErrTooLarge)
}

// leastRow is how many bytes a row takes at least: for each field that was asked
// for by its name a byte before it, the name, and a byte of its value. What is in
// a group, another version may see in another way.
func leastRow(q query.Query) int {
	if q.By != "" {
		return basicRow // there are no rows
	}
	if len(q.Fields) == 0 {
		return basicRow
	}
	least := 1
	for i, word := range q.Fields {
		switch _, named := k2i.FieldByName(word); {
		case slices.Contains(q.Fields[:i], word):
		case named:
			least += 2 + len(word)
		case word == k2i.BasicFields || word == k2i.AllFields:
			least = max(least, basicRow)
		}
	}
	return least
}

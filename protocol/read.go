package protocol

import "reflect"

// What a broker and its callers read with every message is read here by hand,
// checked and taken in one walk. It accepts what Decode's walk accepts of every
// other body, with the same words where it does not.

// The shapes of what is read by hand, and of what is in it. Nobody writes to them.
var (
	callShape    = shapeOf(reflect.TypeFor[Call]())
	deliverShape = shapeOf(reflect.TypeFor[Deliver]())
	chunkShape   = shapeOf(reflect.TypeFor[AccountChunk]())
	summaryShape = shapeOf(reflect.TypeFor[Summary]())
	entryShape   = shapeOf(reflect.TypeFor[Entry]())
	absentShape  = shapeOf(reflect.TypeFor[Absent]())
	uint8Shape   = shapeOf(reflect.TypeFor[uint8]())
	uint32Shape  = shapeOf(reflect.TypeFor[uint32]())
	uint64Shape  = shapeOf(reflect.TypeFor[uint64]())
	int32Shape   = shapeOf(reflect.TypeFor[int32]())
	boolShape    = shapeOf(reflect.TypeFor[bool]())
	bytesShape   = shapeOf(reflect.TypeFor[[]byte]())
	pairsShape   = shapeOf(reflect.TypeFor[map[string]string]())
)

// ReadAccount reads the meta of an Account frame: each entry is given to entry,
// which may keep what is in it but not the Entry itself, and the rest is
// returned. An error of entry ends the reading. Small replies of one chunk share
// memory.
func ReadAccount(meta []byte, entry func(*Entry) error) (rest AccountChunk, err error) {
	return readAccount(meta, MaxBody, entry)
}

func readAccount(b []byte, items int, entry func(*Entry) error) (rest AccountChunk, err error) {
	w := walker{rest: b, items: items}
	var k keeper
	var e Entry
	err = w.whole(chunkShape, func(field int) (err error) {
		switch field {
		case 0:
			err = w.list(chunkShape.fields[0], func() error {
				e = Entry{}
				if err := e.read(&w, &k); err != nil {
					return err
				}
				return entry(&e)
			})
		case 1:
			err = w.list(chunkShape.fields[1], func() error {
				rest.Absent = append(rest.Absent, Absent{})
				return rest.Absent[len(rest.Absent)-1].read(&w, &k)
			})
		case 2:
			rest.Summary, err = readSummary(&w)
		}
		return err
	})
	return rest, err
}

func (c *AccountChunk) read(b []byte, items int) error {
	var entries []Entry
	rest, err := readAccount(b, items, func(e *Entry) error {
		entries = append(entries, *e)
		return nil
	})
	*c, c.Entries = rest, entries
	return err
}

func (c *Call) read(b []byte, items int) error {
	w := walker{rest: b, items: items}
	return w.whole(callShape, func(field int) (err error) {
		switch field {
		case 0:
			c.Room, err = w.takeString(nil)
		case 1:
			err = readNumber(&w, uint8Shape, &c.Rule)
		case 2:
			err = readNumber(&w, uint32Shape, &c.N)
		case 3:
			c.Labels, err = w.takePairs()
		case 4:
			c.To, err = w.takeString(nil)
		case 5:
			c.Key, err = w.takeString(nil)
		case 6:
			c.Value, err = w.takeString(nil)
		case 7:
			err = readNumber(&w, uint32Shape, &c.Wait)
		case 8:
			err = readNumber(&w, uint32Shape, &c.WaitUS)
		case 9:
			c.State, err = w.takePairs()
		case 10:
			c.Partial, err = w.takeBool()
		}
		return err
	})
}

func (d *Deliver) read(b []byte, items int) error {
	w := walker{rest: b, items: items}
	return w.whole(deliverShape, func(field int) (err error) {
		switch field {
		case 0:
			err = readNumber(&w, uint64Shape, &d.View)
		case 1:
			d.Host, err = w.takeString(nil)
		case 2:
			err = readNumber(&w, int32Shape, &d.PID)
		case 3:
			d.Principal, err = w.takeString(nil)
		case 4:
			d.Roles, err = w.takeString(nil)
		}
		return err
	})
}

func (e *Entry) read(w *walker, k *keeper) error {
	return w.elementsOf(entryShape, func(field int) (err error) {
		switch field {
		case 0:
			err = readNumber(w, uint64Shape, &e.Member)
		case 1:
			e.Name, err = w.takeString(nil)
		case 2:
			e.Host, err = w.takeString(k)
		case 3:
			err = readNumber(w, int32Shape, &e.PID)
		case 4:
			err = readNumber(w, uint8Shape, &e.Outcome)
		case 5:
			err = readNumber(w, uint64Shape, &e.LatencyUS)
		case 6:
			e.Error, err = w.takeString(nil)
		case 7:
			e.Reply, err = w.takeBytes(k)
		case 8:
			e.More, err = w.takeBool()
		}
		return err
	})
}

func (a *Absent) read(w *walker, k *keeper) error {
	return w.elementsOf(absentShape, func(field int) (err error) {
		switch field {
		case 0:
			err = readNumber(w, uint64Shape, &a.ID)
		case 1:
			a.Name, err = w.takeString(nil)
		case 2:
			a.Host, err = w.takeString(k)
		case 3:
			err = readNumber(w, int32Shape, &a.PID)
		case 4:
			err = readNumber(w, uint64Shape, &a.AgoMS)
		case 5:
			a.Reason, err = w.takeString(nil)
		}
		return err
	})
}

// readSummary gives nil for nil.
func readSummary(w *walker) (*Summary, error) {
	var s Summary
	there, err := w.fields(summaryShape, 1, func(field int) (err error) {
		switch field {
		case 0:
			s.Room, err = w.takeString(nil)
		case 1:
			err = readNumber(w, uint64Shape, &s.View)
		case 2:
			err = readNumber(w, uint32Shape, &s.ViewSize)
		case 3:
			err = readNumber(w, uint32Shape, &s.Selected)
		case 4:
			err = readNumber(w, uint8Shape, &s.Rule)
		case 5:
			err = readNumber(w, uint32Shape, &s.N)
		case 6:
			s.Met, err = w.takeBool()
		case 7:
			err = readNumber(w, uint64Shape, &s.ElapsedUS)
		case 8:
			err = readNumber(w, uint32Shape, &s.Late)
		case 9:
			err = readNumber(w, uint32Shape, &s.Duplicate)
		case 10:
			s.Key, err = w.takeString(nil)
		case 11:
			s.Value, err = w.takeString(nil)
		case 12:
			err = readNumber(w, uint64Shape, &s.WaitedUS)
		case 13:
			err = readNumber(w, uint64Shape, &s.Bound)
		case 14:
			err = readNumber(w, uint32Shape, &s.Bids)
		}
		return err
	})
	if !there {
		return nil, err
	}
	return &s, err
}

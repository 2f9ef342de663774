package protocol

import "github.com/vmihailenco/msgpack/v5"

// What comes often travels as an array of its fields in order. The library
// writes such arrays by itself, but refuses one of another length than it
// knows; so they are read here, where a later version's fields are skipped and
// an earlier version's missing ones stay zero. Decode has checked every value.

// DecodeMsgpack reads a Member.
func (m *Member) DecodeMsgpack(d *msgpack.Decoder) error {
	return decodeArray(d, (*uint64)(&m.ID), &m.Name, &m.Host, &m.PID, &m.Labels, &m.Version, &m.State, &m.Parted)
}

// DecodeMsgpack reads a Changed.
func (c *Changed) DecodeMsgpack(d *msgpack.Decoder) error {
	return decodeArray(d, (*uint64)(&c.ID), &c.Name, &c.Version, &c.State, &c.Parted)
}

// DecodeMsgpack reads a Gone.
func (g *Gone) DecodeMsgpack(d *msgpack.Decoder) error {
	return decodeArray(d, (*uint64)(&g.ID), &g.Name, (*uint8)(&g.Reason), &g.Text)
}

// DecodeMsgpack reads an Absent.
func (a *Absent) DecodeMsgpack(d *msgpack.Decoder) error {
	return decodeArray(d, (*uint64)(&a.ID), &a.Name, &a.Host, &a.PID, &a.AgoMS, &a.Reason)
}

// decodeArray reads an array into fields, pointers to types that the library knows by name.
func decodeArray(d *msgpack.Decoder, fields ...any) error {
	n, err := d.DecodeArrayLen()
	if err != nil {
		return err
	}
	for i := range n {
		if i < len(fields) {
			err = d.Decode(fields[i])
		} else {
			err = d.Skip()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

package query

import (
	"testing"

	"ddcos/k2i"
)

func TestAsksRates(t *testing.T) {
	for want, queries := range map[bool][]Query{
		true:  {{Fields: []string{"pid", "rcpu"}}, {Where: "pid > 1 and io_w > 1MB/s"}, {Sort: []Key{{Field: "rss"}, {Field: "net_tx"}}}, {By: "user", Sort: []Key{{Field: "rcpu"}}}},
		false: {{}, {Fields: []string{k2i.AllFields}}, {Where: "rss > 1MB"}, {Sort: []Key{{Field: "pid"}}}},
	} {
		for _, q := range queries {
			if err := q.Check(); err != nil || q.AsksRates() != want {
				t.Errorf("%+v: %v, %v", q, q.AsksRates(), err)
			}
		}
	}
	for _, name := range rates() { // each is a field that there is
		if _, ok := k2i.FieldByName(name); !ok {
			t.Errorf("there is no field %s", name)
		}
	}
}

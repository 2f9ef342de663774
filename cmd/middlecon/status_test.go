package main

import (
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"ddcos/protocol"
)

// status --json leaves out none of a broker's counts. How long calls took is for Prometheus.
func TestStatusHasEveryCount(t *testing.T) {
	stats := protocol.Stats{Outcomes: make([]uint64, len(protocol.Outcomes()))}
	v := reflect.ValueOf(&stats).Elem()
	marks := map[string]string{}
	for i := range v.NumField() {
		if name := v.Type().Field(i).Name; v.Field(i).Kind() == reflect.Uint64 && name != "ElapsedUS" && name != "MemberUS" {
			mark := uint64(7_000_000 + i)
			v.Field(i).SetUint(mark)
			marks[name] = strconv.FormatUint(mark, 10)
		}
	}
	told, err := json.Marshal(statusOfBroker(&stats))
	if err != nil {
		t.Fatal(err)
	}
	for name, mark := range marks {
		if !strings.Contains(string(told), mark) {
			t.Errorf("%s is not told", name)
		}
	}
}

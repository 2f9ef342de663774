package main

import (
	"cmp"
	"os"
	"time"

	"ddcos/dps"
	"ddcos/k2i/query"
)

// fromConfig takes from the config file, which is dps's, what neither a flag nor
// the environment says.
func (f *flags) fromConfig(given func(flag string) bool) error {
	c, err := dps.LoadConfig(f.config, os.Getenv)
	if err != nil {
		return misuse{err}
	}
	if f.broker == "" && len(f.agents) == 0 {
		f.broker, f.agents = c.Broker, c.Agents
	}
	if d, err := time.ParseDuration(c.Deadline); err == nil && !given("deadline") {
		f.run.Deadline = d
	}
	f.run.On = cmp.Or(f.run.On, c.On)
	if err := (query.Query{On: f.run.On}).Check(); err != nil {
		return misuse{err}
	}
	return nil
}

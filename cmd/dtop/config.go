package main

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"ddcos/dps"
	"ddcos/dtop"
	"ddcos/k2i/query"
)

// shown takes what a row shows and whether in colour: by a flag, else by the
// environment, else by the file.
func (f *flags) shown(c *dps.Config) error {
	format := cmp.Or(f.format, c.Format)
	if f.as != "" {
		named, ok := c.Formats[f.as]
		switch {
		case f.format != "":
			return errors.New("give --format or --as, not both")
		case !ok:
			return fmt.Errorf("--as %q: the config file has %s", f.as, cmp.Or(strings.Join(slices.Sorted(maps.Keys(c.Formats)), ", "), "no formats"))
		}
		format = named
	}
	cells, err := dtop.Cells(format)
	if err != nil {
		text, _, _ := strings.Cut(strings.TrimPrefix(err.Error(), "error: "), " (see ")
		return fmt.Errorf("--format: %s: 'dps L' lists the columns", text)
	}
	f.run.Cells = cells
	switch when := cmp.Or(f.color, c.Color, "auto"); when {
	case "auto":
		f.run.Color = os.Getenv("NO_COLOR") == ""
	case "always", "never":
		f.run.Color = when == "always"
	default:
		return fmt.Errorf("--color %q: want auto, always or never", when)
	}
	return nil
}

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
	if err := f.shown(c); err != nil {
		return misuse{err}
	}
	f.run.On = cmp.Or(f.run.On, c.On)
	if err := (query.Query{On: f.run.On}).Check(); err != nil {
		return misuse{err}
	}
	return nil
}

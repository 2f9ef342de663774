package dps

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Config is what a user's file says where neither an option nor the environment
// says it.
type Config struct {
	Broker   string            `yaml:"broker"`
	Agents   []string          `yaml:"agents"`
	On       string            `yaml:"on"`       // the hosts, as --on has them
	Deadline string            `yaml:"deadline"` // such as 2s
	Color    string            `yaml:"color"`
	Format   string            `yaml:"format"`  // the columns where no option asks for any
	Formats  map[string]string `yaml:"formats"` // columns by a name, for --as
}

// maxConfig is how many bytes a config file may have.
const maxConfig = 64 << 10

// LoadConfig reads the file at path, else that of DDCOS_CONFIG, else the user's
// own, which need not exist, nor be readable: HOME may be another user's.
func LoadConfig(path string, getenv func(string) string) (*Config, error) {
	path = cmp.Or(path, getenv("DDCOS_CONFIG"))
	wanted := path != ""
	if !wanted {
		home := getenv("XDG_CONFIG_HOME")
		if home == "" && getenv("HOME") != "" {
			home = filepath.Join(getenv("HOME"), ".config")
		}
		if home == "" {
			return &Config{}, nil
		}
		path = filepath.Join(home, "ddcos", "config.yaml")
	}
	f, err := os.Open(path)
	if !wanted && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission)) {
		return &Config{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the config: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxConfig+1))
	if err != nil {
		return nil, fmt.Errorf("reading the config: %w", err)
	}
	c, err := parseConfig(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// parseConfig reads YAML; its errors begin with the line.
func parseConfig(text []byte) (*Config, error) {
	if len(text) > maxConfig {
		return nil, fmt.Errorf("more than the %d bytes that a config may have", maxConfig)
	}
	var c Config
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	err := d.Decode(&c)
	var wrong *yaml.TypeError
	switch {
	case errors.Is(err, io.EOF): // empty
		return &c, nil
	case errors.As(err, &wrong) && len(wrong.Errors) > 0:
		return nil, errors.New(configError(wrong.Errors[0]))
	case err != nil:
		return nil, errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
	}
	return &c, c.check()
}

// configError says what the library says without its words for Go's types.
func configError(text string) string {
	if line, rest, ok := strings.Cut(text, ": field "); ok {
		name, _, _ := strings.Cut(rest, " not found")
		return line + ": no key " + name + "; there are broker, agents, on, deadline, color, format, formats"
	}
	return text
}

// check refuses values that no option would take.
func (c *Config) check() error {
	p := parser{}
	if c.Deadline != "" && deadline(&p, c.Deadline) != nil {
		return fmt.Errorf("deadline %q: want a time such as 500ms or 2s", c.Deadline)
	}
	if c.Color != "" && color(&p, c.Color) != nil {
		return fmt.Errorf("color %q: want auto, always or never", c.Color)
	}
	if _, err := formatCells(c.Format); c.Format != "" && err != nil {
		return fmt.Errorf("format %q: %s", c.Format, reason(err))
	}
	if c.Broker != "" && len(c.Agents) > 0 {
		return errors.New("give broker or agents, not both")
	}
	return nil
}

// fromConfig takes from the config file what nothing else says.
func (p *parser) fromConfig() error {
	c := &Config{}
	if p.env.Config != nil {
		var err error
		if c, err = p.env.Config(p.config); err != nil {
			return own(Clean(err.Error()))
		}
	}
	if !p.out.Remote() {
		p.out.Broker, p.out.Agents = c.Broker, c.Agents
	}
	p.out.On = cmp.Or(p.out.On, c.On)
	p.out.Color = cmp.Or(p.out.Color, c.Color, "auto")
	switch d, err := time.ParseDuration(c.Deadline); {
	case p.out.Deadline != 0:
	case p.out.Via != "":
		p.out.Deadline = ViaDeadline // what is carried to a host takes longer
	case err == nil:
		p.out.Deadline = d
	default:
		p.out.Deadline = DefaultDeadline
	}
	p.env.Format = cmp.Or(p.env.Format, c.Format)
	p.formats = c.Formats
	return nil
}

// asNamed asks for the columns of --as.
func (p *parser) asNamed() error {
	if p.as == "" {
		return nil
	}
	format, ok := p.formats[p.as]
	if !ok {
		return own(fmt.Sprintf("--as %q: the config file has %s", p.as,
			cmp.Or(strings.Join(slices.Sorted(maps.Keys(p.formats)), ", "), "no formats")))
	}
	p.requests = append(p.requests, asked{askFormat, format})
	return nil
}

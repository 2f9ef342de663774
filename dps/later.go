package dps

// laterOptions are known to ps and not to dps: each is refused by its name, so
// that a script never takes one listing for another.
var laterOptions = []Option{
	later(Option{Long: []string{"info"}, Section: "misc", Help: "debugging info"}),
}

// later makes an option that is refused.
func later(o Option) Option {
	name := o.Name()
	o.later = true
	o.set = func(*parser, string) error {
		return &UsageError{Text: "option " + name + " of ps is not supported", final: true}
	}
	return o
}

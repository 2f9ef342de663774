package cli

import "github.com/spf13/pflag"

// Addresses is a flag that may be repeated, and joins what it is given with commas.
// What stands at to already, from the environment or as a default, is there until
// the flag comes.
func Addresses(to *string) pflag.Value { return &addresses{to: to} }

type addresses struct {
	to    *string
	given bool
}

// Set implements pflag.Value.
func (a *addresses) Set(s string) error {
	if a.given {
		s = *a.to + "," + s
	}
	*a.to, a.given = s, true
	return nil
}

// String is what it is without the flag, too.
func (a *addresses) String() string { return *a.to }

// Type is its word in the help.
func (a *addresses) Type() string { return "string" }

package main

// addresses is a flag that may be repeated, and joins what it is given with commas.
type addresses struct {
	to    *string // what the environment says, until the flag comes
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

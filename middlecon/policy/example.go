package policy

import _ "embed"

// Example is a file with comments, for people to begin with.
//
//go:embed example.yaml
var Example string

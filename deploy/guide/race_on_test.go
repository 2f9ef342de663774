//go:build race

package guide_test

// raced: the detector would watch this test, and not the programs that it installs.
const raced = true

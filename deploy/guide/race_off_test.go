//go:build !race

package guide_test

const raced = false

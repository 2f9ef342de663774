// Package near finds what somebody meant who mistyped a word.
package near

import (
	"slices"
	"strings"
)

// Limits of a look.
const (
	maxName  = 256 // bytes of a name that are looked at
	maxWords = 3   // that are offered
)

// Hint is what an error adds about a name that is none of all words, with what
// stands before each of them: "; did you mean --sort?", or nothing.
func Hint(prefix, name string, all []string) string {
	words := Words(name, all)
	if len(words) == 0 {
		return ""
	}
	return "; did you mean " + prefix + strings.Join(words, ", "+prefix) + "?"
}

// Words are up to three of all words, the nearest first: those that contain name
// or are contained in it, else those that are one typing mistake away, or two where
// most of the word is left.
func Words(name string, all []string) []string {
	name = strings.ToLower(name[:min(len(name), maxName)])
	var words []string
	for _, word := range all {
		if len(name) > 1 && len(word) > 1 && (strings.Contains(word, name) || strings.Contains(name, word)) {
			words = append(words, word)
		}
	}
	if len(words) == 0 {
		for _, word := range all {
			if distance(word, name) <= min(2, (min(len(word), len(name))-1)/2) {
				words = append(words, word)
			}
		}
	}
	slices.SortStableFunc(words, func(a, b string) int { return distance(a, name) - distance(b, name) })
	return words[:min(len(words), maxWords)]
}

// distance is the number of bytes to insert, remove or change, and of neighbours to
// swap, to make b of a.
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before, last, row = last, row, before
		row[0] = i + 1
		for j := range len(b) {
			change := last[j]
			if a[i] != b[j] {
				change++
			}
			row[j+1] = min(change, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
	}
	return row[len(b)]
}

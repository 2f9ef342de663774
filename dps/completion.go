package dps

import (
	"maps"
	"slices"
	"strings"

	"ddcos/k2i/query"
)

// Word is what may stand on a command line, and what it means; "" where that is plain.
type Word struct{ Text, Help string }

// Completion is what may stand for a word that has begun.
type Completion struct {
	Words []Word
	Open  bool // something may follow right behind it: a list goes on
	Files bool // the names of files may stand there
}

// Completer knows what a command line alone does not tell.
type Completer struct {
	Hosts   func() []string // of the fleet that the command line speaks of
	Users   func() []string // of this host
	Groups  func() []string
	Formats func() []string // names for --as
}

// Complete tells what may stand for begun, the last word, behind the words before
// it. Of --option=value the words are values alone, since shells take it so; of a
// list they are whole, with what it has already.
func (c Completer) Complete(before []string, begun string) Completion {
	waiting := pendingOption(before)
	if waiting == nil && strings.HasPrefix(begun, "--") {
		if name, value, ok := strings.Cut(begun, "="); ok {
			waiting = longOption(name)
			begun = value
			if waiting == nil {
				return Completion{}
			}
		}
	}
	if waiting == nil {
		return beginning(optionWords(), begun)
	}
	return c.values(waiting, before, begun)
}

// values are those of an option's argument.
func (c Completer) values(o *Option, before []string, begun string) Completion {
	switch o.Name() {
	case "--format", "-O", "O":
		return itemWords(formatWords(), begun, "")
	case "--sort":
		return itemWords(sortWords(before), begun, "+-")
	case "--on":
		return itemWords(plain(c.Hosts()), begun, "")
	case "--user", "--User":
		return itemWords(plain(c.Users()), begun, "")
	case "--group", "--Group", "-g":
		return itemWords(plain(c.Groups()), begun, "")
	case "--by":
		if peersAsked(before) {
			return beginning(plain(slices.Sorted(maps.Keys(peerBy))), begun)
		}
		return beginning(groupWords(), begun)
	case "--where":
		found := beginning(termWords(), begun)
		found.Open = true
		return found
	case "--links":
		var words []Word
		for _, n := range linkNames() {
			words = append(words, Word{n.Name, n.Help})
		}
		found := beginning(words, begun)
		found.Open = true
		return found
	case "--as":
		return beginning(plain(c.Formats()), begun)
	case "--color":
		return beginning(plain([]string{"auto", "always", "never"}), begun)
	case "--help":
		return beginning(plain(SectionNames()), begun)
	}
	return Completion{Files: strings.Contains(o.Arg, "FILE")}
}

// beginning are the words that begin so.
func beginning(words []Word, begun string) Completion {
	return Completion{Words: slices.DeleteFunc(slices.Clone(words), func(w Word) bool { return !strings.HasPrefix(w.Text, begun) })}
}

// itemWords are lists of which the last item begins so; items may have a sign.
func itemWords(words []Word, begun, signs string) Completion {
	head := begun[:strings.LastIndexByte(begun, ',')+1]
	last := begun[len(head):]
	if last != "" && strings.IndexByte(signs, last[0]) >= 0 {
		head, last = head+last[:1], last[1:]
	}
	c := beginning(words, last)
	for i := range c.Words {
		c.Words[i].Text = head + c.Words[i].Text
	}
	c.Open = true
	return c
}

// pendingOption is the option whose argument is to follow the words; nil for none.
func pendingOption(words []string) *Option {
	var waiting *Option
	for _, word := range words {
		switch {
		case waiting != nil:
			waiting = nil
		case strings.HasPrefix(word, "--"):
			if o := longOption(word); o != nil && o.Arg != "" {
				waiting = o
			}
		default:
			waiting = letterOption(word)
		}
	}
	return waiting
}

// longOption is that of a name with its dashes; nil for none.
func longOption(name string) *Option {
	for _, o := range Options() {
		if slices.Contains(o.Long, strings.TrimPrefix(name, "--")) {
			return &o
		}
	}
	return nil
}

// letterOption is that of the last of some letters where its argument is to follow.
func letterOption(word string) *Option {
	letters, dashed := strings.CutPrefix(word, "-")
	for i := range len(letters) {
		for _, o := range Options() {
			letter := o.BSD
			if dashed {
				letter = o.Unix
			}
			switch {
			case letter != letters[i] || o.Arg == "" || strings.HasPrefix(o.Arg, "["):
			case i == len(letters)-1:
				return &o
			default:
				return nil // the rest is the argument
			}
		}
	}
	return nil
}

func peersAsked(before []string) bool { return slices.Contains(before, "--peers") }

// sortWords are what --sort takes behind these words.
func sortWords(before []string) []Word {
	by := ""
	for i, word := range before {
		if value, ok := strings.CutPrefix(word, "--by="); ok {
			by = value
		} else if word == "--by" && i+1 < len(before) {
			by = before[i+1]
		}
	}
	switch {
	case peersAsked(before):
		p := parser{}
		p.out.By = by
		return plain(p.peerKeys())
	case by != "":
		words := plain([]string{by})
		for _, m := range query.Measures() {
			words = append(words, Word{Text: m.Field})
		}
		return words
	}
	return columnWords()
}

// groupWords are what --by is mostly asked for; of what there is.
func groupWords() []Word {
	var words []Word
	for _, name := range strings.Fields("host user comm container image unit cgroup kind pod runtime state tty") {
		if t, ok := query.TermByName(name); ok {
			words = append(words, Word{name, t.Help})
		}
	}
	return words
}

// termWords are what a condition may begin with.
func termWords() []Word {
	var words []Word
	for _, t := range query.Terms() {
		for _, name := range append([]string{t.Name}, t.Also...) {
			words = append(words, Word{name, t.Help})
		}
	}
	return words
}

// optionWords are the options as they begin: dashed letters and long names.
func optionWords() []Word {
	var words []Word
	for _, o := range Options() {
		if o.Unix != 0 {
			words = append(words, Word{"-" + string(o.Unix), o.Help})
		}
		if len(o.Long) > 0 {
			words = append(words, Word{"--" + o.Long[0], o.Help})
		}
	}
	return words
}

// columnWords are the keywords of columns.
func columnWords() []Word {
	var words []Word
	for _, c := range Columns() {
		words = append(words, Word{c.Key, c.Help})
	}
	return words
}

// formatWords are what may stand in a format: keywords, and formats by name.
func formatWords() []Word {
	words := columnWords()
	for _, name := range slices.Sorted(maps.Keys(named)) {
		words = append(words, Word{name, named[name]})
	}
	return words
}

func plain(texts []string) []Word {
	words := make([]Word, len(texts))
	for i, text := range texts {
		words[i].Text = text
	}
	return words
}

package query

// Of is a name of the language where it asks of something else than processes: what
// a T is. One of the functions is set; a number that is not known tells so.
type Of[T any] struct {
	Name, Unit, Help string

	Word   func(T) string
	Number func(T) (int64, bool)
	Flag   func(T) bool
}

// Bytes is the unit of a Number that is told with B, KiB, MB and their like.
const Bytes = unitBytes

// CompileOf understands a condition on a T, with names of its own and all else of the
// language, as Compile does, and with the same limits. The function is for one
// goroutine.
func CompileOf[T any](text string, names []Of[T]) (func(T) bool, error) {
	var subject T
	terms := make([]Term, len(names))
	for i, n := range names {
		terms[i] = Term{Name: n.Name, Unit: n.Unit, Help: n.Help}
		switch {
		case n.Word != nil:
			terms[i].word = func(*row) string { return n.Word(subject) }
		case n.Number != nil:
			terms[i].integer = func(*row) (int64, bool) { return n.Number(subject) }
		default:
			terms[i].flag = func(*row) bool { return n.Flag(subject) }
		}
	}
	where, err := compile(text, terms)
	if err != nil {
		return nil, err
	}
	test := where.On(&Host{})
	return func(t T) bool {
		subject = t
		return test.Match(nil)
	}, nil
}

package broker

import "os"

// spare is one descriptor held back. A connection has two while gnet takes it
// over: one that is accepted with the last descriptor would have to be hung up on.
// It is the door's alone.
type spare struct{ file *os.File } // nil while it is lent, and when the table was full then

// hold takes a descriptor, unless there is one.
func (s *spare) hold() (err error) {
	if s.file == nil {
		s.file, err = os.Open(os.DevNull)
	}
	return err
}

// lend does work that needs one descriptor more for as long as it runs.
func (s *spare) lend(work func()) {
	s.drop()
	work()
	_ = s.hold() // and again before the next is accepted
}

// drop gives the descriptor up.
func (s *spare) drop() {
	if s.file != nil {
		_ = s.file.Close() // nothing was written
		s.file = nil
	}
}

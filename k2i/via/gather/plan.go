package gather

import (
	"path"
	"strconv"
	"strings"
	"time"

	"ddcos/k2i/procfs"
)

// Limits of what is gathered.
const (
	maxNames  = 1 << 20 // bytes of a file of users or groups; who stands beyond is told by number
	maxTarget = 4096    // bytes of where a link points
)

// The files that names are found in.
const (
	userFile  = "/etc/passwd"
	groupFile = "/etc/group"
)

// word is one thing that is gathered; see gather.c.
type word struct {
	kind  byte
	limit int    // bytes
	path  string // of a process's file from its directory
}

// Plan is what a host is asked to gather.
type Plan struct {
	words   []word
	samples int
	pause   time.Duration // between two
}

// NewPlan is for rows with these fields, nil for all; with a pause that is not 0
// for two samples.
func NewPlan(fields []string, pause time.Duration) Plan {
	p := Plan{samples: 1, pause: pause}
	if pause > 0 {
		p.samples = 2
	}
	for _, name := range procfs.HostFiles() {
		p.words = append(p.words, word{'f', procfs.MaxHostFile, path.Join(procfs.DefaultRoot, name)})
	}
	p.words = append(
		p.words,
		word{'l', maxTarget, path.Join(procfs.DefaultRoot, procfs.OwnLink)},
		word{'f', maxNames, userFile},
		word{'f', maxNames, groupFile},
	)
	files := procfs.FilesFor(fields)
	for i := range files { // stat last: it tells of one that ended meanwhile
		p.words = append(p.words, word{'p', procfs.MaxFile, files[len(files)-1-i]})
	}
	return p
}

// String is the plan as the program takes it.
func (p Plan) String() string {
	var b strings.Builder
	for _, w := range p.words {
		b.WriteByte(w.kind)
		b.WriteString(strconv.Itoa(w.limit))
		if w.kind == 'p' {
			b.WriteByte('/')
		}
		b.WriteString(w.path)
		b.WriteByte(' ')
	}
	if p.pause > 0 {
		b.WriteString("w" + strconv.FormatInt(p.pause.Milliseconds(), 10))
	}
	return strings.TrimSpace(b.String())
}

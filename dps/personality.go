package dps

import (
	"maps"
	"strings"
)

// style is the formats that letters ask for.
type style uint16

const (
	unixFull     style = 1 << iota // -f
	unixLong                       // -l
	unixJobs                       // -j where it is a format of its own
	bsdJobs                        // j
	bsdLong                        // l
	bsdSignals                     // s
	bsdUser                        // u
	bsdMemory                      // v
	oldRegisters                   // X
	oldMemory                      // m where it is a format
	security                       // --context
)

// usualFormats are the formats of letters by their names; "" is put together
// from the options beside it.
var usualFormats = map[style]string{
	0:                   "",
	unixFull:            "",
	unixLong:            "",
	unixFull | unixLong: "",
	unixJobs | unixLong: "RD_lj",
	unixJobs | unixFull: "RD_fj",
	bsdJobs:             "OL_j",
	bsdLong:             "OL_l",
	bsdSignals:          "OL_s",
	bsdUser:             "OL_u",
	bsdMemory:           "OL_v",
	oldRegisters:        "OL_X",
	oldMemory:           "OL_m",
	security:            "FLASK_context",
}

// Personality is the system whose ps the options are read as.
type Personality struct {
	name      string
	alwaysBSD bool             // a dash means nothing
	bsd       bool             // BSD's default format, and every terminal instead of this one
	pages     bool             // h repeats the headers
	leaders   bool             // session leaders are shown with g only
	memory    string           // what m means: "" threads, "format" a format, "sort" to sort by memory
	dashX     string           // what -x means: "" nothing, "rss" what -y means, "wide" what ww means
	address   string           // what stands for ADDR in -l, "" for addr_1
	share     bool             // -l shows SZ:RSS
	userName  bool             // -f shows the user's name under USER
	formats   map[style]string // instead of the usual ones
}

// The families of systems.
var (
	freeBSD = map[style]string{bsdJobs: "FB_j", bsdLong: "FB_l", bsdUser: "FB_u", bsdMemory: "FB_v"}
	debian  = map[style]string{unixFull: "RD_f", unixJobs: "RD_j", unixLong: "RD_l"}
	digital = map[style]string{
		unixFull: "F5FMT", unixFull | unixLong: "FL5FMT", unixJobs: "JFMT", unixLong: "L5FMT",
		bsdJobs: "JFMT", bsdLong: "LFMT", bsdSignals: "SFMT", bsdUser: "UFMT", bsdMemory: "VFMT",
	}
)

// personalities are the names that ps knows. Those that change nothing (posix,
// unix, solaris2, ...) are not here.
var personalities = map[string]Personality{
	"bsd":            {alwaysBSD: true, bsd: true, pages: true, memory: "sort", formats: freeBSD},
	"old":            {alwaysBSD: true, bsd: true, memory: "format"},
	"debian gnu":     {bsd: true, memory: "format", formats: debian},
	"linux":          {address: "sgi_p", userName: true},
	"aix":            {formats: freeBSD},
	"sunos4":         {leaders: true, bsd: true, formats: freeBSD},
	"irix sgi":       {address: "sgi_p", share: true},
	"390 os390 s390": {formats: map[style]string{unixJobs: "J390"}},
	"hp hpux":        {dashX: "wide"},
	"sco svr4 sysv":  {dashX: "rss"},
	"compaq tru64":   {bsd: true, pages: true, formats: digital},
	"digital":        {bsd: true, pages: true, formats: digital},
}

// personalityOf is what the environment asks for: PS_PERSONALITY counts before
// CMD_ENV. A name that is not known asks for nothing.
func personalityOf(getenv func(string) string) Personality {
	name := getenv("PS_PERSONALITY")
	if name == "" {
		name = getenv("CMD_ENV")
	}
	if getenv("I_WANT_A_BROKEN_PS") != "" {
		name = "old"
	}
	name = strings.ToLower(name)
	for names := range maps.Keys(personalities) {
		if strings.Contains(" "+names+" ", " "+name+" ") && name != "" && !strings.Contains(name, " ") {
			found := personalities[names]
			found.name = name
			if xpg := getenv("_XPG"); found.share && xpg != "" && '1' <= xpg[0] && xpg[0] <= '9' {
				return Personality{name: name}
			}
			return found
		}
	}
	return Personality{name: name}
}

// format is the name of the format that letters ask for, "" where it is put
// together; false where they cannot stand together.
func (p Personality) format(letters style) (name string, ok bool) {
	if name, ok = p.formats[letters]; ok {
		return name, true
	}
	name, ok = usualFormats[letters]
	return name, ok
}

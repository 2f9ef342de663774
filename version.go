// Package ddcos tells which build this is. Everything else lives in the
// packages below it; ARCHITECTURE.md says which one does what.
package ddcos

import (
	"cmp"
	"fmt"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"
)

// commitDigits is how much of a revision Version prints: git's own
// abbreviation grows with a repository, a fixed length can be compared.
const commitDigits = 12

// isPseudo tells a version that Go makes up for a commit without a tag: it holds
// nothing but the time and the commit.
func isPseudo(version string) bool {
	return strings.Contains(version, "-") && // else there is nothing to compile
		regexp.MustCompile(`[-.][0-9]{14}-[0-9a-f]{12}(\+|$)`).MatchString(version)
}

// Version is the line that every command prints for --version, for example
//
//	ddcos v0.3.0, commit 0a1b2c3d4e5f, go1.26.8 linux/amd64
//
// The commit ends in "+modified" when the tree it was built from had changes
// of its own, and is "unknown" when the build had no repository to ask. The
// source is what the Go linker records in every binary, so no build flag has to
// be remembered.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	return versionLine(info)
}

// versionLine is Version for a given record.
func versionLine(info *debug.BuildInfo) string {
	version := info.Main.Version
	if version == "" || isPseudo(version) {
		version = "(devel)"
	}
	return fmt.Sprintf("ddcos %s, commit %s, %s %s/%s", version, commit(info),
		cmp.Or(info.GoVersion, runtime.Version()), runtime.GOOS, runtime.GOARCH)
}

// commit is the abbreviated revision of a build, or "unknown".
func commit(info *debug.BuildInfo) string {
	revision, modified := "unknown", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision" && s.Value != "":
			revision = s.Value[:min(len(s.Value), commitDigits)]
		case s.Key == "vcs.modified" && s.Value == "true":
			modified = "+modified"
		}
	}
	return revision + modified
}

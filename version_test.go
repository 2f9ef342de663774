package ddcos

import (
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
)

func TestVersionLine(t *testing.T) {
	const revision = "0a1b2c3d4e5f60718293a4b5c6d7e8f901234567"
	platform := runtime.GOOS + "/" + runtime.GOARCH
	tests := map[string]struct {
		info debug.BuildInfo
		want string
	}{
		"a release": {
			debug.BuildInfo{
				GoVersion: "go1.26.8",
				Main:      debug.Module{Version: "v0.3.0"},
				Settings:  []debug.BuildSetting{{Key: "vcs.revision", Value: revision}, {Key: "vcs.modified", Value: "false"}},
			},
			"ddcos v0.3.0, commit 0a1b2c3d4e5f, go1.26.8 " + platform,
		},
		"a tree with changes": {
			debug.BuildInfo{
				GoVersion: "go1.26.8",
				Main:      debug.Module{Version: "(devel)"},
				Settings:  []debug.BuildSetting{{Key: "vcs.revision", Value: revision}, {Key: "vcs.modified", Value: "true"}},
			},
			"ddcos (devel), commit 0a1b2c3d4e5f+modified, go1.26.8 " + platform,
		},
		"a commit without a tag": {
			debug.BuildInfo{
				GoVersion: "go1.26.8",
				Main:      debug.Module{Version: "v0.3.1-0.20261121041600-0a1b2c3d4e5f+dirty"},
				Settings:  []debug.BuildSetting{{Key: "vcs.revision", Value: revision}},
			},
			"ddcos (devel), commit 0a1b2c3d4e5f, go1.26.8 " + platform,
		},
		"no repository": {
			debug.BuildInfo{},
			"ddcos (devel), commit unknown, " + runtime.Version() + " " + platform,
		},
		"a revision shorter than the abbreviation": {
			debug.BuildInfo{Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "abc"}}},
			"ddcos (devel), commit abc, " + runtime.Version() + " " + platform,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := versionLine(&test.info); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestVersionIsOneLine(t *testing.T) {
	got := Version()
	if !strings.HasPrefix(got, "ddcos ") || strings.Contains(got, "\n") || !strings.Contains(got, runtime.Version()) {
		t.Errorf("Version() = %q", got)
	}
}

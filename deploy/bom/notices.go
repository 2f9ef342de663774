package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// notice is what a file is called that tells under which terms a module may be
// passed on.
var notice = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|copyright)([-._].*)?$`)

// writeNotices writes the licences of libraries, which Go's own cache of modules
// holds. A module without any is an error: nobody may pass it on.
func writeNotices(ctx context.Context, out io.Writer, all []library) error {
	for _, l := range all {
		dir, err := l.source(ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", l.path, err)
		}
		text, err := notices(dir)
		if err != nil {
			return fmt.Errorf("%s %s: %w", l.path, l.version, err)
		}
		if _, err := fmt.Fprintf(out, "%s\n%s %s\n\n%s\n", strings.Repeat("=", 80), l.path, l.version, text); err != nil {
			return err
		}
	}
	return nil
}

// source is the directory of the library's source.
func (l library) source(ctx context.Context) (string, error) {
	if l.path == stdlib {
		root, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
		return strings.TrimSpace(string(root)), err
	}
	text, err := exec.CommandContext(ctx, "go", "mod", "download", "-json", l.path+"@"+l.version).Output()
	if err != nil {
		return "", err
	}
	var module struct{ Dir string }
	err = json.Unmarshal(text, &module)
	return module.Dir, err
}

// notices joins the files in a directory that say so by their names.
func notices(dir string) (string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	var text strings.Builder
	for _, entry := range entries {
		if entry.IsDir() || !notice.MatchString(entry.Name()) {
			continue
		}
		content, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			return "", err
		}
		text.Write(content)
	}
	if text.Len() == 0 {
		return "", errors.New("no licence in " + dir)
	}
	return text.String(), nil
}

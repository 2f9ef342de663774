package ddcos_test

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// lawBook is where both tables of the law stand, in fenced blocks whose info
// strings are "imports" and "libraries". A line is
//
//	SUBJECT [words for people] » RIGHT, RIGHT
//
// In "imports" the subject is a package of this module (a closing slash is
// allowed, "ddcos" is the root) and the rights are the packages of ours that it
// may import, or one of: nothing, anything, anything but PACKAGE, PACKAGE.
// Nobody may import cmd. In "libraries" the subject is the path that a foreign
// import begins with and the rights are the packages that may import it; an
// import that no line covers is against the law. Rights may be patterns such
// as cmd/*. Tests, and modules of their own, stand outside the law.
const lawBook = "ARCHITECTURE.md"

// An article is one line of a table.
type article struct {
	subject string
	rights  []string
	but     bool // the rights are the exceptions from "anything"
}

// allows tells whether a right or an exception covers a package.
func (a article) allows(pkg string) bool {
	listed := slices.ContainsFunc(a.rights, func(pattern string) bool {
		ok, err := path.Match(pattern, pkg)
		return ok && err == nil
	})
	return listed != a.but
}

// law reads one table, by subject, and complains about lines it cannot read.
func law(t *tree, table string) (map[string]article, []string) {
	articles, findings := map[string]article{}, []string(nil)
	inside, seen := false, false
	for i, line := range strings.Split(t.text(lawBook), "\n") {
		switch {
		case strings.HasPrefix(line, "```"):
			inside = !inside && line == "```"+table
			seen = seen || inside
			continue
		case !inside || strings.TrimSpace(line) == "":
			continue
		}
		left, right, ok := strings.Cut(line, "»")
		words := strings.Fields(left)
		if !ok || len(words) == 0 {
			findings = append(findings, fmt.Sprintf("%s:%d: not a line of the law, want SUBJECT » RIGHT, RIGHT: %s", lawBook, i+1, line))
			continue
		}
		a := readArticle(strings.TrimSuffix(words[0], "/"), right)
		if _, twice := articles[a.subject]; twice {
			findings = append(findings, fmt.Sprintf("%s:%d: %s is told twice", lawBook, i+1, a.subject))
		}
		articles[a.subject] = a
	}
	if !seen {
		findings = append(findings, fmt.Sprintf("%s:1: no fenced block of %q", lawBook, table))
	}
	return articles, findings
}

// readArticle parses the right side of a line.
func readArticle(subject, right string) article {
	a := article{subject: subject}
	right, a.but = strings.CutPrefix(strings.TrimSpace(right), "anything")
	right = strings.TrimPrefix(strings.TrimSpace(right), "but")
	for one := range strings.SplitSeq(right, ",") {
		if one = strings.TrimSpace(one); one != "" && one != "nothing" {
			a.rights = append(a.rights, one)
		}
	}
	return a
}

// importLaw holds the packages' imports of each other to the table, and the
// table to the packages that exist.
func importLaw(t *tree) []string {
	articles, findings := law(t, "imports")
	packages := t.packages()
	for subject := range articles {
		if _, exists := packages[folder(subject)]; !exists {
			findings = append(findings, fmt.Sprintf("%s:1: the import law speaks of %s, which is no package", lawBook, subject))
		}
	}
	for dir, files := range packages {
		a, told := articles[lawName(dir)]
		if !told {
			findings = append(findings, t.at(files[0].syntax.Package, "the import law in %s does not speak of %s", lawBook, lawName(dir)))
			continue
		}
		eachImport(files, func(f *goFile, imported string, line int) {
			target, ours := strings.CutPrefix(imported, module+"/")
			if imported == module {
				target, ours = module, true
			}
			if ours && (strings.HasPrefix(target, "cmd/") || !a.allows(target)) {
				findings = append(findings, fmt.Sprintf("%s:%d: %s may not import %s", f.path, line, lawName(dir), imported))
			}
		}, t)
	}
	return findings
}

// libraryLaw holds the imports of other people's packages to the table, and
// the table to the libraries that are in use.
func libraryLaw(t *tree) []string {
	articles, findings := law(t, "libraries")
	used := map[string]bool{}
	for dir, files := range t.packages() {
		eachImport(files, func(f *goFile, imported string, line int) {
			first, _, _ := strings.Cut(imported, "/")
			if first == module || !strings.Contains(first, ".") { // ours, or Go's own
				return
			}
			a, ok := covering(articles, imported)
			used[a.subject] = true
			if !ok || !a.allows(lawName(dir)) {
				findings = append(findings, fmt.Sprintf("%s:%d: %s may not import %s", f.path, line, lawName(dir), imported))
			}
		}, t)
	}
	for subject := range articles {
		if !used[subject] {
			findings = append(findings, fmt.Sprintf("%s:1: the library law speaks of %s, which no package imports", lawBook, subject))
		}
	}
	return findings
}

// covering is the article with the longest subject that an import begins with.
func covering(articles map[string]article, imported string) (article, bool) {
	for _, subject := range slices.Backward(slices.Sorted(maps.Keys(articles))) {
		if imported == subject || strings.HasPrefix(imported, subject+"/") {
			return articles[subject], true
		}
	}
	return article{}, false
}

// eachImport calls yield for every import of the files.
func eachImport(files []*goFile, yield func(f *goFile, imported string, line int), t *tree) {
	for _, f := range files {
		for _, spec := range f.syntax.Imports {
			if imported, err := strconv.Unquote(spec.Path.Value); err == nil {
				yield(f, imported, t.fset.Position(spec.Pos()).Line)
			}
		}
	}
}

// lawName and folder turn a folder into the name that the law has for it, and
// back.
func lawName(dir string) string {
	if dir == "." {
		return module
	}
	return dir
}

func folder(name string) string {
	if name == module {
		return "."
	}
	return name
}

func TestImportLaw(t *testing.T) {
	table := func(lines ...string) string { return "```imports\n" + strings.Join(lines, "\n") + "\n```\n" }
	a := "package a\n"
	plant(t, importLaw, map[string]planting{
		"lawful": {files: map[string]string{
			lawBook: table("ddcos » nothing", "a/ the first » nothing", "b » a", "c » anything but b", "cmd/x » anything"),
			"v.go":  "package ddcos\n", "a/a.go": a, "b/b.go": "package b\nimport _ \"ddcos/a\"\n",
			"c/c.go":        "package c\nimport (\n_ \"fmt\"\n_ \"ddcos/a\"\n_ \"example.org/b\"\n)\n",
			"cmd/x/main.go": "package main\nimport (\n_ \"ddcos\"\n_ \"ddcos/c\"\n)\n",
			"a/a_test.go":   "package a_test\nimport _ \"ddcos/c\"\n",
		}},
		"upward": {
			files: map[string]string{lawBook: table("a » nothing", "b » a"), "a/a.go": a + "import _ \"ddcos/b\"\n", "b/b.go": "package b\n"},
			want:  []string{"a/a.go:2: a may not import ddcos/b"},
		},
		"an exception": {
			files: map[string]string{lawBook: table("a » nothing", "b » anything but a"), "a/a.go": a, "b/b.go": "package b\nimport _ \"ddcos/a\"\n"},
			want:  []string{"b/b.go:2: b may not import ddcos/a"},
		},
		"cmd": {
			files: map[string]string{lawBook: table("a » anything", "cmd/x » nothing"), "a/a.go": a + "import _ \"ddcos/cmd/x\"\n", "cmd/x/x.go": "package main\n"},
			want:  []string{"a may not import ddcos/cmd/x"},
		},
		"a package without a line": {
			files: map[string]string{lawBook: table("a » nothing"), "a/a.go": a, "b/b.go": "package b\n"},
			want:  []string{"b/b.go:1: the import law in ARCHITECTURE.md does not speak of b"},
		},
		"a line without a package": {
			files: map[string]string{lawBook: table("a » nothing", "b » a"), "a/a.go": a, "b/b_test.go": "package b\n"},
			want:  []string{"the import law speaks of b, which is no package"},
		},
		"an unreadable line": {
			files: map[string]string{lawBook: table("a » nothing", "b > a", "a » nothing"), "a/a.go": a},
			want:  []string{"ARCHITECTURE.md:3: not a line of the law", "ARCHITECTURE.md:4: a is told twice"},
		},
		"no table": {
			files: map[string]string{lawBook: "nothing\n"},
			want:  []string{`no fenced block of "imports"`},
		},
	})
}

func TestLibraryLaw(t *testing.T) {
	book := "```libraries\nexample.org/net » a\nexample.org/net/deep » b, cmd/*\n```\n"
	lawful := map[string]string{
		lawBook:         book,
		"a/a.go":        "package a\nimport (\n_ \"example.org/net\"\n_ \"fmt\"\n_ \"ddcos/b\"\n)\n",
		"b/b.go":        "package b\nimport _ \"example.org/net/deep/er\"\n",
		"cmd/x/main.go": "package main\nimport _ \"example.org/net/deep\"\n",
	}
	with := func(name, text string) map[string]string {
		files := maps.Clone(lawful)
		files[name] = text
		return files
	}
	plant(t, libraryLaw, map[string]planting{
		"lawful":  {files: lawful},
		"a test":  {files: with("c/c_test.go", "package c\nimport _ \"example.org/other\"\n")},
		"another": {files: with("c/c.go", "package c\nimport _ \"example.org/net\"\n"), want: []string{"c/c.go:2: c may not import example.org/net"}},
		"a longer subject": {
			files: with("a/b.go", "package a\nimport _ \"example.org/net/deep\"\n"),
			want:  []string{"a/b.go:2: a may not import example.org/net/deep"},
		},
		"unheard of": {
			files: with("a/b.go", "package a\nimport _ \"example.org/network\"\n"),
			want:  []string{"a may not import example.org/network"},
		},
		"out of use": {
			files: with(lawBook, strings.Replace(book, "example.org/net »", "example.org/old » a\nexample.org/net »", 1)),
			want:  []string{"speaks of example.org/old, which no package imports"},
		},
	})
}

package ddcos_test

import (
	"fmt"
	"go/ast"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The rules below read every Markdown file. What they count is a code span,
// that is text between single back quotes on one line outside fenced blocks:
//
//   - identifier: package.Name or package.Type.Member, where package is the
//     name of one of our packages, and Type.Member, where the first letters are
//     upper case. Each must be declared in a package of ours; so a name of
//     somebody else's type is written with its package, gnet.Conn.
//   - path: a word with a slash whose first element is a file or folder at the
//     root of the repository (a leading ./ and the module's name may stand
//     before it, /... behind it); * is a wildcard, {a,b} stands for both.
//   - target: the word behind a leading "make".
//
// Outside of spans, a link to a relative path must lead somewhere.
var (
	span       = regexp.MustCompile("`([^`\n]+)`")
	identifier = regexp.MustCompile(`(?:^|[^\w./\-])([A-Za-z]\w*)\.([A-Z]\w*)(?:\.([A-Za-z]\w*))?`)
	pathWord   = regexp.MustCompile(`^[\w.\-*/{},]+$`)
	target     = regexp.MustCompile(`^make ([a-z]\w*)`)
	link       = regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`)
)

// eachLine calls yield for every line of a document outside fenced blocks.
func eachLine(t *tree, yield func(doc, line string, number int)) {
	for _, doc := range t.docs {
		fenced := false
		for i, line := range strings.Split(t.text(doc), "\n") {
			if strings.HasPrefix(strings.TrimSpace(line), "```") {
				fenced = !fenced
			} else if !fenced {
				yield(doc, line, i+1)
			}
		}
	}
}

// spans calls yield for every code span of every document.
func spans(t *tree, yield func(where, code string)) {
	eachLine(t, func(doc, line string, number int) {
		for _, match := range span.FindAllStringSubmatch(line, -1) {
			yield(fmt.Sprintf("%s:%d", doc, number), match[1])
		}
	})
}

// identifiersExist finds Go identifiers of ours that are declared nowhere.
func identifiersExist(t *tree) []string {
	names := declaredNames(t)
	var findings []string
	spans(t, func(where, code string) {
		for _, match := range identifier.FindAllStringSubmatch(code, -1) {
			first, name, member := match[1], match[2], match[3]
			if ours := names[first]; ours == nil && !ast.IsExported(first) {
				continue // another's package, or no Go at all
			} else if ours == nil || !ours[name] {
				findings = append(findings, fmt.Sprintf("%s: %s.%s is declared nowhere", where, first, name))
			} else if member != "" && !names[name][member] {
				findings = append(findings, fmt.Sprintf("%s: %s.%s has no %s", where, first, name, member))
			}
		}
	})
	return findings
}

// declaredNames are, by the name of each package and of each type of ours, the
// names declared in it. Packages and types that share a name share an entry.
func declaredNames(t *tree) map[string]map[string]bool {
	names := map[string]map[string]bool{}
	add := func(owner, name string) {
		if names[owner] == nil {
			names[owner] = map[string]bool{}
		}
		names[owner][name] = true
	}
	for _, files := range t.packages() {
		for _, f := range files {
			add(f.syntax.Name.Name, "")
			for _, decl := range f.syntax.Decls {
				declare(f.syntax.Name.Name, decl, add)
			}
		}
	}
	return names
}

// declare adds the names of one declaration, and those inside of its types.
func declare(pkg string, decl ast.Decl, add func(owner, name string)) {
	switch decl := decl.(type) {
	case *ast.FuncDecl:
		if decl.Recv == nil {
			add(pkg, decl.Name.Name)
			return
		}
		add(baseName(decl.Recv.List[0].Type), decl.Name.Name)
	case *ast.GenDecl:
		for _, spec := range decl.Specs {
			switch spec := spec.(type) {
			case *ast.ValueSpec:
				for _, name := range spec.Names {
					add(pkg, name.Name)
				}
			case *ast.TypeSpec:
				add(pkg, spec.Name.Name)
				for _, member := range members(spec.Type) {
					add(spec.Name.Name, member)
				}
			}
		}
	}
}

// members are the fields of a struct or the methods of an interface.
func members(kind ast.Expr) []string {
	var list *ast.FieldList
	switch kind := kind.(type) {
	case *ast.StructType:
		list = kind.Fields
	case *ast.InterfaceType:
		list = kind.Methods
	default:
		return nil
	}
	var names []string
	for _, field := range list.List {
		for _, name := range field.Names {
			names = append(names, name.Name)
		}
		if len(field.Names) == 0 {
			names = append(names, baseName(field.Type))
		}
	}
	return names
}

// baseName is a type's own name, without pointer, package and parameters.
func baseName(kind ast.Expr) string {
	switch kind := kind.(type) {
	case *ast.StarExpr:
		return baseName(kind.X)
	case *ast.IndexExpr:
		return baseName(kind.X)
	case *ast.IndexListExpr:
		return baseName(kind.X)
	case *ast.SelectorExpr:
		return kind.Sel.Name
	case *ast.Ident:
		return kind.Name
	}
	return ""
}

// pathsExist finds paths into the repository that lead nowhere.
func pathsExist(t *tree) []string {
	var findings []string
	spans(t, func(where, code string) {
		for word := range strings.FieldsSeq(code) {
			word = strings.TrimRight(strings.TrimPrefix(strings.TrimPrefix(word, "./"), module+"/"), ".,;:")
			first, _, slash := strings.Cut(word, "/")
			if !slash || !pathWord.MatchString(word) || !t.paths[first] {
				continue
			}
			for _, one := range expand(strings.Trim(word, "/")) {
				if !exists(t, one) {
					findings = append(findings, fmt.Sprintf("%s: no %s in this repository", where, one))
				}
			}
		}
	})
	return findings
}

// exists tells whether a path, or one that matches its wildcards, is there.
func exists(t *tree, name string) bool {
	found, err := fs.Glob(t.fsys, name)
	return err == nil && slices.ContainsFunc(found, func(one string) bool { return t.paths[one] })
}

// expand is what a word with one {a,b} in it stands for.
func expand(word string) []string {
	before, rest, open := strings.Cut(word, "{")
	inside, after, closed := strings.Cut(rest, "}")
	if !open || !closed {
		return []string{word}
	}
	var words []string
	for one := range strings.SplitSeq(inside, ",") {
		words = append(words, before+one+after)
	}
	return words
}

// linksLead finds relative links that lead nowhere.
func linksLead(t *tree) []string {
	var findings []string
	eachLine(t, func(doc, line string, number int) {
		for _, match := range link.FindAllStringSubmatch(span.ReplaceAllString(line, ""), -1) {
			if name := path.Join(path.Dir(doc), match[1]); !t.paths[name] {
				findings = append(findings, fmt.Sprintf("%s:%d: the link to %s leads nowhere", doc, number, match[1]))
			}
		}
	})
	return findings
}

// targetsExist finds make targets that the Makefile does not have.
func targetsExist(t *tree) []string {
	rules := "\n" + t.text("Makefile")
	var findings []string
	spans(t, func(where, code string) {
		match := target.FindStringSubmatch(code)
		if match != nil && !strings.Contains(rules, "\n"+match[1]+":") {
			findings = append(findings, fmt.Sprintf("%s: the Makefile has no target %s", where, match[1]))
		}
	})
	return findings
}

// documented are the packages that the planted documents speak of.
func documented(doc string) map[string]string {
	return map[string]string{
		"docs/X.md":     doc,
		"Makefile":      "build: all\n\trun:\n",
		"room/room.go":  "package room\ntype Room[T any] struct{ Members, View int }\nfunc (r *Room[T]) Step() {}\nconst Max = 1\nfunc Open() {}\n",
		"room/clock.go": "package room\ntype Clock interface{ Now() int }\n",
	}
}

func TestDocumentsNameWhatExists(t *testing.T) {
	plantings := func(good string, bad map[string]string) map[string]planting {
		all := map[string]planting{"what exists": {files: documented(good)}}
		for doc, want := range bad {
			all[doc] = planting{files: documented("\n" + doc + "\n"), want: []string{"docs/X.md:2: " + want}}
		}
		return all
	}
	t.Run("identifiers", func(t *testing.T) {
		plant(t, identifiersExist, plantings(
			"`room.Room`, `room.Max`, `room.Open(x)`, `room.Room.Step`, `Room.Members`, `f(room.Open, Clock.Now)`\n"+
				"`gnet.Conn`, room.Nothing, `room.md`, `a/room.Nothing`, `room.nothing`\n```\nroom.Nothing `room.Nothing`\n```\n",
			map[string]string{
				"`room.Nothing`":              "room.Nothing is declared nowhere",
				"a `[]room.Nothing(x)` b":     "room.Nothing is declared nowhere",
				"`room.Room.Steps`":           "room.Room has no Steps",
				"`Room.Nothing`":              "Room.Nothing is declared nowhere",
				"`Conn.Write`":                "Conn.Write is declared nowhere",
				"`room.Max` `Clock.Tomorrow`": "Clock.Tomorrow is declared nowhere",
			}))
	})
	t.Run("paths", func(t *testing.T) {
		plant(t, pathsExist, plantings(
			"`room/`, `room/room.go`, `room/*.go`, `ddcos/room/`, `go test ./room/...`, `room/{room,clock}.go`\n"+
				"`/room/x`, `usr/bin`, room/x, `room`, `http://room/x`, `a room/room.go.`\n```\n`room/x`\n```\n",
			map[string]string{
				"`room/x.go`":           "no room/x.go in this repository",
				"`go vet ./room/x/...`": "no room/x in this repository",
				"`room/{room,x}.go`":    "no room/x.go in this repository",
				"`docs/*.txt`":          "no docs/*.txt in this repository",
			}))
	})
	t.Run("links", func(t *testing.T) {
		plant(t, linksLead, plantings("[a](X.md), [b](../room/room.go#L3), [c](https://example.org/x), [d](#here), `[e](none)`\n",
			map[string]string{"[a](none.md)": "the link to none.md leads nowhere", "[a](room/room.go)": "the link to room/room.go leads nowhere"}))
	})
	t.Run("targets", func(t *testing.T) {
		plant(t, targetsExist, plantings("`make build`, `make`, `build`, `make -j`, make love\n",
			map[string]string{"`make run`": "the Makefile has no target run", "`make built DESTDIR=/x`": "the Makefile has no target built"}))
	})
}

package ddcos_test

import (
	"go/ast"
	"go/token"
	"go/types"
	"path"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// constantGlobals finds package-level variables that change: tables and
// sentinel errors are values, everything else belongs to somebody who can be
// pointed at. It reports
//
//   - an assignment to such a variable, or to an element or field of it, in
//     whatever form (=, +=, ++, range, delete, clear, copy);
//   - its address being taken outside of tests, by which it could change elsewhere;
//   - an assignment to a variable of another package;
//   - a declaration of a lock, a once or an atomic, which exist to change.
//
// What a method does to its receiver is not looked into. Names are resolved by
// go/types, but imports are not followed: it takes milliseconds.
func constantGlobals(t *tree) []string {
	type unit struct{ dir, name string } // package a and package a_test of one folder are two
	units := map[unit][]*ast.File{}
	for _, f := range t.files {
		if !f.generated {
			u := unit{f.dir, f.syntax.Name.Name}
			units[u] = append(units[u], f.syntax)
		}
	}
	var findings []string
	for u, files := range units {
		info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
		config := types.Config{Importer: stub{}, Error: func(error) {}} // a stub's names are all unknown
		pkg, _ := config.Check(u.dir, t.fset, files, info)
		w := globals{tree: t, scope: pkg.Scope(), uses: info.Uses}
		for _, file := range files {
			w.test = strings.HasSuffix(t.fset.Position(file.Package).Filename, "_test.go")
			w.declared(file)
			ast.Inspect(file, w.visit)
		}
		findings = append(findings, w.findings...)
	}
	return findings
}

// stub is an importer whose packages are empty.
type stub struct{}

var majorVersion = regexp.MustCompile(`^v[0-9]+$`)

func (stub) Import(imported string) (*types.Package, error) {
	name := path.Base(imported)
	if majorVersion.MatchString(name) {
		name = path.Base(path.Dir(imported))
	}
	pkg := types.NewPackage(imported, name)
	pkg.MarkComplete()
	return pkg, nil
}

// globals looks through one package.
type globals struct {
	tree     *tree
	scope    *types.Scope
	uses     map[*ast.Ident]types.Object
	test     bool // the file at hand is a test
	findings []string
}

// declared reports the package-level variables that exist to change.
func (w *globals) declared(file *ast.File) {
	for _, decl := range file.Decls {
		gen, ok := decl.(*ast.GenDecl)
		if !ok || gen.Tok != token.VAR {
			continue
		}
		for _, spec := range gen.Specs {
			if value, ok := spec.(*ast.ValueSpec); ok && changes(value) {
				w.report(value, value.Names[0].Name, "exists to change")
			}
		}
	}
}

// changes tells whether a declaration is of a type made for changing.
func changes(value *ast.ValueSpec) bool {
	kinds := []ast.Expr{value.Type}
	for _, v := range value.Values {
		if literal, ok := v.(*ast.CompositeLit); ok {
			kinds = append(kinds, literal.Type)
		}
	}
	for _, kind := range kinds {
		if generic, ok := kind.(*ast.IndexExpr); ok {
			kind = generic.X
		}
		selector, ok := kind.(*ast.SelectorExpr)
		if !ok {
			continue
		}
		pkg, ok := selector.X.(*ast.Ident)
		if ok && (pkg.Name == "atomic" || pkg.Name == "sync" && selector.Sel.Name != "Pool") {
			return true
		}
	}
	return false
}

// visit reports the ways in which a node changes a package-level variable.
func (w *globals) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.AssignStmt:
		if n.Tok != token.DEFINE {
			for _, left := range n.Lhs {
				w.target(left, "is assigned to")
			}
		}
	case *ast.IncDecStmt:
		w.target(n.X, "is assigned to")
	case *ast.RangeStmt:
		if n.Tok == token.ASSIGN {
			w.target(n.Key, "is assigned to")
			w.target(n.Value, "is assigned to")
		}
	case *ast.UnaryExpr:
		if n.Op == token.AND && !w.test {
			w.target(n.X, "has its address taken")
		}
	case *ast.CallExpr:
		fn, ok := n.Fun.(*ast.Ident)
		if ok && len(n.Args) > 0 && (fn.Name == "delete" || fn.Name == "clear" || fn.Name == "copy") {
			w.target(n.Args[0], "is changed by "+fn.Name)
		}
	}
	return true
}

// target reports an expression that is rooted in a package-level variable.
func (w *globals) target(e ast.Expr, how string) {
	for {
		switch x := e.(type) {
		case *ast.ParenExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.SliceExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.SelectorExpr:
			if pkg, ok := x.X.(*ast.Ident); ok && w.imported(pkg) {
				w.report(x, pkg.Name+"."+x.Sel.Name, how)
				return
			}
			e = x.X
		case *ast.Ident:
			if v, ok := w.uses[x].(*types.Var); ok && v.Parent() == w.scope {
				w.report(x, x.Name, how)
			}
			return
		default:
			return
		}
	}
}

// imported tells whether a name is that of an imported package.
func (w *globals) imported(name *ast.Ident) bool {
	_, ok := w.uses[name].(*types.PkgName)
	return ok
}

func (w *globals) report(at ast.Node, name, how string) {
	w.findings = append(w.findings, w.tree.at(at.Pos(), "package-level variable %s %s", strconv.Quote(name), how))
}

func TestConstantGlobals(t *testing.T) {
	head := "package a\n\nimport (\n\"os\"\n\"sync\"\n\"sync/atomic\"\n)\n\nvar x, y = map[string]int{}, struct{ f [2]int }{}\n\n"
	one := func(code, want string) planting {
		p := planting{files: map[string]string{"a/a.go": head + code + "\n"}}
		if want != "" {
			p.want = []string{"a/a.go:11: package-level variable " + want}
		}
		return p
	}
	plant(t, constantGlobals, map[string]planting{
		"read":              one(`func f() int { z := y; z.f[0]++; return x["a"] + z.f[0] + len(os.Args) }`, ""),
		"shadowed":          one(`func f(x int) *int { x = 1; y := 2; y++; return &x }`, ""),
		"a local's field":   one(`type T struct{ x int }; func f(t *T) { t.x = 1; *t = T{x: 2}; _ = &T{x: 3} }`, ""),
		"a pool":            one(`var pool = sync.Pool{}; var once = sync.OnceValue(func() int { return 1 })`, ""),
		"assigned":          one(`func f() { x = nil }`, `"x" is assigned to`),
		"assigned with := ": one(`func f() { if true { x, z := y, 1; _, _ = x, z }; x, z := x, 1; _, _ = x, z }`, ""),
		"an element":        one(`func f() { x["a"] = 1 }`, `"x" is assigned to`),
		"a field's element": one(`func f() { (y.f)[1]++ }`, `"y" is assigned to`),
		"in a closure":      one(`func f() func() { return func() { y.f[0] += 2 } }`, `"y" is assigned to`),
		"by range":          one(`func f() { for y.f[0] = range 3 { } }`, `"y" is assigned to`),
		"by delete":         one(`func f() { delete(x, "a") }`, `"x" is changed by delete`),
		"by address":        one(`func f() *[2]int { return &y.f }`, `"y" has its address taken`),
		"through a pointer": one(`var p = new(int); func f() { *p = 1 }`, `"p" is assigned to`),
		"another package's": one(`func f() { os.Args = nil }`, `"os.Args" is assigned to`),
		"a test's address":  {files: map[string]string{"a/a_test.go": head + "func f() *[2]int { return &y.f }\n"}},
		"a lock":            one(`var mu sync.Mutex`, `"mu" exists to change`),
		"an atomic":         one(`var n = atomic.Pointer[int]{}`, `"n" exists to change`),
		"from another file": {
			files: map[string]string{
				"a/a.go": head, "a/b.go": "package a\nfunc f() { x = nil }\n", "a/b_test.go": "package a\nfunc g() { x = nil }\n",
				"a/c_test.go": "package a_test\nvar x = 1\nfunc g() int { x := x; x = 2; return x }\n",
				"b/b.go":      "package b\nimport \"ddcos/a\"\nfunc f() { a.X = 1 }\n",
			},
			want: []string{
				`a/b.go:2: package-level variable "x" is assigned to`, `a/b_test.go:2: package-level variable "x"`,
				`b/b.go:3: package-level variable "a.X" is assigned to`,
			},
		},
	})
}

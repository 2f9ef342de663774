package mask

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// lines reads a corpus: command lines, without comments.
func lines(t testing.TB, name string) [][]string {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var all [][]string
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if !strings.HasPrefix(line, "#") {
			all = append(all, strings.Split(strings.ReplaceAll(line, `\n`, "\n"), "\t"))
		}
	}
	return all
}

// planted takes the marks off a command line and gives the secrets between them.
func planted(marked []string) (args, secrets []string) {
	for _, arg := range marked {
		for rest := arg; ; {
			_, after, found := strings.Cut(rest, "«")
			if !found {
				break
			}
			secret, after, _ := strings.Cut(after, "»")
			secrets, rest = append(secrets, secret), after
		}
		args = append(args, strings.NewReplacer("«", "", "»", "").Replace(arg))
	}
	return args, secrets
}

func TestPlantedSecrets(t *testing.T) {
	total := 0
	for _, marked := range lines(t, "secrets.txt") {
		args, secrets := planted(marked)
		before := slices.Clone(args)
		got := Arguments(args)
		if !slices.Equal(args, before) || len(got) != len(args) {
			t.Fatalf("%q was changed, or %q has another length", before, got)
		}
		total += len(secrets)
		if len(secrets) == 0 {
			t.Errorf("no secret in %q", marked)
		}
		text := strings.Join(got, "\x00")
		for _, secret := range secrets {
			if strings.Contains(text, secret) || leaks(text, secret) {
				t.Errorf("%q shows %q: %q", args, secret, got)
			}
		}
		if !strings.Contains(text, Mask) {
			t.Errorf("nothing masked: %q", got)
		}
		if got[0] != args[0] && len(args) > 1 {
			t.Errorf("the program's name is masked: %q", got)
		}
	}
	if total < 200 {
		t.Errorf("only %d secrets", total)
	}
}

// leaks tells whether a piece of a secret is there.
func leaks(text, secret string) bool {
	const piece = 5
	for at := 0; at+piece <= len(secret); at++ {
		if strings.Contains(text, secret[at:at+piece]) && !strings.HasPrefix(secret[at:], "-----") {
			return true
		}
	}
	return false
}

func TestHarmlessLinesStay(t *testing.T) {
	for _, args := range lines(t, "harmless.txt") {
		if got := Arguments(args); !slices.Equal(got, args) {
			t.Errorf("%q became %q", args, got)
		}
	}
}

// What is not a secret stays readable beside one.
func TestReadable(t *testing.T) {
	for _, c := range [][2]string{
		{"prog\t--password=x\t-v", "prog\t--password=********\t-v"},
		{"prog\t--password\tx\t-v", "prog\t--password\t********\t-v"},
		{"mysql\t-uroot\t-px\tdb", "mysql\t-uroot\t-p********\tdb"},
		{"sh\t-c\tmysql -p'x y' db; ls", "sh\t-c\tmysql -p'********' db; ls"},
		{"p\tpostgres://joe:x@db:5432/a", "p\tpostgres://joe:********@db:5432/a"},
		{"p\thttp://h/?token=x&n=1", "p\thttp://h/?token=********&n=1"},
		{"p\tAuthorization: Bearer x", "p\tAuthorization: Bearer ********"},
		{"sh\t-c\tcurl -H 'Authorization: Basic x' h", "sh\t-c\tcurl -H 'Authorization: Basic ********' h"},
		{`p	{"password": "x", "n": 1}`, `p	{"password": "********", "n": 1}`},
		{`p	{\"password\": \"x\", \"n\": 1}`, `p	{\"password\": \"********\", \"n\": 1}`},
		{"p\tServer=a;Password=x;Encrypt=1", "p\tServer=a;Password=********;Encrypt=1"},
		{"sh\t-c\tTOKEN=x ls", "sh\t-c\tTOKEN=******** ls"},
		{"app: token=x idle", "app: token=******** idle"},
		{"curl\t-u\tjoe:x\th", "curl\t-u\tjoe:********\th"},
		{"openssl\t-passin\tpass:x", "openssl\t-passin\tpass:********"},
		{"sqlplus\tscott/x@orcl", "sqlplus\tscott/********@orcl"},
	} {
		if got := strings.Join(Arguments(strings.Split(c[0], "\t")), "\t"); got != c[1] {
			t.Errorf("%q: got %q, want %q", c[0], got, c[1])
		}
	}
}

// A mask says nothing of the length.
func TestLengthIsHidden(t *testing.T) {
	for _, n := range []int{1, 8, 9, 4000} {
		if got := Arguments([]string{"p", "--password=" + strings.Repeat("x", n)}); got[1] != "--password="+Mask {
			t.Errorf("%d bytes: %q", n, got)
		}
	}
}

// Where there is nothing to mask, nothing is allocated and the list is the same.
func TestHarmlessCostsNothing(t *testing.T) {
	all := lines(t, "harmless.txt")
	if n := testing.AllocsPerRun(10, func() {
		for _, args := range all {
			Arguments(args)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Whoever wants to keep us busy gets the rest of the argument masked, and the
// bytes looked at stay in proportion.
func TestHostileLinesAreLinear(t *testing.T) {
	for _, piece := range []string{
		"key=:", "auth=x", "basic+", "://", "a://b:", `key="`, `key='"`, "password", "--", "-", "a:", "eyJ", `\`, "key=\\", "curl -u ", "set ",
	} {
		s := strings.Repeat(piece, 4096/len(piece))
		m := masker{args: []string{"p", s}, at: 1}
		m.argument(s)
		if m.work > 20*len(s)+8192 {
			t.Errorf("%q: %d bytes looked at again", piece, m.work)
		}
	}
}

func FuzzArguments(f *testing.F) {
	for _, name := range []string{"secrets.txt", "harmless.txt"} {
		for _, args := range lines(f, name) {
			args, _ := planted(args)
			f.Add(strings.Join(args, "\x00"))
		}
	}
	f.Fuzz(func(t *testing.T, line string) {
		args := strings.Split(line, "\x00")
		got := Arguments(args)
		if len(got) != len(args) {
			t.Fatalf("%d arguments became %d", len(args), len(got))
		}
		for i := range got {
			if len(got[i]) > (len(Mask)+1)*len(args[i]) {
				t.Fatalf("%q became %q", args[i], got[i])
			}
		}
		if again := Arguments(got); !slices.Equal(again, got) {
			t.Fatalf("%q became %q and then %q", args, got, again)
		}
	})
}

func BenchmarkHarmless(b *testing.B) { benchmark(b, lines(b, "harmless.txt")) }

func BenchmarkSecrets(b *testing.B) {
	var all [][]string
	for _, marked := range lines(b, "secrets.txt") {
		args, _ := planted(marked)
		all = append(all, args)
	}
	benchmark(b, all)
}

func benchmark(b *testing.B, all [][]string) {
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		Arguments(all[i%len(all)])
	}
}

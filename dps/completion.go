package dps

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"ddcos/k2i/query"
)

// Shells are what WriteCompletion knows.
var Shells = []string{"bash", "zsh", "fish"}

// WriteCompletion writes the completion of one shell, from the tables of options
// and columns.
func WriteCompletion(w io.Writer, shell string) error {
	var text string
	switch shell {
	case "bash":
		text = bashCompletion()
	case "zsh":
		text = "#compdef dps\nautoload -U +X bashcompinit && bashcompinit\n" + bashCompletion()
	case "fish":
		text = fishCompletion()
	default:
		return own(fmt.Sprintf("completion %q: the shells are %s", shell, strings.Join(Shells, ", ")))
	}
	_, err := io.WriteString(w, text)
	return err
}

func bashCompletion() string {
	return fmt.Sprintf(`# completion of dps
_dps() {
  local cur prev list words
  cur=${COMP_WORDS[COMP_CWORD]}
  prev=${COMP_WORDS[COMP_CWORD-1]}
  case $prev in
  -o|o|-O|O|--format|--sort|k)
    list=; case $cur in *,*) list=${cur%%,*}, ;; esac
    compopt -o nospace 2>/dev/null
    words='%s'
    COMPREPLY=($(compgen -P "$list" -W "$words" -- "${cur##*,}"))
    return ;;
  -u|-U|U|--user|--User) COMPREPLY=($(compgen -u -- "$cur")); return ;;
  -G|--group|--Group) COMPREPLY=($(compgen -g -- "$cur")); return ;;
  --by) COMPREPLY=($(compgen -W '%s' -- "$cur")); return ;;
  --on)
    list=; case $cur in *,*) list=${cur%%,*}, ;; esac
    COMPREPLY=($(compgen -P "$list" -W "$(dps --fleet --csv --deadline 300ms 2>/dev/null | tail -n +2 | cut -d, -f1)" -- "${cur##*,}"))
    return ;;
  --config) COMPREPLY=($(compgen -f -- "$cur")); return ;;
  --color) COMPREPLY=($(compgen -W 'auto always never' -- "$cur")); return ;;
  --help) COMPREPLY=($(compgen -W '%s' -- "$cur")); return ;;
  esac
  COMPREPLY=($(compgen -W '%s' -- "$cur"))
}
complete -F _dps dps
`, strings.Join(formatWords(), " "), strings.Join(groupWords(), " "), strings.Join(SectionNames(), " "), strings.Join(optionWords(), " "))
}

func fishCompletion() string {
	var b strings.Builder
	b.WriteString("# completion of dps\ncomplete -c dps -f\n")
	for _, o := range Options() {
		if o.Unix == 0 && len(o.Long) == 0 {
			continue
		}
		b.WriteString("complete -c dps")
		if o.Unix != 0 {
			fmt.Fprintf(&b, " -s %c", o.Unix)
		}
		if len(o.Long) > 0 {
			fmt.Fprintf(&b, " -l %s", o.Long[0])
		}
		switch {
		case o.Name() == "--by":
			fmt.Fprintf(&b, " -x -a '%s'", strings.Join(groupWords(), " "))
		case o.Name() == "--on":
			b.WriteString(" -x -a '(dps --fleet --csv --deadline 300ms 2>/dev/null | tail -n +2 | cut -d, -f1)'")
		case o.missing == needFormat || o.missing == needSpec || o.missing == needSort:
			fmt.Fprintf(&b, " -x -a '%s'", strings.Join(formatWords(), " "))
		case o.Arg != "":
			b.WriteString(" -x")
		}
		fmt.Fprintf(&b, " -d '%s'\n", strings.ReplaceAll(o.Help, "'", `\'`))
	}
	return b.String()
}

// groupWords are what --by is mostly asked for; of what there is.
func groupWords() []string {
	return slices.DeleteFunc(strings.Fields("host user comm container image unit cgroup kind pod runtime state tty"), func(name string) bool {
		_, ok := query.TermByName(name)
		return !ok
	})
}

// optionWords are the options as they begin: dashed letters and long names.
func optionWords() []string {
	var words []string
	for _, o := range Options() {
		if o.Unix != 0 {
			words = append(words, "-"+string(o.Unix))
		}
		if len(o.Long) > 0 {
			words = append(words, "--"+o.Long[0])
		}
	}
	return words
}

// formatWords are what may stand in a format: keywords, and formats by name.
func formatWords() []string {
	var words []string
	for _, c := range Columns() {
		words = append(words, c.Key)
	}
	return append(words, slices.Sorted(maps.Keys(named))...)
}

package cli_test

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"

	"ddcos/cli"
)

type misuse struct{ error }

// prog is a program with all that one may have.
func prog() *cobra.Command {
	root := &cobra.Command{
		Use: "prog", Short: "Try things", SilenceErrors: true, SilenceUsage: true,
		Long:    "prog tries things.\n\n  GET /one    it's a \"table\"\n  GET /two    with `marks`",
		Example: "  prog run 'a b'",
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	run := &cobra.Command{Use: "run WORD", Short: "Run one", Run: func(*cobra.Command, []string) {}}
	broker := "b0"
	if said := os.Getenv("PROG_BROKER"); said != "" {
		broker = said
	}
	f := run.Flags()
	f.Var(cli.Addresses(&broker), "broker", "`ADDRESS` of a broker (environment: PROG_BROKER)")
	f.String("mode", "auto", "how: auto or not")
	f.String("name", "thishost", "name of this host")
	f.String("on", "", "only these hosts")
	f.String("policy", "", "`FILE` of a policy")
	f.String("dir", "", "`DIRECTORY` to write to")
	f.BoolP("verbose", "v", false, "say more")
	f.Int("limit", 0, "`N` at most")
	_ = run.RegisterFlagCompletionFunc("on", func(_ *cobra.Command, _ []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		head := begun[:len(begun)-len(begun[lastComma(begun):])]
		return []cobra.Completion{head + "web1\tone", head + "web2\ttwo"}, cobra.ShellCompDirectiveNoSpace | cobra.ShellCompDirectiveNoFileComp
	})
	run.RunE = func(cmd *cobra.Command, _ []string) error {
		fmt.Fprintln(cmd.OutOrStdout(), "broker", broker)
		return nil
	}
	read := &cobra.Command{Use: "read FILE", Short: "Read a file", Run: func(*cobra.Command, []string) {}}
	secret := &cobra.Command{Use: "secret", Hidden: true, Run: func(*cobra.Command, []string) {}}
	root.AddCommand(run, read, secret)
	cli.Finish(root, cli.Habits{
		Misuse: func(err error) error { return misuse{err} },
		Own:    map[string]string{"name": "the host's own"},
		Values: map[string][]string{"mode": {"auto", "not"}},
	})
	return root
}

func lastComma(text string) int {
	for i := len(text); i > 0; i-- {
		if text[i-1] == ',' {
			return i
		}
	}
	return 0
}

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"prog": func() {
			err := prog().Execute()
			var wrong misuse
			switch {
			case errors.As(err, &wrong):
				fmt.Fprintln(os.Stderr, "prog:", err)
				os.Exit(2)
			case err != nil:
				fmt.Fprintln(os.Stderr, "prog:", err)
				os.Exit(1)
			}
		},
	})
}

// What the real shells make of it; those that are not here are left out.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata"})
}

package main

import (
	"bufio"
	"context"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"ddcos/dps"
	"ddcos/k2i/via"
)

// complete is what cobra's completion of a shell asks.
func complete(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	env := dps.DefaultEnv(os.Getenv)
	found := dps.Completer{
		Hosts:   func() []string { return hosts(cmd.Context(), args, env) },
		Users:   func() []string { return accounts("/etc/passwd") },
		Groups:  func() []string { return accounts("/etc/group") },
		Formats: formats,
	}.Complete(args, begun)
	words := make([]cobra.Completion, len(found.Words))
	for i, w := range found.Words {
		words[i] = cobra.CompletionWithDesc(w.Text, w.Help)
	}
	directive := cobra.ShellCompDirectiveNoFileComp
	if found.Files {
		directive = cobra.ShellCompDirectiveDefault
	}
	if found.Open {
		directive |= cobra.ShellCompDirectiveNoSpace
	}
	return words, directive
}

// hosts are the names that --on may have: those that the config file lists, and
// those of the fleet that the command line, the environment or the file speaks of.
func hosts(ctx context.Context, args []string, env dps.Env) []string {
	command, err := dps.Parse([]string{"--fleet"}, env)
	if said, wrong := dps.Parse(ways(args), env); wrong == nil {
		command, err = said, nil
	}
	if err != nil {
		return nil
	}
	names := listed(command.On)
	if command.Via == "" {
		names = append(names, asked(ctx, command)...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// ways are the options of a command line that say where the hosts are, with which
// they can be asked.
func ways(args []string) []string {
	said := []string{"--fleet"}
	for i, arg := range args {
		name, _, whole := strings.Cut(arg, "=")
		switch name {
		case "--broker", "--agents", "--via", "--config", "--tls-ca", "--tls-cert", "--tls-key", "--tls-name", "--token-file":
			if said = append(said, arg); !whole && i+1 < len(args) {
				said = append(said, args[i+1])
			}
		}
	}
	return said
}

// listed are the hosts of a pattern; none where it tells no names.
func listed(pattern string) []string {
	if pattern == "" || strings.ContainsAny(pattern, "*?") {
		return nil
	}
	names, err := via.Hosts(pattern)
	if err != nil {
		return nil
	}
	return names
}

// asked are the hosts of the fleet itself.
func asked(ctx context.Context, command *dps.Command) []string {
	command.Deadline = dps.HostNamesDeadline
	fleet, err := source(command)
	if err != nil {
		return nil
	}
	defer fleet.Close()
	return dps.HostNames(ctx, fleet)
}

// accounts are the names of a file such as /etc/passwd.
func accounts(path string) []string {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	var names []string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if name, _, ok := strings.Cut(lines.Text(), ":"); ok && name != "" && name[0] != '#' {
			names = append(names, name)
		}
	}
	return names
}

// formats are the names of the config file for --as.
func formats() []string {
	config, err := dps.LoadConfig("", os.Getenv)
	if err != nil {
		return nil
	}
	var names []string
	for name := range config.Formats {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

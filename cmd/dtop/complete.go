package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"ddcos/dps"
	"ddcos/k2i/query"
)

// hosts are the names that --on may have, as in dps: those that the config file
// lists, and those of the fleet that flags, the environment or the file speak of.
func (f *flags) hosts(cmd *cobra.Command, _ []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	const directive = cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	f.run.On = "" // what has begun is no pattern yet
	f.run.Deadline = dps.HostNamesDeadline
	source, err := f.source(cmd)
	if err != nil {
		return nil, directive
	}
	defer source.Close()
	names := dps.HostNames(cmd.Context(), source)
	if listed, err := query.Expand(f.run.On); err == nil && !strings.ContainsAny(f.run.On, "*?") {
		names = append(names, listed...)
	}
	slices.Sort(names)
	head := begun[:strings.LastIndexByte(begun, ',')+1]
	var words []cobra.Completion
	for _, name := range slices.Compact(names) {
		if name != "" && strings.HasPrefix(head+name, begun) {
			words = append(words, head+name)
		}
	}
	return words, directive
}

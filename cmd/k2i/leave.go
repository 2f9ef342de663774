package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"ddcos/middlecon/creds"
)

// keepCommand renews what is nobody's agent's: the certificate of another program.
func keepCommand() *cobra.Command {
	var dir string
	var verbose bool
	cmd := &cobra.Command{
		Use:   "keep",
		Short: "Keep a certificate renewed that 'k2i join --enrol-only' got",
		Long: `Renew the certificate of --dir after two thirds of its life, for as long as it runs.
'k2i serve' does so by itself for the agent's own; this is for those of other programs,
such as a Prometheus that scrapes agents.`,
		Example: "  k2i keep --dir /etc/ddcos/prometheus",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			j, err := readJoined(dir)
			if err != nil {
				return err
			}
			if j.Address == "" {
				return fmt.Errorf("%s is not there, or not for you: has 'k2i join --dir %s' run?", joinedFile(dir), dir)
			}
			j.keep(cmd.Context(), logTo(cmd.ErrOrStderr(), verbose))
			return nil
		},
	}
	cmd.Flags().StringVar(&dir, "dir", creds.Dir, "`DIRECTORY` that 'k2i join' wrote to")
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "log more")
	return cmd
}

func leaveCommand() *cobra.Command {
	var dir string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "leave",
		Short: "Remove what 'k2i join' wrote",
		Long: `Remove host.key, host.crt and joined.json, and ca.crt where no broker's certificate
is beside it. An agent that runs is not stopped: do that before. The broker lets the
name go when the certificate ends, or at once by 'middlecon ca release'.`,
		Example: "  k2i leave",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			j, err := readJoined(dir)
			if err != nil {
				return err
			}
			f := filesIn(dir)
			all := []string{joinedFile(dir), f.Cert, f.Key}
			if _, err := os.Stat(filepath.Join(dir, filepath.Base(creds.BrokerKey))); errors.Is(err, fs.ErrNotExist) {
				all = append(all, f.CA)
			}
			removed := []string{}
			for _, path := range all {
				err := os.Remove(path)
				if err == nil {
					removed = append(removed, path)
				} else if !errors.Is(err, fs.ErrNotExist) {
					return err
				}
			}
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(map[string][]string{"removed": removed})
			}
			for _, path := range removed {
				fmt.Fprintln(cmd.OutOrStdout(), "removed", path)
			}
			if j.Name != "" {
				fmt.Fprintf(cmd.OutOrStdout(), "the broker at %s lets the name go by 'middlecon ca release %s/%s'\n", j.Address, j.Role, j.Name)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&dir, "dir", creds.Dir, "`DIRECTORY` that 'k2i join' wrote to")
	cmd.Flags().BoolVar(&asJSON, "json", false, "machine-readable output")
	return cmd
}

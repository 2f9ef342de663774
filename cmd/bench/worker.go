package main

import (
	"errors"

	"github.com/spf13/cobra"

	"ddcos/bench"
)

// workerCommand is what the hosts of run have to show in their process tables.
func workerCommand() *cobra.Command {
	var listen string
	cmd := &cobra.Command{
		Use: "worker NAME", Short: "Be a process of a shown host", Hidden: true, Args: exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			err := bench.Worker(cmd.Context(), args[0], listen)
			if errors.Is(err, bench.ErrWorker) {
				return misuse{err}
			}
			return err
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:0", "`ADDRESS` of the web worker")
	return cmd
}

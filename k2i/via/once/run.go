package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"ddcos/k2i/agent"
	"ddcos/k2i/wire"
)

// run answers the question on out.
func run(ctx context.Context, question string, out io.Writer) error {
	if question == "" {
		return errors.New("this is what 'dps --via' carries over to other hosts; 'k2i once' is for people")
	}
	body, err := base64.URLEncoding.DecodeString(question)
	if err != nil {
		return fmt.Errorf("%s: %w", wire.RequestVariable, err)
	}
	req, err := wire.DecodeRequest(body)
	if err != nil {
		return err
	}
	_ = os.WriteFile("/proc/self/comm", []byte("k2i-once"), 0) // else it is called as its file was
	options := agent.DefaultOptions()
	options.Fields = req.Needs()
	snap, err := agent.LookFor(req.Connections == nil && req.Query.AsksRates())(ctx, options)
	if err != nil {
		return err
	}
	answer, err := wire.Serve(ctx, wire.Readers{Looker: agent.LookOnce{}}, snap, req, time.Now)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(out, "%d\n", len(answer)); err != nil {
		return err
	}
	_, err = out.Write(answer)
	return err
}

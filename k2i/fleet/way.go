package fleet

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"time"

	"ddcos/middlecon"
	"ddcos/protocol"
)

// Way is what a command line says of how hosts are reached: Brokers or Agents.
type Way struct {
	Broker   string // addresses with commas between
	Agents   []string
	Deadline time.Duration
	// Credentials are those for a broker, as middlecon.Options has them.
	Credentials func(broker string) (*tls.Config, func() (string, error), error)
	Misuse      func(error) error // marks an error as wrong use of the command
}

// Closing is a source and what is to be done with it at the end.
type Closing struct {
	Source
	End func() error // nil: nothing
}

// Close ends what the source holds open.
func (c Closing) Close() {
	if c.End != nil {
		_ = c.End() // nothing is lost with it: every answer has come
	}
}

// Open is the source that the way leads to; one without a Source where it says nothing.
func (w Way) Open() (Closing, error) {
	switch {
	case w.Broker != "" && len(w.Agents) > 0:
		return Closing{}, w.Misuse(errors.New("give --broker or --agents, not both"))
	case w.Broker != "":
		if _, err := protocol.ParseAddresses(w.Broker); err != nil {
			return Closing{}, w.Misuse(fmt.Errorf("--broker: %w", err))
		}
		config, token, err := w.Credentials(w.Broker)
		if err != nil {
			return Closing{}, err
		}
		brokers := Brokers(w.Broker, w.Deadline, middlecon.Options{TLS: config, Token: token})
		return Closing{brokers, brokers.Close}, nil
	case len(w.Agents) > 0:
		agents, err := Agents(w.Agents, &http.Client{Timeout: w.Deadline, Transport: &http.Transport{}})
		if err != nil {
			return Closing{}, w.Misuse(fmt.Errorf("--agents: %w", err))
		}
		return Closing{Source: agents}, nil
	}
	return Closing{}, nil
}

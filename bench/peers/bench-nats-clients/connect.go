package main

import (
	"sync"

	"github.com/nats-io/nats.go"
)

// dialing is how many connect at once at the start.
const dialing = 64

// connectAll lets every member subscribe. nats.go's options are its defaults, but that it never
// gives up.
func connectAll(broker, subject string, members int) error {
	var all sync.WaitGroup
	slots := make(chan struct{}, dialing)
	failed := make(chan error, members)
	for range members {
		slots <- struct{}{}
		all.Go(func() {
			failed <- connect(broker, subject)
			<-slots
		})
	}
	all.Wait()
	close(failed)
	for err := range failed {
		if err != nil {
			return err
		}
	}
	return nil
}

func connect(broker, subject string) error {
	c, err := nats.Connect("nats://"+broker, nats.MaxReconnects(-1))
	if err != nil {
		return err
	}
	_, err = c.Subscribe(subject, func(m *nats.Msg) { _ = m.Respond(m.Data) })
	if err != nil {
		return err
	}
	return c.Flush()
}

package fleet

import (
	"context"
	"time"

	"ddcos/k2i"
	"ddcos/k2i/wire"
)

// Local is this host itself, without any agent: snapshot reads it anew for each
// question. Its error is Ask's.
func Local(snapshot func(context.Context) (*k2i.Snapshot, error)) Source {
	return local(snapshot)
}

type local func(context.Context) (*k2i.Snapshot, error)

// Ask implements Source.
func (snapshot local) Ask(ctx context.Context, req wire.Request) ([]Reply, error) {
	snap, err := snapshot(ctx)
	if err != nil {
		return nil, err
	}
	answer, err := wire.Respond(snap, req, time.Now())
	if err != nil {
		return nil, err
	}
	return []Reply{{Host: snap.Host.Name, Status: StatusOK, Answer: answer}}, nil
}

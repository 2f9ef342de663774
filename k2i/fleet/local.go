package fleet

import (
	"context"
	"time"

	"ddcos/k2i"
	"ddcos/k2i/wire"
)

// Local is this host itself, without any agent: snapshot reads it anew for each
// question, of its processes at least these fields, all for nil; and looker looks
// for connections; nil for nobody. Their errors are Ask's.
func Local(snapshot func(ctx context.Context, fields []string) (*k2i.Snapshot, error), looker wire.Looker) Source {
	return local{snapshot, looker}
}

type local struct {
	snapshot func(context.Context, []string) (*k2i.Snapshot, error)
	looker   wire.Looker
}

// Ask implements Source.
func (l local) Ask(ctx context.Context, req wire.Request) ([]Reply, error) {
	snap, err := l.snapshot(ctx, req.Needs())
	if err != nil {
		return nil, err
	}
	if req.Connections != nil {
		answer, err := wire.Look(ctx, l.looker, snap, *req.Connections, time.Now)
		if err != nil {
			return nil, err
		}
		return []Reply{connected(snap.Host.Name, answer)}, nil
	}
	answer, rows, err := wire.RespondShared(snap, req, time.Now())
	if err != nil {
		return nil, err
	}
	return []Reply{{Host: snap.Host.Name, Status: StatusOK, Answer: answer, rows: rows}}, nil
}

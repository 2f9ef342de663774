package wire

import (
	"context"
	"time"

	"ddcos/k2i"
)

// Readers are who reads what a snapshot does not have; nil for nobody.
type Readers struct {
	Looker Looker
	Reader Reader
}

// Serve is the body that answers a request, whatever it asks for. The errors are
// Look's, Demand's and Reply's.
func Serve(ctx context.Context, by Readers, snap *k2i.Snapshot, req Request, now func() time.Time) ([]byte, error) {
	if req.Connections != nil {
		a, err := Look(ctx, by.Looker, snap, *req.Connections, now)
		if err != nil {
			return nil, err
		}
		return EncodeBody(a), nil
	}
	snap, req, err := Demand(ctx, by.Reader, snap, req)
	if err != nil {
		return nil, err
	}
	return Reply(snap, req, now())
}

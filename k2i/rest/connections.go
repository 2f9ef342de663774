package rest

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"ddcos/k2i"
	"ddcos/k2i/query"
	"ddcos/k2i/wire"
)

func connectionParams() []query.Param {
	return []query.Param{
		{Name: "pid", Type: "string", Help: "of these processes, joined by commas"},
		{Name: "state", Type: "string", Help: "in these states, joined by commas: " + strings.Join(k2i.TCPStates(), ", ")},
		{Name: "limit", Type: "integer", Help: "at most so many; " + strconv.Itoa(k2i.MaxConnections) + " if nothing is said"},
	}
}

// connections is GET /v1/connections.
func (h *Handler) connections(c *call) {
	filter, err := connectionFilter(c)
	if err != nil {
		fail(c.w, http.StatusBadRequest, "%v", err)
		return
	}
	snap := h.snapshot(c)
	if snap == nil {
		return
	}
	found, err := wire.Look(c.r.Context(), h.options.Connections, snap, filter, h.options.Now)
	switch {
	case errors.Is(err, wire.ErrNotLooking):
		fail(c.w, http.StatusNotImplemented, "%v", err)
	case errors.Is(err, context.DeadlineExceeded):
		c.w.Header().Set("Retry-After", "1")
		fail(c.w, http.StatusServiceUnavailable, "%v", err)
	case err != nil:
		fail(c.w, http.StatusInternalServerError, "%v", err)
	default:
		h.reply(c, http.StatusOK, found)
	}
}

// connectionFilter reads the parameters.
func connectionFilter(c *call) (k2i.ConnectionFilter, error) {
	var f k2i.ConnectionFilter
	words := func(name string) []string {
		list := strings.Join(c.values[name], ",")
		if list == "" {
			return nil
		}
		return strings.Split(list, ",")
	}
	for _, word := range words("pid") {
		n, err := strconv.ParseInt(word, 10, 32)
		if err != nil {
			return f, errors.New("parameter pid: " + strconv.Quote(word) + " is no process id")
		}
		f.PIDs = append(f.PIDs, int32(n))
	}
	f.States = words("state")
	for _, word := range words("limit") {
		n, err := strconv.Atoi(word)
		if err != nil {
			return f, errors.New("parameter limit: " + strconv.Quote(word) + " is no number of rows")
		}
		f.Limit = n
	}
	return f, f.Check()
}

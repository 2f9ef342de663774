package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"ddcos/middlecon"
)

// commands are what a member runs: each kind of message has its own turn, so
// that calls are answered while the member works.
type commands struct {
	exec, bid           string
	offers              bool
	called, bound, bids answers
}

// member gives who answers by these commands; without one, by the message itself.
func (c *commands) member(m middlecon.Member) (middlecon.Member, middlecon.Handler) {
	c.called = answers{command: c.exec, verb: "call"}
	c.bound = answers{command: c.exec, verb: "offer", streams: true}
	c.bids = answers{command: c.bid, verb: "bid"}
	handler, work := echo, echo
	if c.exec != "" {
		handler, work = c.called.answer, c.bound.answer
	}
	if c.offers || c.bid != "" {
		m.Work = work
	}
	if c.bid != "" {
		m.Bid = c.cost
	}
	return m, handler
}

// end returns when none of the commands runs, and none will.
func (c *commands) end() {
	c.called.end()
	c.bound.end()
	c.bids.end()
}

// cost asks the command that decides on offers: its success is a bid, whose cost
// it may print.
func (c *commands) cost(ctx context.Context, m *middlecon.Message) (uint64, error) {
	out, err := c.bids.answer(ctx, m)
	if err != nil {
		return 0, err
	}
	text := strings.TrimSpace(string(out))
	if text == "" {
		return 0, nil
	}
	cost, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("the command that bids printed %.40q: want a number, the cost, or nothing", text)
	}
	return cost, nil
}

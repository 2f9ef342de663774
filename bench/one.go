package bench

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// maxWindow is how many messages can be in flight: within what brokers allow one session.
const maxWindow = 256

// OneOptions say what [One] measures.
type OneOptions struct {
	Setting
	Messages int // round trips that are measured of each system, one after the other
	Stream   int // and as many with Window of them in flight
	Window   int
	Rounds   int // that both are spread over: the systems take turns
	Bytes    int // of the message, and of the reply
}

// DefaultOneOptions measures with the programs beside this one.
func DefaultOneOptions() OneOptions {
	return OneOptions{Setting: DefaultSetting(), Messages: 10_000, Stream: 100_000, Window: 64, Rounds: 20, Bytes: 64}
}

// check refuses what cannot be measured.
func (o OneOptions) check() error {
	switch {
	case o.Rounds < 1 || o.Messages < o.Rounds || o.Messages > maxCalls || o.Stream < o.Rounds || o.Stream > maxCalls:
		return fmt.Errorf("%w: %d and %d messages in %d rounds; want 1 to %d, and one a round", ErrOptions, o.Messages, o.Stream, o.Rounds, maxCalls)
	case o.Window < 1 || o.Window > maxWindow:
		return fmt.Errorf("%w: %d messages in flight; 1 to %d are possible", ErrOptions, o.Window, maxWindow)
	case o.Bytes < 0 || o.Bytes > maxBytes:
		return fmt.Errorf("%w: %d bytes; 0 to %d are possible", ErrOptions, o.Bytes, maxBytes)
	}
	return o.Setting.check(1)
}

// oneStat is what the messages of one system took.
type oneStat struct {
	*subject
	alone    *hdrhistogram.Histogram // of round trips one after the other, ns
	streamed *hdrhistogram.Histogram // of those in flight together, ns
	took     time.Duration           // all that were streamed
}

// One measures a message to one member and its reply, on middlecon and on the peers in turn: one
// after the other, and with many in flight. Every caller is bytes over one socket, and reads and
// writes as the others do.
func One(ctx context.Context, o OneOptions) error { return o.publish(ctx, o.once) }

func (o OneOptions) once(ctx context.Context) (found *result, err error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	bare := func(s *system) { s.dial = nil }
	err = o.measure(ctx, 1, bare, func(subjects []*subject) error {
		stats := map[*subject]*oneStat{}
		for _, s := range subjects {
			stats[s] = &oneStat{s, s.latencies, hdrhistogram.New(1, 4*callDeadline.Nanoseconds(), 3), 0}
		}
		err := o.rounds(subjects, o.Rounds, func(s *subject, round int) error { return stats[s].round(ctx, o, round) })
		if err != nil {
			return err
		}
		for _, s := range stats {
			s.alone = corrected(s.alone)
		}
		title := fmt.Sprintf("One member over %s, %d bytes each way: %d messages one after the other, one due every two median round trips, and %d with %d in flight, each due when one of those before it is answered, in %d rounds.",
			o.Transport, o.Bytes, o.Messages, o.Stream, o.Window, o.Rounds)
		found = &result{title, oneFigures(subjects, stats, o.Stream), oneCurves(subjects, stats)}
		return nil
	})
	return found, err
}

// round makes this round's share of the messages.
func (s *oneStat) round(ctx context.Context, o OneOptions, round int) error {
	c, ok := s.caller.(*bareCaller)
	if !ok {
		return fmt.Errorf("a %T cannot stream", s.caller)
	}
	payload := bytes.Repeat([]byte{'x'}, o.Bytes)
	share := func(all int) int { return all*(round+1)/o.Rounds - all*round/o.Rounds }
	if err := c.stream(ctx, payload, share(o.Messages), 1, s.alone); err != nil {
		return err
	}
	began := time.Now()
	err := c.stream(ctx, payload, share(o.Stream), o.Window, s.streamed)
	s.took += time.Since(began)
	return err
}

// stream sends so many messages to the only member, with window of them in flight, and records how
// long each took from when it was due, which is when a place in the window became free, to when its
// reply was read. What one read brings leads to one write.
func (c *bareCaller) stream(ctx context.Context, payload []byte, messages, window int, into *hdrhistogram.Histogram) error {
	if err := c.conn.SetDeadline(time.Now().Add(callDeadline)); err != nil {
		return err
	}
	stop := c.bounded(ctx)
	defer stop()
	first, asked := c.calls+1, 0
	var due [maxWindow]time.Time // of the message, by its number
	now := time.Now()
	for i := range window {
		due[(first+uint64(i))%maxWindow] = now
	}
	for answered := 0; answered < messages; {
		free := min(messages, answered+window) - asked
		if free > 0 && (asked == answered || !c.waiting()) {
			c.out = c.out[:0]
			for range free {
				c.calls++
				c.out = c.ask(c.out, c.calls, payload)
			}
			if _, err := c.conn.Write(c.out); err != nil {
				return err
			}
			asked += free
		}
		r, err := c.next()
		if err != nil {
			return fmt.Errorf("after %d of %d replies: %w", answered, messages, err)
		}
		if r.call == 0 {
			continue
		}
		if r.call != first+uint64(answered) || !bytes.Equal(r.payload, payload) {
			return fmt.Errorf("%w: reply %d is to message %d, or not what was sent", ErrAccount, first+uint64(answered), r.call)
		}
		answered++
		now = time.Now()
		took := now.Sub(due[r.call%maxWindow])
		due[(r.call+uint64(window))%maxWindow] = now
		if err := into.RecordValue(took.Nanoseconds()); err != nil {
			return err
		}
	}
	return nil
}

// corrected adds the messages that were due while one took long, had one been due each second median:
// who sends the next when the last has come is late with it, and forgets that it waited.
func corrected(h *hdrhistogram.Histogram) *hdrhistogram.Histogram {
	due := max(1, 2*h.ValueAtQuantile(50))
	all := hdrhistogram.New(h.LowestTrackableValue(), h.HighestTrackableValue(), int(h.SignificantFigures()))
	for _, bar := range h.Distribution() {
		_ = all.RecordValues(bar.To, bar.Count) // it has been recorded before
		for late := bar.To - due; bar.Count > 0 && late >= due; late -= due {
			_ = all.RecordValues(late, bar.Count)
		}
	}
	return all
}

// waiting tells that something has been read and not taken. It may be a part of a message.
func (c *bareCaller) waiting() bool { return c.start < len(c.buf) }

// oneFigures are round trips and how many a second there were.
func oneFigures(subjects []*subject, stats map[*subject]*oneStat, messages int) []Figure {
	at := func(h func(*oneStat) *hdrhistogram.Histogram, percent float64) func(*subject) float64 {
		return func(s *subject) float64 { return float64(h(stats[s]).ValueAtQuantile(percent)) / 1e3 }
	}
	alone := func(s *oneStat) *hdrhistogram.Histogram { return s.alone }
	streamed := func(s *oneStat) *hdrhistogram.Histogram { return s.streamed }
	return compare(subjects, []point{
		{"one-p50", "µs", at(alone, 50)},
		{"one-p99", "µs", at(alone, 99)},
		{"one-max", "µs", at(alone, 100)},
		{"stream-rate", "1/s", func(s *subject) float64 { return float64(messages) / stats[s].took.Seconds() }},
		{"stream-p50", "µs", at(streamed, 50)},
		{"stream-p99", "µs", at(streamed, 99)},
	})
}

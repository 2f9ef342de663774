package broker

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"ddcos/protocol"
)

// A scrape waits for the loop so long at most, and so many may wait at once.
const (
	scrapeWithin = 5 * time.Second
	scrapesMost  = 4
)

// Metrics is the broker as a Prometheus target. All of its own numbers are of
// one instant of the loop, so that they add up at every scrape.
func (b *Broker) Metrics() http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(&collector{b}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: scrapesMost, Timeout: 2 * scrapeWithin})
}

type collector struct{ b *Broker }

// Describe implements prometheus.Collector: what there is depends on nothing,
// but is told by Collect alone.
func (c *collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeWithin)
	defer cancel()
	s, err := c.b.Stats(ctx)
	if err != nil {
		out <- prometheus.NewInvalidMetric(describe("up", "Whether the loop answers."), err)
		return
	}
	for _, m := range numbers(&s) {
		out <- prometheus.MustNewConstMetric(describe(m.name, m.help), m.kind, float64(m.value))
	}
	outcomes := describe("outcomes_total", "Members settled, by outcome.", "outcome")
	for _, o := range protocol.Outcomes() {
		out <- prometheus.MustNewConstMetric(outcomes, prometheus.CounterValue, float64(s.Outcomes[o]), o.String())
	}
	out <- histogram("call_seconds", "From when the view of a call was fixed to its end.", s.Latency, s.ElapsedUS)
	out <- histogram("member_seconds", "From when the view of a call was fixed to the settling of a member.", s.MemberLatency, s.MemberUS)
}

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("middlecon_"+name, help, labels, nil)
}

type number struct {
	name, help string
	kind       prometheus.ValueType
	value      uint64
}

func numbers(s *protocol.Stats) []number {
	const counter, gauge = prometheus.CounterValue, prometheus.GaugeValue
	return []number{
		{"calls_accepted_total", "Calls accepted: those finished and those in flight.", counter, s.Accepted},
		{"calls_finished_total", "Calls that are over.", counter, s.Finished},
		{"calls_abandoned_total", "Calls finished whose caller was lost.", counter, s.Abandoned},
		{"calls_refused_total", "Calls refused with an error; they were not accepted.", counter, s.Refused},
		{"calls_in_flight", "Calls that are not over.", gauge, s.InFlight},
		{"published_total", "Messages without replies.", counter, s.Published},
		{"replies_late_total", "Replies after their member was settled or their call over.", counter, s.Late},
		{"replies_duplicate_total", "Further replies of one member to one call.", counter, s.Duplicate},
		{"replies_unknown_total", "Replies to no call, and of members that are not bound.", counter, s.Unknown},
		{"offers_accepted_total", "Offers accepted: those finished and those in flight.", counter, s.OffersAccepted},
		{"offers_finished_total", "Offers that are over.", counter, s.OffersFinished},
		{"offers_abandoned_total", "Offers finished whose caller was lost.", counter, s.OffersAbandoned},
		{"offers_refused_total", "Offers refused with an error; they were not accepted.", counter, s.OffersRefused},
		{"offers_in_flight", "Offers that are not over.", gauge, s.OffersInFlight},
		{"offers_bound_total", "Offers that a member was bound to.", counter, s.OffersBound},
		{"bids_total", "Bids that counted.", counter, s.Bids},
		{"bids_late_total", "Bids after their member was settled or their offer over.", counter, s.BidsLate},
		{"bids_duplicate_total", "Further bids of one member on one offer.", counter, s.BidsDuplicate},
		{"bids_unknown_total", "Bids for nothing that their session was offered.", counter, s.BidsUnknown},
		{"states_set_total", "States that members set.", counter, s.StatesSet},
		{"states_refused_total", "States refused because their session sets them too often.", counter, s.StatesRefused},
		{"views_total", "Views made, of all rooms.", counter, s.Views},
		{"sessions", "Sessions that are open.", gauge, s.Sessions},
		{"sessions_parted", "Sessions whose connection is cut, and that may be resumed.", gauge, s.Parted},
		{"sessions_resumed_total", "Sessions that were resumed.", counter, s.Resumed},
		{"sessions_taken_over_total", "Sessions resumed while they seemed alive, and parted ones whose name another took.", counter, s.TakenOver},
		{"sessions_expired_total", "Parted sessions whose window ended.", counter, s.Expired},
		{"resumes_refused_total", "Hellos with the secret of no session, or of another principal's.", counter, s.ResumesRefused},
		{"wills", "Wills that are set.", gauge, s.Wills},
		{"wills_published_total", "Wills that were published.", counter, s.WillsSent},
		{"unacked_bytes", "Frames that are kept to be sent again.", gauge, s.Unacked},
		{"calls_overdrawn_total", "Calls and offers beyond the credits of their session.", counter, s.Overdrawn},
		{"deliveries_refused_total", "Calls, offers and messages of principals that had caused too many deliveries.", counter, s.Throttled},
		{"account_entries", "Members that the calls in flight have selected.", gauge, s.Entries},
		{"accounts_unread_bytes", "Accounts that their callers have not read.", gauge, s.Homing},
		{"queue_slow_bytes", "Of the bytes that wait, those for sessions that read too slowly.", gauge, s.Slow},
		{"queue_full_total", "Frames, published ones too, that were given up because too much waited for their session or for all.", counter, s.QueueFull},
		{"frames_begun_bytes", "Bytes of frames that are not whole.", gauge, s.Begun},
		{"frames_begun_ended_total", "Sessions ended because too much was begun of frames.", counter, s.BegunEnded},
		{"sessions_tls", "Sessions over TLS that are open.", gauge, s.TLS},
		{"tls_refused_total", "Connections and sessions over TLS that were refused: no handshake, or no credential that holds.", counter, s.TLSRefused},
		{"sessions_half_open_total", "Sessions ended because their host acknowledged nothing any more.", counter, s.HalfOpen},
		{"forbidden_total", "Requests that the policy refused.", counter, s.Forbidden},
		{"expelled_total", "Memberships, watches and sessions ended because a policy or a token changed.", counter, s.Expelled},
		{"sessions_flooding_total", "Sessions that were read no faster than the others could bear.", counter, s.Floods},
		{"sessions_put_off_total", "Times that a session waited to say hello, join, watch and the like, because so much of that was asked, or to call, beside other principals, or with a long message behind another.", counter, s.PutOff},
		{"account_log_lines_total", "Lines of the account log that were written.", counter, s.Logged},
		{"account_log_dropped_total", "Lines of the account log that could not be written.", counter, s.LogDropped},
		{"rooms", "Rooms that there are.", gauge, s.Rooms},
		{"members", "Members of all rooms.", gauge, s.Members},
		{"watches", "Watches of all rooms.", gauge, s.Watches},
		{"absent", "Members that are remembered as lost.", gauge, s.Absent},
		{"held_bytes", "Replies and waiting messages of the calls in flight.", gauge, s.Held},
		{"queue_bytes", "Bytes that wait for sessions.", gauge, s.Queued},
	}
}

// histogram makes one of counts by protocol.LatencyBound.
func histogram(name, help string, counts []uint64, us uint64) prometheus.Metric {
	buckets, count := make(map[float64]uint64), uint64(0)
	for i, n := range counts {
		count += n
		if bound := protocol.LatencyBound(i); bound > 0 {
			buckets[float64(bound)/1e6] = count
		}
	}
	return prometheus.MustNewConstHistogram(describe(name, help), count, float64(us)/1e6, buckets)
}

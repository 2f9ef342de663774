package fleet

import (
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"ddcos/k2i/query"
)

// choice is which hosts a query asks, its pattern read once for all replies.
type choice struct {
	hosts  *query.Hosts
	labels map[string]string
}

// choiceOf is that of a query that has passed Check.
func choiceOf(q query.Query) choice {
	hosts, err := query.ParseHosts(q.On)
	if err != nil {
		hosts = nil
	}
	return choice{hosts, q.Labels}
}

// has tells whether a reply is one of a host that was asked. Of one that gave no
// answer the labels are not known: it may be one of them.
func (c choice) has(r *Reply) bool {
	if name := hostname(r.Host); !c.hosts.Match(r.Host) && !c.hosts.Match(name) && isName(name) {
		return false
	}
	return r.Status != StatusOK || r.Answer == nil || labelled(r.Answer.Labels, c.labels)
}

// table is what the replies make of q. A host that the query names and of which
// nobody knows is one that failed, and so is a pattern that is nobody's, unless labels
// leave it out.
func (c choice) table(replies []Reply, q query.Query, brokers []BrokerState) *Table {
	replies = slices.DeleteFunc(replies, func(r Reply) bool { return !c.has(&r) })
	if names := c.hosts.Names(); c.hosts != nil && len(c.labels) == 0 {
		known := map[string]bool{}
		for i := range replies {
			known[replies[i].Host], known[hostname(replies[i].Host)] = true, true
		}
		if len(replies)+len(names) == 0 {
			names = []string{q.On} // patterns alone
		}
		for _, name := range names {
			if !known[name] {
				replies = append(replies, Reply{Host: name, Status: StatusUnknown, Err: "no host of this name is in the fleet"})
			}
		}
	}
	table := merge(replies, q)
	table.Brokers = brokers
	return table
}

// hostname is the host in an agent's URL, or the name itself.
func hostname(given string) string {
	if strings.Contains(given, "://") {
		if u, err := url.Parse(given); err == nil {
			return u.Hostname()
		}
	}
	if host, _, err := net.SplitHostPort(given); err == nil {
		return host
	}
	return given
}

// isName tells a name, by which a host may be meant, from an address or a path,
// of which nobody knows whose it is.
func isName(host string) bool {
	_, err := netip.ParseAddr(host)
	return host != "" && err != nil
}

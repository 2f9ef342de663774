package fleet

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"ddcos/k2i/query"
)

// maxGroups is how many groups all hosts together may have. A host that would
// have one more has failed, and nobody else.
const maxGroups = 1 << 20

// group adds the hosts' groups up. A host is believed about its own processes
// and not about its name: a group by host is called as the host is here.
func (t *Table) group(replies []Reply, q query.Query, most int) {
	all := map[string]*query.Group{}
	for i := range replies {
		if t.Hosts[i].Status != StatusOK {
			continue
		}
		groups := replies[i].Answer.Groups
		if len(all)+len(groups) > most {
			t.Hosts[i].Status, t.Hosts[i].Err = StatusError, fmt.Sprintf("%d groups more than the %d of others are too many", len(groups), len(all))
			continue
		}
		for j := range groups {
			part := &groups[j]
			part.Hosts = 1
			if q.By == "host" {
				part.Key = t.Hosts[i].Name
			}
			sum := all[part.Key]
			if sum == nil {
				sum = query.NewGroup(part.Key)
				all[part.Key] = sum
			}
			sum.Merge(part)
		}
	}
	list := make([]*query.Group, 0, len(all))
	for _, group := range all {
		list = append(list, group)
	}
	t.Groups = query.FirstGroups(list, q.Sort, q.Limit)
}

// chosen are the replies of the hosts that a query asks. Of one that gave no
// answer the labels are not known: it may be one of them, and stays.
func chosen(replies []Reply, q query.Query) []Reply {
	hosts, err := query.ParseHosts(q.On)
	if err != nil || hosts == nil && len(q.Labels) == 0 {
		return replies
	}
	return slices.DeleteFunc(replies, func(r Reply) bool {
		if !hosts.Match(r.Host) && !hosts.Match(hostname(r.Host)) && isName(hostname(r.Host)) {
			return true
		}
		if r.Status != StatusOK || r.Answer == nil {
			return false
		}
		for name, value := range q.Labels {
			if has, ok := r.Answer.Labels[name]; !ok || has != value {
				return true
			}
		}
		return false
	})
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

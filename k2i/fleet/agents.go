package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"ddcos/k2i/wire"
)

// Limits of a list of agents.
const (
	MaxAgents      = 10_000          // URLs of one list
	MaxParallel    = 64              // agents that are asked at the same time
	AgentTimeout   = 5 * time.Second // of one agent, where the client has no Timeout of its own; ctx may say less
	maxAgentErrors = 4 << 10         // bytes that are read of an error
)

// agent is one URL of the list.
type agent struct {
	given string // as the user wrote it, and its name until it has told one
	base  string // URL without a path
	http  *http.Client
}

// Agents are the hosts behind a list of agents' URLs: http://host:port, its
// short form host:port, or unix:///path. A nil client stands for one with
// AgentTimeout. Redirects are not followed: an agent cannot send the asker elsewhere.
func Agents(urls []string, client *http.Client) (Source, error) {
	if len(urls) == 0 || len(urls) > MaxAgents {
		return nil, fmt.Errorf("%d agents: want 1 to %d", len(urls), MaxAgents)
	}
	if client == nil {
		client = &http.Client{Transport: &http.Transport{}}
	}
	own := *client
	if own.Timeout == 0 {
		own.Timeout = AgentTimeout
	}
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	list := make(agents, 0, len(urls))
	for _, given := range urls {
		a, err := newAgent(given, own)
		if err != nil {
			return nil, err
		}
		list = append(list, a)
	}
	return list, nil
}

func newAgent(given string, client http.Client) (agent, error) {
	if path, ok := strings.CutPrefix(given, "unix://"); ok {
		if !strings.HasPrefix(path, "/") {
			return agent{}, fmt.Errorf("agent %q: want unix:///path", given)
		}
		client.Transport = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", path)
		}}
		return agent{given: given, base: "http://localhost", http: &client}, nil
	}
	full := given
	if !strings.Contains(given, "://") {
		full = "http://" + given
	}
	u, err := url.Parse(full)
	if err != nil || (full != given && u.Port() == "") || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || strings.TrimSuffix(u.Path, "/") != "" || u.RawQuery != "" {
		return agent{}, fmt.Errorf("agent %q: want http://host:port, host:port or unix:///path", given)
	}
	return agent{given: given, base: u.Scheme + "://" + u.Host, http: &client}, nil
}

type agents []agent

// Ask implements Source.
func (list agents) Ask(ctx context.Context, req wire.Request) ([]Reply, error) {
	return list.Stream(ctx, req, nil)
}

// Stream implements Streamer: the agents are asked in parallel, MaxParallel at a time.
func (list agents) Stream(ctx context.Context, req wire.Request, each func(Reply) Reply) ([]Reply, error) {
	replies := make([]Reply, len(list))
	next := make(chan int)
	var group sync.WaitGroup
	for range min(len(list), MaxParallel) {
		group.Go(func() {
			for i := range next {
				replies[i] = passed(each, list[i].ask(ctx, req))
			}
		})
	}
	for i := range list {
		next <- i // a worker is always free within AgentTimeout or ctx
	}
	close(next)
	group.Wait()
	return replies, nil
}

// ask puts one question to one agent; whatever goes wrong is in the Reply.
func (a agent) ask(ctx context.Context, req wire.Request) Reply {
	asked := time.Now()
	reply, err := a.get(ctx, req)
	if err == nil {
		reply.Asked, reply.Took = asked, time.Since(asked)
		return reply
	}
	status := StatusError
	var network *url.Error
	switch {
	case !errors.As(err, &network):
	case network.Timeout() || errors.Is(err, context.DeadlineExceeded):
		status, err = StatusTimeout, errors.New("no answer in time: the agent or its host may be stopped")
	case errors.Is(err, context.Canceled):
		err = errors.New("interrupted")
	default:
		status, err = StatusUnreachable, plain(network.Err)
	}
	return Reply{Host: a.given, Status: status, Err: err.Error()}
}

func (a agent) get(ctx context.Context, req wire.Request) (Reply, error) {
	where := a.base + path(req)
	question, err := http.NewRequestWithContext(ctx, http.MethodGet, where, http.NoBody)
	if err != nil {
		return Reply{}, err
	}
	question.Header.Set("Accept", wire.ContentType)
	response, err := a.http.Do(question)
	if err != nil {
		return Reply{}, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return Reply{}, refusal(response)
	}
	if got := response.Header.Get("Content-Type"); got != wire.ContentType {
		return Reply{}, fmt.Errorf("an answer of type %.64q: is this a k2i agent?", got)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, wire.MaxAnswer+1))
	if err != nil {
		return Reply{}, &url.Error{Op: "Get", URL: where, Err: err}
	}
	return Read(body, req)
}

// path is where a request is put to an agent.
func path(req wire.Request) string {
	if f := req.Connections; f != nil {
		values := url.Values{"state": f.States}
		for _, pid := range f.PIDs {
			values.Add("pid", strconv.Itoa(int(pid)))
		}
		if f.Limit > 0 {
			values.Set("limit", strconv.Itoa(f.Limit))
		}
		return "/v1/connections?" + values.Encode()
	}
	return "/v1/proc?" + req.Query.Values().Encode()
}

// refusal is the sentence of an answer that is not 200.
func refusal(response *http.Response) error {
	var body struct{ Detail string }
	if json.NewDecoder(io.LimitReader(response.Body, maxAgentErrors)).Decode(&body) != nil || body.Detail == "" {
		return fmt.Errorf("the agent says: %s", response.Status)
	}
	return fmt.Errorf("the agent says: %s", firstLine(body.Detail))
}

// plain drops what net's errors repeat: the address is the host's name already.
func plain(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return line
}

package rest

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"ddcos/k2i/query"
	"ddcos/k2i/wire"
	"ddcos/near"
)

// route is one path, what it takes and what it answers. The mux, the checks of
// every request and the OpenAPI document all read it from here.
type route struct {
	path     string // as a pattern of net/http
	summary  string
	params   []query.Param // of its query string; any other one is refused
	types    []string      // content types it answers in, the first where it does not matter; nil where answer sees to it
	body     any           // a value of the type that it answers; nil for text
	statuses []int         // other than 200, and those that every route may answer
	answer   func(c *call)
	open     bool // to everybody: it tells nothing of processes
}

// call is a request on its way to an answer.
type call struct {
	w           http.ResponseWriter
	r           *http.Request
	values      url.Values // its parameters, all of which the route takes
	contentType string     // what is answered
}

// routes are all there are. A path of 2018's k2i answers as its newer one.
func (h *Handler) routes() []route {
	rows := tables()
	process := route{params: []query.Param{detailParam()}, types: rows, body: wire.ProcessAnswer{}, statuses: []int{http.StatusNotFound}}
	all := []route{
		{path: "/v1/proc", summary: "Processes", params: query.Params(), types: rows, body: wire.Answer{}, answer: h.processes},
		process.as("/v1/proc/{pid}", "One process", h.process),
		process.as("/v1/proc/self", "The agent's own process", h.self),
		process.as("/v1/proc/pid/{pid}", "One process, as of old", h.process),
		{path: "/v1/proc/cmd/{name}", summary: "Processes of one name", params: without(query.Params(), "comm", "cmd"), types: rows, body: wire.Answer{}, answer: h.named},
		{path: "/v1/containers", summary: "Containers, machines and sandboxes", types: rows, body: wire.ContainersAnswer{}, answer: h.containers},
		{path: "/v1/connections", summary: "TCP connections and listening sockets of processes, as they are now", params: connectionParams(), types: rows, body: wire.ConnectionsAnswer{}, statuses: []int{http.StatusNotImplemented}, answer: h.connections},
		{path: "/v1/host", summary: "The host", types: rows, body: wire.HostAnswer{}, answer: h.host},
		{path: "/v1/config", summary: "What the agent was told", types: rows, body: configBody{Config: h.options.Config}, answer: h.config},
		{path: "/v1/openapi.json", summary: "This document", types: []string{jsonType}, answer: h.openAPI, open: true},
		{path: healthPath, summary: "Whether samples are fresh", types: []string{jsonType}, body: healthBody{}, answer: h.health, open: true},
		{path: "/", answer: h.unknown, open: true},
	}
	if h.options.Metrics != nil {
		all = append(all, route{path: "/metrics", summary: "Metrics for Prometheus", answer: func(c *call) { h.options.Metrics.ServeHTTP(c.w, c.r) }})
	}
	return all
}

func (r route) as(path, summary string, answer func(c *call)) route {
	r.path, r.summary, r.answer = path, summary, answer
	return r
}

func without(params []query.Param, names ...string) []query.Param {
	return slices.DeleteFunc(params, func(p query.Param) bool { return slices.Contains(names, p.Name) })
}

// serve checks what a request asks of a route, and answers it.
func (r route) serve(w http.ResponseWriter, request *http.Request) {
	c := &call{w: w, r: request}
	if r.types == nil { // somebody else's, or nobody's
		r.answer(c)
		return
	}
	var err error
	if c.values, err = url.ParseQuery(request.URL.RawQuery); err != nil {
		fail(w, http.StatusBadRequest, "%v", err)
		return
	}
	for name := range c.values {
		if !slices.ContainsFunc(r.params, func(p query.Param) bool { return p.Name == name }) {
			fail(w, http.StatusBadRequest, "%v", query.UnknownParam(name, r.params))
			return
		}
	}
	w.Header().Set("Vary", "Accept")
	if c.contentType = negotiate(request.Header.Values("Accept"), r.types...); c.contentType == "" {
		fail(w, http.StatusNotAcceptable, "%s is answered as %s", r.path, strings.Join(r.types, ", "))
		return
	}
	r.answer(c)
}

// unknown is every path that there is not.
func (h *Handler) unknown(c *call) {
	var all []string
	for _, r := range h.routes() {
		if r.path != "/" {
			all = append(all, r.path)
		}
	}
	fail(c.w, http.StatusNotFound, "no such path %.64q%s; there are %s", c.r.URL.Path, near.Hint("", c.r.URL.Path, all), strings.Join(all, ", "))
}

// healthPath is where a supervisor looks.
const healthPath = "/healthz"

// configBody answers what the agent was told, without secrets.
type configBody struct {
	wire.Head
	Config any `json:"config" msgpack:"config"`
}

// healthBody answers whether the samples are fresh: ok, or stale.
type healthBody struct {
	Status string `json:"status" msgpack:"status"`
	wire.Head
}

package rest

import (
	"encoding/json"
	"net/http"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"ddcos"
	"ddcos/k2i/query"
)

// node is a piece of the document; its keys are OpenAPI's own words.
type node = map[string]any

// document is the OpenAPI 3.1 description of routes. It is made of what answers
// the requests: the routes, the parameters of query.Params, the types of the
// bodies and the table of fields; so nothing in it is told twice.
func document(routes []route) ([]byte, error) {
	s := schemas{all: node{}, types: map[string]reflect.Type{}}
	problem := node{"description": "what went wrong, and what to do", "content": node{ProblemType: node{"schema": s.of(Problem{})}}}
	paths := node{}
	for _, r := range routes {
		if r.summary == "" {
			continue
		}
		paths[r.path] = node{"get": node{
			"summary": r.summary, "operationId": operationID(r.path),
			"parameters": parameters(r), "responses": responses(r, &s),
		}}
	}
	return json.Marshal(node{
		"openapi": "3.1.0",
		"info": node{
			"title": "k2i", "version": ddcos.Version(),
			"description": "The process table of one host. Every answer has the time and the age of its sample, the road it came by, what is hidden from it and what is missing. Names of quantities end in their unit; null is unknown, and never zero; in msgpack an unknown count is -1, an unknown rate not a number.",
			"license":     node{"name": "Apache-2.0", "identifier": "Apache-2.0"},
		},
		"servers":    []node{{"url": "/"}},
		"security":   []node{}, // none: who may connect may read
		"paths":      paths,
		"components": node{"schemas": s.all, "responses": node{"Problem": problem}},
	})
}

// operationID is a path as one word: get_v1_proc_pid.
func operationID(path string) string {
	return "get" + strings.NewReplacer("/", "_", ".", "_", "{", "", "}", "").Replace(path)
}

// wildcards are a path's own parameters.
func wildcards(path string) []string {
	var names []string
	for _, match := range regexp.MustCompile(`{(\w+)}`).FindAllStringSubmatch(path, -1) {
		names = append(names, match[1])
	}
	return names
}

func parameters(r route) []node {
	list := []node{}
	for _, name := range wildcards(r.path) {
		schema := node{"type": "string"}
		if name == "pid" {
			schema = node{"type": "integer", "minimum": 1, "maximum": 1<<31 - 1}
		}
		list = append(list, node{"name": name, "in": "path", "required": true, "schema": schema})
	}
	for _, p := range r.params {
		list = append(list, parameter(p))
	}
	return list
}

func parameter(p query.Param) node {
	return node{"name": p.Name, "in": "query", "description": p.Help, "schema": node{"type": p.Type}}
}

func responses(r route, s *schemas) node {
	content := node{}
	for _, one := range r.types {
		content[one] = node{"schema": s.of(r.body)}
	}
	if r.types == nil {
		content["text/plain"] = node{"schema": node{"type": "string"}}
	}
	all := node{
		"200": node{"description": r.summary, "content": content},
		"4XX": node{"$ref": "#/components/responses/Problem"},
		"5XX": node{"$ref": "#/components/responses/Problem"},
	}
	for _, status := range r.statuses {
		all[strconv.Itoa(status)] = node{"$ref": "#/components/responses/Problem"}
	}
	if r.path == healthPath { // a stale agent says all the same what it has
		all[strconv.Itoa(http.StatusServiceUnavailable)] = node{"description": "stale, or no sample yet", "content": node{
			jsonType: node{"schema": s.of(r.body)}, ProblemType: node{"schema": s.of(Problem{})},
		}}
	}
	return all
}

// openAPI is GET /v1/openapi.json.
func (h *Handler) openAPI(c *call) { write(c, http.StatusOK, h.document) }

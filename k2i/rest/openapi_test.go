package rest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"ddcos/k2i"
)

// published is the document that an agent answers with.
func published(t *testing.T, url string) (text string, doc map[string]any) {
	t.Helper()
	status, header, body := get(t, url+"/v1/openapi.json", nil)
	if status != http.StatusOK || header.Get("Content-Type") != jsonType {
		t.Fatalf("%d %v", status, header)
	}
	return body, object(t, body)
}

// compiler holds the document, whose schemas forbid what they do not name: an
// answer with a field that is not documented fails.
func compiler(t *testing.T, doc map[string]any) *jsonschema.Compiler {
	t.Helper()
	for name, schema := range doc["components"].(map[string]any)["schemas"].(map[string]any) {
		if _, ok := schema.(map[string]any)["properties"]; !ok {
			t.Errorf("%s has no properties", name)
		}
		schema.(map[string]any)["additionalProperties"] = false
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020) // OpenAPI 3.1's own dialect
	if err := c.AddResource("k2i.json", doc); err != nil {
		t.Fatal(err)
	}
	return c
}

// at compiles a schema by its place in the document.
func at(t *testing.T, c *jsonschema.Compiler, place ...string) *jsonschema.Schema {
	t.Helper()
	for i := range place {
		place[i] = strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace(place[i])
	}
	s, err := c.Compile("k2i.json#/" + strings.Join(place, "/"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// holds validates a body.
func holds(t *testing.T, s *jsonschema.Schema, path, body string) {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(body))
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	if err := s.Validate(value); err != nil {
		t.Errorf("%s: %v\n%.500s", path, err, body)
	}
}

// full is a snapshot with something in every place.
func full() *k2i.Snapshot {
	s := withEnded()
	whole := k2i.Blank()
	whole.PID, whole.State, whole.Comm, whole.Args = 50, "R", "\xff", nil
	whole.ContainerID, whole.Runtime, whole.Kind = strings.Repeat("a", 64), "docker", "container"
	s.Processes = append(s.Processes, &whole)
	s.BusyCPUs, s.Missing = 1.5, nil
	return s
}

// told is an agent's configuration.
type told struct {
	Name string `json:"name" msgpack:"name"`
}

// Every route is in the document, and answers what it says there: the body,
// whatever is asked for, and errors.
func TestAnswersAreAsDocumented(t *testing.T) {
	url, h, src := serve(t, func(o *Options) {
		o.PID, o.Details, o.Metrics = 7, known{}, http.NotFoundHandler()
		o.Config, o.Connections = told{"x"}, looked{}
	})
	src.snap.Store(full())
	_, doc := published(t, url)
	c := compiler(t, doc)
	queries := map[string][]string{
		"/v1/proc": {"?exited=true", "?fields=pid,comm", "?limit=1", "?by=user", "?by=comm&sort=-rss_bytes", "?on=nobody"}, "/v1/proc/{pid}": {"?detail=all", "?detail=pss"}, "/v1/proc/self": {"?detail=stack"},
		"/v1/connections": {"?pid=7", "?state=listen&limit=1"},
	}
	paths := doc["paths"].(map[string]any)
	for _, r := range h.routes() {
		if r.path == "/" {
			continue
		}
		if paths[r.path] == nil {
			t.Errorf("%s is not told", r.path)
			continue
		}
		if r.types == nil || r.path == "/v1/openapi.json" {
			continue
		}
		body := at(t, c, "paths", r.path, "get", "responses", "200", "content", jsonType, "schema")
		problem := at(t, c, "components", "responses", "Problem", "content", ProblemType, "schema")
		path := strings.NewReplacer("{pid}", "50", "{name}", "init").Replace(r.path)
		for _, query := range append(queries[r.path], "") {
			if status, _, text := get(t, url+path+query, nil); status != http.StatusOK {
				t.Errorf("%s: %d %s", path+query, status, text)
			} else {
				holds(t, body, path+query, text)
			}
		}
		_, header, text := get(t, url+path+"?no-such-parameter=1", nil)
		if holds(t, problem, path, text); header.Get("Content-Type") != ProblemType {
			t.Errorf("%s: %v", path, header)
		}
	}
	if len(paths) != len(h.routes())-1 {
		t.Errorf("%d paths, %d routes", len(paths), len(h.routes()))
	}
}

// A body that is not as documented is found: the check can fail.
func TestUndocumentedIsFound(t *testing.T) {
	url, _, _ := serve(t, nil)
	_, doc := published(t, url)
	s := at(t, compiler(t, doc), "paths", "/v1/proc", "get", "responses", "200", "content", jsonType, "schema")
	_, _, body := get(t, url+"/v1/proc", nil)
	for from, to := range map[string]string{
		`"total":3`: `"total":"3"`, `"pid":7`: `"pidd":7`, `"mode":`: `"modus":`, `"busy_cpus":null`: `"busy_cpus":-1`, `"read_bytes":null`: `"read_bytes":1.5`,
	} {
		spoilt := strings.Replace(body, from, to, 1)
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(spoilt))
		if err != nil || spoilt == body || s.Validate(value) == nil {
			t.Errorf("%s instead of %s is not found, %v", to, from, err)
		}
	}
}

// The document is what OpenAPI 3.1 asks for, as far as this one goes.
func TestDocumentIsOpenAPI(t *testing.T) {
	url, _, _ := serve(t, nil)
	text, doc := published(t, url)
	var known struct {
		OpenAPI string
		Info    struct {
			Title, Version, Description string
			License                     struct{ Name, Identifier string }
		}
		Paths map[string]map[string]struct {
			Summary, OperationID string
			Parameters           []struct {
				Name, In, Description string
				Required              bool
				Schema                map[string]any
			}
			Responses map[string]map[string]any
		}
		Servers    []struct{ URL string }
		Security   []map[string]any
		Components struct{ Schemas, Responses map[string]map[string]any }
	}
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.DisallowUnknownFields()
	if err := d.Decode(&known); err != nil {
		t.Fatal(err)
	}
	if known.OpenAPI != "3.1.0" || known.Info.Title == "" || known.Info.Version == "" {
		t.Errorf("%+v", known.Info)
	}
	seen := map[string]bool{}
	for path, methods := range known.Paths {
		get, ok := methods["get"]
		if !ok || len(methods) != 1 || seen[get.OperationID] || !regexp.MustCompile(`^[a-z0-9_]+$`).MatchString(get.OperationID) || get.Summary == "" {
			t.Errorf("%s: %+v", path, methods)
		}
		seen[get.OperationID] = true
		var inPath []string
		names := map[string]bool{}
		for _, p := range get.Parameters {
			if names[p.In+p.Name] || p.Schema == nil || p.Required != (p.In == "path") || p.In == "query" && p.Description == "" {
				t.Errorf("%s: %+v", path, p)
			}
			names[p.In+p.Name] = true
			if p.In == "path" {
				inPath = append(inPath, "{"+p.Name+"}")
			}
		}
		if got := regexp.MustCompile(`{\w+}`).FindAllString(path, -1); !slices.Equal(got, inPath) {
			t.Errorf("%s: its parameters are %v", path, inPath)
		}
		if get.Responses["200"] == nil || get.Responses["4XX"] == nil {
			t.Errorf("%s: %v", path, get.Responses)
		}
	}
	for _, ref := range regexp.MustCompile(`"\$ref":"#/([^"]+)"`).FindAllStringSubmatch(text, -1) {
		var here any = doc
		for word := range strings.SplitSeq(ref[1], "/") {
			here = here.(map[string]any)[word]
		}
		if here == nil {
			t.Errorf("%s leads nowhere", ref[1])
		}
	}
	process := known.Components.Schemas["Process"]["properties"].(map[string]any)
	for _, f := range k2i.Fields() {
		if p, ok := process[f.Name].(map[string]any); !ok || !strings.HasPrefix(fmt.Sprint(p["description"]), f.Help) || p["type"] == nil {
			t.Errorf("%s: %v", f.Name, process[f.Name])
		}
	}
}

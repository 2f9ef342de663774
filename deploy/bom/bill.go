package main

import (
	"encoding/json"
	"io"
)

// bill is a document of CycloneDX 1.5, as far as we have something to say. It has
// neither a time nor a serial number: the same programs have the same bill.
type bill struct {
	Schema       string       `json:"$schema"`
	Format       string       `json:"bomFormat"`
	Specified    string       `json:"specVersion"`
	Version      int          `json:"version"` // of this document
	Metadata     metadata     `json:"metadata"`
	Components   []component  `json:"components"`
	Dependencies []dependency `json:"dependencies"`
}

type metadata struct {
	Component component `json:"component"`
}

type component struct {
	Type       string     `json:"type"`
	Ref        string     `json:"bom-ref"`
	Name       string     `json:"name"`
	Version    string     `json:"version,omitempty"`
	Hashes     []hash     `json:"hashes,omitempty"`
	Purl       string     `json:"purl,omitempty"`
	Properties []property `json:"properties,omitempty"`
}

type hash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type dependency struct {
	Ref string   `json:"ref"`
	On  []string `json:"dependsOn,omitempty"`
}

// writeBill writes the bill of a version of ddcos that consists of programs.
func writeBill(out io.Writer, version string, programs []program) error {
	b := bill{
		Schema: "http://cyclonedx.org/schema/bom-1.5.schema.json", Format: "CycloneDX", Specified: "1.5", Version: 1,
		Metadata: metadata{component{Type: "application", Ref: "ddcos", Name: "ddcos", Version: version}},
	}
	whole := dependency{Ref: "ddcos"}
	for _, p := range programs {
		ref := "program:" + p.name
		b.Components = append(b.Components, component{
			Type: "application", Ref: ref, Name: p.name, Version: version, Hashes: []hash{{"SHA-256", p.sum}},
		})
		whole.On = append(whole.On, ref)
		linked := dependency{Ref: ref}
		for _, m := range libraries([]program{p}) {
			linked.On = append(linked.On, m.purl())
		}
		b.Dependencies = append(b.Dependencies, linked)
	}
	b.Dependencies = append(b.Dependencies, whole)
	for _, m := range libraries(programs) {
		c := component{Type: "library", Ref: m.purl(), Name: m.path, Version: m.version, Purl: m.purl()}
		if m.sum != "" {
			c.Properties = []property{{"go:sum", m.sum}}
		}
		b.Components = append(b.Components, c)
	}
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", " ")
	return encoder.Encode(b)
}

// purl is the library's package URL.
func (l library) purl() string { return "pkg:golang/" + l.path + "@" + l.version }

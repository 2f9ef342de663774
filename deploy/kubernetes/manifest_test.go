// Package kubernetes holds the manifests to the units of systemd.
package kubernetes

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// A manifest is as much of the API as ours use; a field that is not here, or is
// misspelt there, is an error. What is only carried through is any.
type manifest struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string
	Metadata   metadata
	Spec       struct {
		Selector       any
		Ports          any
		Replicas       int
		Strategy       any
		UpdateStrategy any `yaml:"updateStrategy"`
		Template       struct {
			Metadata metadata
			Spec     pod
		}
	}
}

type metadata struct {
	Name, Namespace     string
	Labels, Annotations map[string]string
}

type pod struct {
	HostPID                       bool   `yaml:"hostPID"`
	HostNetwork                   bool   `yaml:"hostNetwork"`
	DNSPolicy                     string `yaml:"dnsPolicy"`
	AutomountServiceAccountToken  *bool  `yaml:"automountServiceAccountToken"`
	EnableServiceLinks            bool   `yaml:"enableServiceLinks"`
	PriorityClassName             string `yaml:"priorityClassName"`
	TerminationGracePeriodSeconds int    `yaml:"terminationGracePeriodSeconds"`
	Tolerations                   any
	SecurityContext               struct {
		RunAsNonRoot   bool `yaml:"runAsNonRoot"`
		RunAsUser      int  `yaml:"runAsUser"`
		RunAsGroup     int  `yaml:"runAsGroup"`
		FSGroup        int  `yaml:"fsGroup"`
		SeccompProfile any  `yaml:"seccompProfile"`
	} `yaml:"securityContext"`
	Containers []container
	Volumes    []struct {
		Name     string
		EmptyDir any `yaml:"emptyDir"`
		Secret   any
		HostPath *struct{ Path, Type string } `yaml:"hostPath"`
	}
}

type container struct {
	Name, Image     string
	ImagePullPolicy string `yaml:"imagePullPolicy"`
	Command, Args   []string
	Env             []struct {
		Name, Value string
		ValueFrom   any `yaml:"valueFrom"`
	}
	Ports           any
	SecurityContext struct {
		Privileged               *bool
		AllowPrivilegeEscalation *bool `yaml:"allowPrivilegeEscalation"`
		ReadOnlyRootFilesystem   bool  `yaml:"readOnlyRootFilesystem"`
		Capabilities             struct{ Drop, Add []string }
	} `yaml:"securityContext"`
	Resources      any
	ReadinessProbe any       `yaml:"readinessProbe"`
	VolumeMounts   []mounted `yaml:"volumeMounts"`
}

type mounted struct {
	Name      string
	MountPath string `yaml:"mountPath"`
	ReadOnly  bool   `yaml:"readOnly"`
}

// manifests are all of a file.
func manifests(t *testing.T, file string) (all []manifest) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	for {
		var m manifest
		err := decoder.Decode(&m)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if m.APIVersion == "" || m.Kind == "" || m.Metadata.Name == "" {
			t.Errorf("%s: a manifest without version, kind or name: %+v", file, m)
		}
		all = append(all, m)
	}
}

// unitCapabilities are those that a unit leaves its service, without CAP_.
func unitCapabilities(t *testing.T, name string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "systemd", name+".service"))
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^AmbientCapabilities=(.*)$`).FindSubmatch(text)
	if found == nil {
		t.Fatalf("%s says nothing of capabilities", name)
	}
	return strings.Fields(strings.ReplaceAll(string(found[1]), "CAP_", ""))
}

// TestAsTheUnits: what runs on Kubernetes has the privileges of its unit and no
// more, and is told only what the program understands.
func TestAsTheUnits(t *testing.T) {
	found := 0
	for _, file := range []string{"k2i.yaml", "middlecon.yaml"} {
		for _, m := range manifests(t, file) {
			spec := m.Spec.Template.Spec
			if m.Kind != "DaemonSet" && m.Kind != "Deployment" {
				continue
			}
			found++
			if spec.AutomountServiceAccountToken == nil || *spec.AutomountServiceAccountToken {
				t.Errorf("%s has a token that it does not need", m.Metadata.Name)
			}
			if len(spec.Containers) != 1 {
				t.Fatalf("%s has %d containers", m.Metadata.Name, len(spec.Containers))
			}
			c := spec.Containers[0]
			s := c.SecurityContext
			want, got := unitCapabilities(t, c.Name), slices.Clone(s.Capabilities.Add)
			slices.Sort(want)
			slices.Sort(got)
			if !slices.Equal(got, want) || !slices.Equal(s.Capabilities.Drop, []string{"ALL"}) {
				t.Errorf("%s: capabilities %v, without %v; the unit has %v", c.Name, got, s.Capabilities.Drop, want)
			}
			if s.Privileged == nil || *s.Privileged || s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation || !s.ReadOnlyRootFilesystem {
				t.Errorf("%s: %+v", c.Name, s)
			}
			agent := c.Name == "k2i"
			if spec.HostPID != agent || spec.HostNetwork != agent || spec.SecurityContext.RunAsNonRoot == agent {
				t.Errorf("%s: of the host it has %v %v, of root's %v", c.Name, spec.HostPID, spec.HostNetwork, spec.SecurityContext.RunAsNonRoot)
			}
			for _, v := range spec.Volumes {
				if v.HostPath != nil && !agent {
					t.Errorf("%s has %s of the host", c.Name, v.HostPath.Path)
				}
				i := slices.IndexFunc(c.VolumeMounts, func(m mounted) bool { return m.Name == v.Name })
				if i < 0 || (v.EmptyDir == nil && !c.VolumeMounts[i].ReadOnly) {
					t.Errorf("%s: volume %s is unused, or may be written", c.Name, v.Name)
				}
			}
			understood(t, c)
		}
	}
	if found != 2 {
		t.Errorf("%d programs are deployed", found)
	}
}

// understood holds arguments to what the program's help has, and plaintext out.
func understood(t *testing.T, c container) {
	t.Helper()
	help, err := exec.CommandContext(t.Context(), "go", "run", "ddcos/cmd/"+c.Name, c.Args[0], "--help").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, arg := range c.Args[1:] {
		flag, _, _ := strings.Cut(arg, "=")
		if !regexp.MustCompile(`(?m)^ +(-\w, )?` + regexp.QuoteMeta(flag) + `\b`).Match(help) {
			t.Errorf("%s: no flag %s", c.Name, flag)
		}
		if flag == "--insecure-plaintext" {
			t.Errorf("%s is told %s", c.Name, flag)
		}
	}
}
